/*
 * image_store.c - see image_store.h. The order in which a source becomes an image; how, the others know.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "image_store.h"

#include "image_cache.h"
#include "image_config.h"
#include "image_job.h"
#include "image_layer.h"
#include "image_lock.h"
#include "image_manifest.h"
#include "image_rootfs.h"
#include "late.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* ------------------------------------------------------------------------------------- unpacking */

/* Progress is told in bytes of the layers as they are stored. */
static int32_t measure(const struct image_tar *tar, const struct image_manifest *manifest)
{
    struct image_job *job = image_tar_job(tar);

    for (size_t i = 0; i < manifest->count; i++) {
        struct image_blob *blob = NULL;

        if (image_blob_open(tar, manifest->layers[i].name, &blob) != 0) {
            return job->code;
        }
        job->total += image_blob_size(blob);
        image_blob_close(blob);
    }
    return 0;
}

static int32_t lay_layers(const struct image_tar *tar, const struct image_manifest *manifest,
                          int root)
{
    struct image_rootfs rootfs;
    int32_t r = measure(tar, manifest);

    image_rootfs_begin(&rootfs, image_tar_job(tar), root);
    for (size_t i = 0; r == 0 && i < manifest->count; i++) {
        if (i > 0) { /* below the first there is nothing to hide */
            r = image_layer_read(tar, &manifest->layers[i], NULL, image_rootfs_hide, &rootfs);
        }
        if (r == 0) {
            r = image_layer_read(tar, &manifest->layers[i], "Unpacking", image_rootfs_put, &rootfs);
        }
    }
    image_rootfs_end(&rootfs);
    return r;
}

static int32_t unpack(const struct image_cache *cache, const struct image_tar *tar,
                      const struct image_manifest *manifest, int folder)
{
    struct image_job *job = image_tar_job(tar);
    int root = openat(folder, IMAGE_CACHE_ROOTFS, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int32_t r = root < 0 ? image_job_fail_errno(job, "open folder", IMAGE_CACHE_ROOTFS)
                         : lay_layers(tar, manifest, root);

    if (root >= 0) {
        (void)close(root);
    }
    if (r == 0 && image_cache_publish(cache, folder, manifest->digest, manifest->config,
                                      manifest->config_length) < 0) {
        r = image_job_fail_errno(job, "store it in", cache->path);
    }
    return r;
}

static int32_t from_tar(const struct image_cache *cache, struct image_job *job, int fd, int folder,
                        struct image *ret_image)
{
    struct image_manifest manifest = {0};
    struct image_tar *tar = NULL;
    int32_t r = image_tar_open(job, fd, folder, &tar);

    if (r == 0) {
        r = image_manifest_read(tar, &manifest);
    }
    /* The same image may have been saved twice. */
    if (r == 0 && image_cache_load(cache, manifest.digest, ret_image) != 0) {
        r = unpack(cache, tar, &manifest, folder);
        if (r == 0 && image_cache_load(cache, manifest.digest, ret_image) != 0) {
            r = image_job_fail(job, ENCLAVE_EIO, "it cannot be read back from '%.200s'",
                               cache->path);
        }
    }
    image_manifest_clear(&manifest);
    image_tar_close(tar);
    return r;
}

/* With the lock held. */
static int32_t make(const struct image_cache *cache, struct image_job *job, int fd,
                    const struct image_key *key, struct image *ret_image)
{
    int folder;
    int32_t r;

    if (image_cache_begin(cache, &folder) < 0) {
        return image_job_fail_errno(job, "make a folder in", cache->path);
    }
    r = from_tar(cache, job, fd, folder, ret_image);
    (void)close(folder);
    if (image_cache_discard(cache) < 0 && r == 0) {
        r = image_job_fail_errno(job, "clean up", cache->path);
    }
    if (r == 0 && image_cache_remember(cache, key, ret_image->digest) < 0) {
        r = image_job_fail_errno(job, "remember it in", cache->path);
    }
    if (r != 0) {
        image_clear(ret_image);
    }
    return r;
}

/* ------------------------------------------------------------------------------------ the source */

/* Not in the index: take the lock, look again, since who had it may have unpacked the same. */
static int32_t open_unknown(struct image_cache *cache, struct image_job *job, int fd,
                            const struct image_key *key, struct image *ret_image)
{
    int taken = image_lock_take(cache->fd, IMAGE_CACHE_LOCK, job->request->cancel_fd, &cache->lock);

    if (taken < 0) {
        return image_job_fail_errno(job, "lock", cache->path);
    }
    if (taken == 0) {
        return image_job_check(job);
    }
    return image_cache_find(cache, key, ret_image) == 0 ? 0 : make(cache, job, fd, key, ret_image);
}

static int32_t open_tar(const struct image_request *request, int fd, const struct stat *st,
                        const char *path, struct image *ret_image, struct enclave_error *err)
{
    struct image_cache cache;
    struct image_key key;
    struct image_job job;
    struct image image = {0};
    int32_t r = image_cache_open(request->cache_dir, &cache, err);

    if (r != 0) {
        return r;
    }
    image_key_make(path, st, &key);
    if (image_cache_find(&cache, &key, &image) != 0 && (r = late_archive(err)) == 0) {
        image_job_begin(&job, request, err);
        r = open_unknown(&cache, &job, fd, &key, &image);
        image_job_end(&job);
    }
    image_cache_close(&cache);
    if (r == 0) {
        *ret_image = image;
    }
    return r;
}

static int32_t use_folder(char *path, struct image *ret_image, struct enclave_error *err)
{
    char **env = calloc(1, sizeof *env);
    char *rootfs = strdup(path);

    if (!env || !rootfs) {
        free(env);
        free(rootfs);
        return enclave_error_set(err, ENCLAVE_ENOMEM, "image '%.200s': out of memory", path);
    }
    *ret_image = (struct image){.rootfs = rootfs, .env = env};
    return 0;
}

static int32_t fail(const char *source, struct enclave_error *err)
{
    return enclave_error_set(err, errno == ENOENT ? ENCLAVE_ENOTFOUND : ENCLAVE_EIO,
                             "image '%.200s': %s", source, strerror(errno));
}

int32_t image_open(const struct image_request *request, struct image *ret_image,
                   struct enclave_error *err)
{
    struct stat st;
    char *path = NULL;
    int32_t r;
    int fd = open(request->source, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

    if (fd < 0) {
        return fail(request->source, err);
    }
    if (fstat(fd, &st) < 0 || !(path = realpath(request->source, NULL))) {
        r = fail(request->source, err);
    } else if (S_ISDIR(st.st_mode)) {
        r = use_folder(path, ret_image, err);
    } else if (S_ISREG(st.st_mode)) {
        r = open_tar(request, fd, &st, path, ret_image, err);
    } else {
        r = enclave_error_set(err, ENCLAVE_EINVALID,
                              "image '%.200s': it is neither a folder nor a tar file",
                              request->source);
    }
    free(path);
    (void)close(fd);
    return r;
}

void image_clear(struct image *image)
{
    if (image) {
        free(image->rootfs);
        free(image->digest);
        image_env_free(image->env);
        *image = (struct image){0};
    }
}
