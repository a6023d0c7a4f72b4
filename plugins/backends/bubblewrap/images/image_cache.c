/* image_cache.c - see image_cache.h. SPDX-License-Identifier: Apache-2.0 */
#include "image_cache.h"

#include "image_config.h"
#include "image_tree.h"
#include "json_build.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#define UNPACKING "unpacking"
#define INDEX "index"
#define INDEX_NEW "index/new"
#define CONFIG "config.json"
#define CONFIG_MAX (4 << 20)

/* ------------------------------------------------------------------------------------- its place */

static int32_t default_place(char to[PATH_MAX], struct enclave_error *err)
{
    const char *xdg = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    int n;

    if (geteuid() == 0) {
        n = snprintf(to, PATH_MAX, "/var/cache/enclave/images");
    } else if (xdg && xdg[0] == '/') {
        n = snprintf(to, PATH_MAX, "%s/enclave/images", xdg);
    } else if (home && home[0] == '/') {
        n = snprintf(to, PATH_MAX, "%s/.cache/enclave/images", home);
    } else {
        return enclave_error_set(
            err, ENCLAVE_ECONFIG,
            "there is no place to unpack images to: neither XDG_CACHE_HOME nor "
            "HOME is set; set the backend's option cache_dir");
    }
    return n < PATH_MAX ? 0 : enclave_error_set(err, ENCLAVE_ECONFIG, "cache folder: too long");
}

/*
 * mkdir -p. What is made is ours alone; root's can be passed through by all, since its sandboxes are
 * started as another user, but not listed.
 */
static int make_path(char *path)
{
    mode_t mode = geteuid() == 0 ? 0711 : 0700;

    for (char *at = path + 1;; at++) {
        char kept = *at;

        if (kept != '/' && kept != '\0') {
            continue;
        }
        *at = '\0';
        if (mkdir(path, 0700) == 0) {
            if (chmod(path, mode) < 0) { /* whatever the umask */
                return -1;
            }
        } else if (errno != EEXIST) {
            return -1;
        }
        *at = kept;
        if (kept == '\0') {
            return 0;
        }
    }
}

/* Whoever else could write there could choose what runs in our sandboxes. */
static int32_t check_owner(const struct image_cache *cache, struct enclave_error *err)
{
    struct stat st;

    if (fstat(cache->fd, &st) < 0) {
        return enclave_error_set(err, ENCLAVE_EIO, "cache folder '%.300s': %s", cache->path,
                                 strerror(errno));
    }
    if (st.st_uid != geteuid() || (st.st_mode & 022) != 0) {
        return enclave_error_set(err, ENCLAVE_EDENIED,
                                 "cache folder '%.300s': it must belong to this user (%u) and be "
                                 "writable by nobody else (chmod 700)",
                                 cache->path, (unsigned)geteuid());
    }
    return 0;
}

int32_t image_cache_open(const char *dir, struct image_cache *ret_cache, struct enclave_error *err)
{
    struct image_cache cache = {.fd = -1, .lock = -1};
    char path[PATH_MAX];
    int32_t r = 0;

    if (!dir) {
        r = default_place(path, err);
    } else if (!*dir || snprintf(path, sizeof path, "%s", dir) >= PATH_MAX) {
        r = enclave_error_set(err, ENCLAVE_ECONFIG, "cache folder '%.300s': no path of one", dir);
    }
    if (r != 0) {
        return r;
    }
    cache.fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (cache.fd < 0 && errno == ENOENT && make_path(path) == 0) {
        cache.fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    if (cache.fd < 0 || !(cache.path = realpath(path, NULL))) {
        r = enclave_error_set(err, ENCLAVE_EIO, "cache folder '%.300s': %s", path, strerror(errno));
    }
    if (r == 0) {
        r = check_owner(&cache, err);
    }
    if (r != 0) {
        image_cache_close(&cache);
        return r;
    }
    *ret_cache = cache;
    return 0;
}

void image_cache_close(struct image_cache *cache)
{
    if (cache->lock >= 0) {
        (void)close(cache->lock);
    }
    if (cache->fd >= 0) {
        (void)close(cache->fd);
    }
    free(cache->path);
}

/* ------------------------------------------------------------------------------------- its index */

void image_key_make(const char *path, const struct stat *st, struct image_key *ret_key)
{
    char digest[IMAGE_DIGEST_SIZE];

    (void)image_digest_of(path, strlen(path), digest);
    (void)snprintf(ret_key->name, sizeof ret_key->name, INDEX "/%s", image_digest_hex(digest));
    /* The time of change too: that one cannot be set back. */
    (void)snprintf(ret_key->identity, sizeof ret_key->identity, "%llx,%llx,%llx,%llx.%lx,%llx.%lx",
                   (unsigned long long)st->st_dev, (unsigned long long)st->st_ino,
                   (unsigned long long)st->st_size, (unsigned long long)st->st_mtim.tv_sec,
                   (unsigned long)st->st_mtim.tv_nsec, (unsigned long long)st->st_ctim.tv_sec,
                   (unsigned long)st->st_ctim.tv_nsec);
}

int32_t image_cache_find(const struct image_cache *cache, const struct image_key *key,
                         struct image *ret_image)
{
    char text[sizeof key->identity + IMAGE_DIGEST_SIZE + 1];
    ssize_t length = readlinkat(cache->fd, key->name, text, sizeof text - 1);
    char *digest;

    if (length < 0) {
        return ENCLAVE_ENOTFOUND;
    }
    text[length] = '\0';
    digest = strchr(text, '=');
    if (!digest) {
        return ENCLAVE_ENOTFOUND;
    }
    *digest++ = '\0';
    if (strcmp(text, key->identity) != 0 || !image_digest_hex(digest)) {
        return ENCLAVE_ENOTFOUND;
    }
    return image_cache_load(cache, digest, ret_image);
}

/* A link is made and replaced at once, and needs no file to be written. */
int image_cache_remember(const struct image_cache *cache, const struct image_key *key,
                         const char *digest)
{
    char text[sizeof key->identity + IMAGE_DIGEST_SIZE + 1];

    (void)snprintf(text, sizeof text, "%s=%s", key->identity, digest);
    if ((mkdirat(cache->fd, INDEX, 0700) < 0 && errno != EEXIST) ||
        (unlinkat(cache->fd, INDEX_NEW, 0) < 0 && errno != ENOENT) ||
        symlinkat(text, cache->fd, INDEX_NEW) < 0) {
        return -1;
    }
    return renameat(cache->fd, INDEX_NEW, cache->fd, key->name);
}

/* ------------------------------------------------------------------------------------ its images */

static void folder_of(const char *digest, char to[IMAGE_DIGEST_SIZE])
{
    (void)snprintf(to, IMAGE_DIGEST_SIZE, "sha256-%s", image_digest_hex(digest));
}

static json_object *read_config(int fd)
{
    struct stat st;
    char *text = NULL;
    json_object *config = NULL;

    if (fstat(fd, &st) == 0 && st.st_size <= CONFIG_MAX &&
        (text = malloc((size_t)st.st_size + 1)) &&
        read(fd, text, (size_t)st.st_size) == st.st_size) {
        text[st.st_size] = '\0';
        config = image_json_parse(text, (size_t)st.st_size);
    }
    free(text);
    return config;
}

int32_t image_cache_load(const struct image_cache *cache, const char *digest,
                         struct image *ret_image)
{
    struct image image = {0};
    char folder[IMAGE_DIGEST_SIZE];
    char path[IMAGE_DIGEST_SIZE + sizeof CONFIG];
    json_object *config JSON_CLEANUP = NULL;
    int fd;

    folder_of(digest, folder);
    (void)snprintf(path, sizeof path, "%s/" CONFIG, folder);
    fd = openat(cache->fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return ENCLAVE_ENOTFOUND;
    }
    config = read_config(fd);
    (void)close(fd);
    if (!config || image_config_env(config, &image.env) != 0) {
        return ENCLAVE_ENOTFOUND;
    }
    image.digest = strdup(digest);
    if (!image.digest ||
        asprintf(&image.rootfs, "%s/%s/" IMAGE_CACHE_ROOTFS, cache->path, folder) < 0) {
        image.rootfs = NULL;
        image_clear(&image);
        return ENCLAVE_ENOMEM;
    }
    *ret_image = image;
    return 0;
}

int image_cache_begin(const struct image_cache *cache, int *ret_fd)
{
    int fd;

    if (image_tree_remove(cache->fd, UNPACKING) < 0 || mkdirat(cache->fd, UNPACKING, 0700) < 0 ||
        fchmodat(cache->fd, UNPACKING, 0755, 0) < 0) {
        return -1;
    }
    fd = openat(cache->fd, UNPACKING, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }
    if (mkdirat(fd, IMAGE_CACHE_ROOTFS, 0700) < 0 ||
        fchmodat(fd, IMAGE_CACHE_ROOTFS, 0755, 0) < 0) {
        (void)close(fd);
        return -1;
    }
    *ret_fd = fd;
    return 0;
}

int image_cache_discard(const struct image_cache *cache)
{
    return image_tree_remove(cache->fd, UNPACKING);
}

static int write_config(int folder, const char *config, size_t length)
{
    int fd = openat(folder, CONFIG, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    ssize_t n;

    if (fd < 0) {
        return -1;
    }
    n = write(fd, config, length);
    (void)close(fd);
    if (n >= 0 && (size_t)n < length) {
        errno = ENOSPC;
    }
    return n >= 0 && (size_t)n == length ? 0 : -1;
}

int image_cache_publish(const struct image_cache *cache, int unpacked, const char *digest,
                        const char *config, size_t length)
{
    char folder[IMAGE_DIGEST_SIZE];

    folder_of(digest, folder);
    if (write_config(unpacked, config, length) < 0 ||
        image_tree_remove(cache->fd, folder) < 0) { /* one that somebody removed in part */
        return -1;
    }
    return renameat(cache->fd, UNPACKING, cache->fd, folder);
}
