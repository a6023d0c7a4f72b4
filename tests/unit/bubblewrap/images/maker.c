/* SPDX-License-Identifier: Apache-2.0 */
#include "maker.h"

#include "image_config.h"
#include "image_tree.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MTIME 1000000000

static char room[64];
static void *kept[8192];
static size_t kept_count;

static void *keep(void *pointer)
{
    assert_non_null(pointer);
    assert_true(kept_count < sizeof kept / sizeof *kept);
    return kept[kept_count++] = pointer;
}

/* -------------------------------------------------------------------------------------- archives */

struct output {
    FILE *stream;
    char *data;
    size_t length;
};

static la_ssize_t put_bytes(struct archive *tar, void *ctx, const void *data, size_t length)
{
    struct output *output = ctx;

    (void)tar;
    return (la_ssize_t)fwrite(data, 1, length, output->stream);
}

static struct archive *begin(struct output *output, const char *filter)
{
    struct archive *tar = archive_write_new();

    output->stream = open_memstream(&output->data, &output->length);
    assert_non_null(output->stream);
    assert_int_equal(archive_write_set_bytes_in_last_block(tar, 1), ARCHIVE_OK);
    if (filter) {
        assert_int_equal(archive_write_add_filter_by_name(tar, filter), ARCHIVE_OK);
    }
    return tar;
}

static struct bytes finish(struct output *output, struct archive *tar)
{
    assert_int_equal(archive_write_free(tar), ARCHIVE_OK);
    (void)fclose(output->stream);
    return (struct bytes){keep(output->data), output->length};
}

static void put_item(struct archive *tar, const struct item *item)
{
    static const mode_t types[] = {['f'] = AE_IFREG, ['d'] = AE_IFDIR, ['l'] = AE_IFLNK,
                                   ['h'] = AE_IFREG, ['c'] = AE_IFCHR, ['p'] = AE_IFIFO};
    struct archive_entry *entry = archive_entry_new();
    size_t length = item->type != 'f' || !item->text ? 0
                    : item->length                   ? item->length
                                                     : strlen(item->text);

    archive_entry_set_pathname(entry, item->name);
    archive_entry_set_mode(entry, types[(unsigned char)item->type] | (item->mode ? item->mode
                                                                      : item->type == 'd' ? 0755
                                                                                          : 0644));
    archive_entry_set_mtime(entry, MTIME, 0);
    if (item->type == 'l') {
        archive_entry_set_symlink(entry, item->text);
    } else if (item->type == 'h') {
        archive_entry_set_hardlink(entry, item->text);
    } else {
        archive_entry_set_size(entry, (la_int64_t)length);
    }
    assert_true(archive_write_header(tar, entry) >= ARCHIVE_WARN);
    if (length > 0) {
        assert_int_equal(archive_write_data(tar, item->text, length), length);
    }
    archive_entry_free(entry);
}

struct bytes make_tar(const struct item *items, size_t count, const char *filter)
{
    struct output output;
    struct archive *tar = begin(&output, filter);

    assert_int_equal(archive_write_set_format_gnutar(tar), ARCHIVE_OK);
    assert_int_equal(archive_write_open(tar, &output, NULL, put_bytes, NULL), ARCHIVE_OK);
    for (size_t i = 0; i < count; i++) {
        put_item(tar, &items[i]);
    }
    return finish(&output, tar);
}

struct bytes compress_bytes(struct bytes plain, const char *filter)
{
    struct output output;
    struct archive *tar = begin(&output, filter);
    struct archive_entry *entry = archive_entry_new();

    assert_int_equal(archive_write_set_format_raw(tar), ARCHIVE_OK);
    assert_int_equal(archive_write_open(tar, &output, NULL, put_bytes, NULL), ARCHIVE_OK);
    archive_entry_set_filetype(entry, AE_IFREG);
    assert_int_equal(archive_write_header(tar, entry), ARCHIVE_OK);
    archive_entry_free(entry);
    assert_int_equal(archive_write_data(tar, plain.data, plain.length), plain.length);
    return finish(&output, tar);
}

/* ---------------------------------------------------------------------------------------- images */

struct bytes text(const char *format, ...)
{
    va_list args;
    char *data = NULL;
    int length;

    va_start(args, format);
    length = vasprintf(&data, format, args);
    va_end(args);
    assert_true(length >= 0);
    return (struct bytes){keep(data), (size_t)length};
}

const char *digest_of(struct bytes bytes)
{
    char *digest = keep(malloc(IMAGE_DIGEST_SIZE));

    return image_digest_of(bytes.data, bytes.length, digest);
}

struct bytes make_config(const struct bytes *layers, size_t count, const char *architecture)
{
    struct bytes list = text("%s", "");

    for (size_t i = 0; i < count; i++) {
        list = text("%s%s\"%s\"", list.data, i ? "," : "", digest_of(layers[i]));
    }
    return text("{\"architecture\":\"%s\",\"os\":\"linux\",\"config\":{\"Env\":[\"PATH=/bin\","
                "\"LANG=C.UTF-8\"]},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[%s]}}",
                architecture, list.data);
}

const char *blob_name(struct bytes blob)
{
    return text("blobs/sha256/%s", image_digest_hex(digest_of(blob))).data;
}

static struct bytes make_docker(enum layout layout, const struct bytes *layers,
                                const struct bytes *stored, size_t count)
{
    struct bytes config = make_config(layers, count, HERE);
    const char *config_name = layout == DOCKER_NEW
                                  ? blob_name(config)
                                  : text("%s.json", image_digest_hex(digest_of(config))).data;
    struct item items[32];
    struct bytes names = text("%s", "");
    size_t n = 0;

    assert_true(count < 30);
    for (size_t i = 0; i < count; i++) {
        const char *name =
            layout == DOCKER_NEW ? blob_name(stored[i]) : text("layer%zu/layer.tar", i).data;

        names = text("%s%s\"%s\"", names.data, i ? "," : "", name);
        items[n++] = (struct item){'f', name, stored[i].data, 0, stored[i].length};
    }
    items[n++] = (struct item){'f', config_name, config.data, 0, config.length};
    items[n++] = (struct item){'f', "manifest.json",
                               text("[{\"Config\":\"%s\",\"RepoTags\":[\"a:b\"],\"Layers\":[%s]}]",
                                    config_name, names.data)
                                   .data,
                               0, 0};
    return make_tar(items, n, NULL);
}

static struct bytes make_oci(const struct bytes *layers, const struct bytes *stored, size_t count)
{
    struct bytes config = make_config(layers, count, HERE);
    struct bytes list = text("%s", "");
    struct bytes manifest;
    struct item items[32];
    size_t n = 0;

    assert_true(count < 28);
    for (size_t i = 0; i < count; i++) {
        list = text("%s%s{\"digest\":\"%s\",\"size\":%zu}", list.data, i ? "," : "",
                    digest_of(stored[i]), stored[i].length);
        items[n++] = (struct item){'f', blob_name(stored[i]), stored[i].data, 0, stored[i].length};
    }
    manifest = text("{\"schemaVersion\":2,\"config\":{\"digest\":\"%s\"},\"layers\":[%s]}",
                    digest_of(config), list.data);
    items[n++] = (struct item){'f', "oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}", 0, 0};
    items[n++] = (struct item){'f', blob_name(config), config.data, 0, 0};
    items[n++] = (struct item){'f', blob_name(manifest), manifest.data, 0, 0};
    items[n++] = (struct item){
        'f', "index.json",
        text("{\"schemaVersion\":2,\"manifests\":[{\"digest\":\"%s\"}]}", digest_of(manifest)).data,
        0, 0};
    return make_tar(items, n, NULL);
}

struct bytes make_image(enum layout layout, const struct bytes *layers, size_t count,
                        const char *filter)
{
    struct bytes stored[30];

    assert_true(count <= sizeof stored / sizeof *stored);
    for (size_t i = 0; i < count; i++) {
        stored[i] = filter ? compress_bytes(layers[i], filter) : layers[i];
    }
    return layout == OCI ? make_oci(layers, stored, count)
                         : make_docker(layout, layers, stored, count);
}

/* ------------------------------------------------------------------------------------------ room */

static void write_file(const char *path, struct bytes bytes)
{
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes.data, 1, bytes.length, file), bytes.length);
    assert_int_equal(fclose(file), 0);
}

int room_setup(void **state)
{
    (void)state;
    (void)strcpy(room, "/tmp/enclave-images-XXXXXX");
    assert_non_null(mkdtemp(room));
    assert_int_equal(mkdir(in_room("outside"), 0700), 0);
    write_file(in_room("outside/victim"), text("whole"));
    return 0;
}

int room_teardown(void **state)
{
    (void)state;
    assert_int_equal(image_tree_remove(AT_FDCWD, room), 0);
    while (kept_count > 0) {
        free(kept[--kept_count]);
    }
    return 0;
}

const char *in_room(const char *name)
{
    return text("%s/%s", room, name).data;
}

void save(struct bytes image)
{
    (void)unlink(in_room("image.tar"));
    write_file(in_room("image.tar"), image);
}

int32_t open_image(struct image *ret_image, struct enclave_error *err)
{
    struct image_request request = {
        .source = in_room("image.tar"), .cache_dir = in_room("cache"), .cancel_fd = -1};

    return image_open(&request, ret_image, err);
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static void describe(FILE *to, const FTSENT *found, const char *name)
{
    char content[256] = "";
    unsigned mode = found->fts_statp->st_mode & 07777;

    if (found->fts_info == FTS_SL || found->fts_info == FTS_SLNONE) {
        assert_true(readlink(found->fts_path, content, sizeof content - 1) > 0);
        (void)fprintf(to, "%s -> %s\n", name, content);
    } else if (found->fts_info == FTS_D) {
        (void)fprintf(to, "%s/ %o\n", name, mode);
    } else {
        int fd = open(found->fts_path, O_RDONLY | O_CLOEXEC);

        assert_int_equal(found->fts_info, FTS_F);
        if (fd >= 0) {
            (void)!read(fd, content, 16);
            (void)close(fd);
        }
        (void)fprintf(to, "%s %o %s\n", name, mode, content);
        assert_int_equal(found->fts_statp->st_mtime, MTIME);
    }
}

const char *tree_of(const char *folder)
{
    char *roots[] = {(char *)(uintptr_t)folder, NULL};
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
    const FTSENT *found;
    char *lines = NULL;
    size_t length;
    FILE *to = open_memstream(&lines, &length);

    assert_non_null(tree);
    assert_non_null(to);
    while ((found = fts_read(tree))) {
        if (found->fts_info != FTS_DP && found->fts_level != FTS_ROOTLEVEL) {
            describe(to, found, found->fts_path + strlen(folder) + 1);
        }
    }
    (void)fts_close(tree);
    (void)fclose(to);
    return keep(lines);
}

const char *unpacked(void)
{
    struct image image = {0};
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    const char *tree;

    if (open_image(&image, &err) != 0) {
        fail_msg("%s", err.message);
    }
    tree = tree_of(image.rootfs);
    image_clear(&image);
    check_room();
    return tree;
}

void forget(void)
{
    assert_int_equal(image_tree_remove(AT_FDCWD, in_room("cache")), 0);
}

void refused(int32_t code, const char *part)
{
    struct image image = {0};
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    int32_t r = open_image(&image, &err);

    if (r != code || !strstr(err.message, part) || !strstr(err.message, "image.tar")) {
        fail_msg("%d '%s', and should be %d '%s'", r, err.message, code, part);
    }
    assert_null(image.rootfs);
    check_room();
    assert_int_equal(access(in_room("cache/index"), F_OK), -1);
}

void check_room(void)
{
    char *roots[] = {room, NULL};
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
    const FTSENT *found;
    char victim[16] = "";
    int fd = open(in_room("outside/victim"), O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(read(fd, victim, sizeof victim - 1), 5);
    (void)close(fd);
    assert_string_equal(victim, "whole");
    while ((found = fts_read(tree))) {
        const char *name = found->fts_path + strlen(room);

        if (found->fts_level == 2 && found->fts_info == FTS_D) {
            (void)fts_set(tree, (FTSENT *)(uintptr_t)found, FTS_SKIP); /* an image, or the index */
        }
        if (found->fts_level > 0 && strcmp(name, "/cache") != 0 &&
            strcmp(name, "/cache/lock") != 0 && strcmp(name, "/cache/index") != 0 &&
            strncmp(name, "/cache/sha256-", 14) != 0 && strcmp(name, "/image.tar") != 0 &&
            strcmp(name, "/outside") != 0 && strcmp(name, "/outside/victim") != 0) {
            fail_msg("'%s' should not be there", found->fts_path);
        }
    }
    (void)fts_close(tree);
}

int become(int argc, char **argv)
{
    const uid_t nobody = 65534;

    if (argc < 2 || strcmp(argv[1], "user") != 0) {
        return 0;
    }
    if (geteuid() != 0 || setgroups(0, NULL) < 0 || setresgid(nobody, nobody, nobody) < 0 ||
        setresuid(nobody, nobody, nobody) < 0) {
        (void)fprintf(stderr, "skipped: only root can become another user\n");
        return 77;
    }
    return 0;
}
