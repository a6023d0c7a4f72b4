/*
 * folder_tar.c - see folder_tar.h.
 *
 * The tree is walked with fts(3), which with FTS_NOCHDIR leaves the process's working directory alone;
 * the tar is written by libarchive into a small buffer, a step whenever the reader has emptied it. GNU
 * tar, because it takes names as the bytes they are, whatever the locale.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "folder_tar.h"

#include "buffer.h"
#include "late.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK = 64 * 1024, PENDING_MAX = 4 * BLOCK };

struct folder_tar {
    FTS *tree;
    size_t root_length;
    struct archive *writer;
    struct buffer pending; /* written, not read yet */
    size_t pending_read;
    int file; /* whose content is being written, or -1 */
    uint64_t left;
    int started; /* the walk */
    int done;
    struct enclave_error error;
    char path[4096];
    char block[BLOCK];
};

static la_ssize_t take_bytes(struct archive *writer, void *ctx, const void *data, size_t length)
{
    struct folder_tar *tar = ctx;
    if (buffer_append(&tar->pending, data, length) < 0) {
        archive_set_error(writer, ENOMEM, "out of memory");
        return -1;
    }
    return (la_ssize_t)length;
}

static int32_t fail(struct folder_tar *tar, const char *what, const char *path, int number)
{
    return enclave_error_set(&tar->error, number == ENOMEM ? ENCLAVE_ENOMEM : ENCLAVE_EIO,
                             "%s '%s': %s", what, path, strerror(number));
}

int32_t folder_tar_open(const char *folder, struct folder_tar **ret_tar, struct enclave_error *err)
{
    int32_t r = late_archive(err);

    if (r < 0) {
        return r;
    }
    struct folder_tar *tar = calloc(1, sizeof *tar);
    char *root = strdup(folder);
    char *roots[] = {root, NULL};
    if (!tar || !root) {
        free(tar);
        free(root);
        return enclave_error_set(err, ENCLAVE_ENOMEM, "read folder '%s': out of memory", folder);
    }
    tar->file = -1;
    tar->pending.limit = PENDING_MAX;
    tar->root_length = strlen(root);
    while (tar->root_length > 0 && root[tar->root_length - 1] == '/') {
        tar->root_length--; /* fts(3) joins names to it with one '/' of its own */
    }
    root[tar->root_length > 0 ? tar->root_length : 1] = '\0'; /* "/" stays */
    tar->writer = archive_write_new();
    tar->tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_COMFOLLOW, NULL);
    free(root);
    if (!tar->tree || !tar->writer || archive_write_set_format_gnutar(tar->writer) != ARCHIVE_OK ||
        archive_write_set_bytes_per_block(tar->writer, 0) != ARCHIVE_OK ||
        archive_write_open(tar->writer, tar, NULL, take_bytes, NULL) != ARCHIVE_OK) {
        r = enclave_error_set(err, ENCLAVE_ENOMEM, "read folder '%s': %s", folder, strerror(errno));
        folder_tar_close(tar);
        return r;
    }
    *ret_tar = tar;
    return 0;
}

void folder_tar_close(struct folder_tar *tar)
{
    if (!tar) {
        return;
    }
    if (tar->file >= 0) {
        (void)close(tar->file);
    }
    if (tar->tree) {
        if (!tar->started) { /* glibc's fts_close() leaks the root of a walk that did not begin */
            (void)fts_read(tar->tree);
        }
        (void)fts_close(tar->tree);
    }
    if (tar->writer) {
        (void)archive_write_free(tar->writer);
    }
    buffer_free(&tar->pending);
    free(tar);
}

const struct enclave_error *folder_tar_error(const struct folder_tar *tar)
{
    return &tar->error;
}

static int32_t write_header(struct folder_tar *tar, const FTSENT *found, const struct stat *st,
                            const char *target)
{
    struct archive_entry *entry = archive_entry_new();
    if (!entry) {
        return fail(tar, "read", found->fts_path, ENOMEM);
    }
    archive_entry_copy_pathname(entry, found->fts_path + tar->root_length + 1);
    archive_entry_set_mode(entry, st->st_mode & (S_IFMT | 0777));
    archive_entry_set_size(entry, S_ISREG(st->st_mode) ? st->st_size : 0);
    archive_entry_set_mtime(entry, st->st_mtime, 0);
    if (target) {
        archive_entry_copy_symlink(entry, target);
    }
    int r = archive_write_header(tar->writer, entry);
    archive_entry_free(entry);
    if (r < ARCHIVE_WARN) {
        return enclave_error_set(&tar->error, ENCLAVE_EIO, "pack '%s': %s", found->fts_path,
                                 archive_error_string(tar->writer));
    }
    return 0;
}

static int32_t begin_file(struct folder_tar *tar, const FTSENT *found)
{
    struct stat st;
    tar->file = open(found->fts_path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (tar->file < 0 || fstat(tar->file, &st) < 0) {
        return fail(tar, "read", found->fts_path, errno);
    }
    tar->left = (uint64_t)st.st_size;
    (void)snprintf(tar->path, sizeof tar->path, "%s", found->fts_path);
    return write_header(tar, found, &st, NULL);
}

static int32_t add_symlink(struct folder_tar *tar, const FTSENT *found)
{
    char target[4096];
    ssize_t length = readlink(found->fts_path, target, sizeof target - 1);
    if (length < 0) {
        return fail(tar, "read", found->fts_path, errno);
    }
    target[length] = '\0';
    return write_header(tar, found, found->fts_statp, target);
}

static int32_t next_entry(struct folder_tar *tar)
{
    errno = 0;
    tar->started = 1;
    const FTSENT *found = fts_read(tar->tree);
    if (!found) {
        if (errno) {
            return fail(tar, "read", "folder", errno);
        }
        tar->done = 1;
        return archive_write_close(tar->writer) == ARCHIVE_OK
                   ? 0
                   : enclave_error_set(&tar->error, ENCLAVE_ENOMEM, "pack a folder: out of memory");
    }
    int root = found->fts_level == FTS_ROOTLEVEL;
    switch (found->fts_info) {
    case FTS_D:
        return root ? 0 : write_header(tar, found, found->fts_statp, NULL);
    case FTS_DP:
        return 0;
    case FTS_F:
        return root ? fail(tar, "read", found->fts_path, ENOTDIR) : begin_file(tar, found);
    case FTS_SL:
    case FTS_SLNONE:
        return root ? fail(tar, "read", found->fts_path, ENOTDIR) : add_symlink(tar, found);
    case FTS_DNR:
    case FTS_ERR:
    case FTS_NS:
        return fail(tar, "read", found->fts_path, found->fts_errno);
    default:
        return enclave_error_set(&tar->error, ENCLAVE_EINVALID,
                                 "'%s' is neither a file, a folder nor a symbolic link",
                                 found->fts_path);
    }
}

/* The next block of the open file. One that shrank meanwhile is an error, not a hole. */
static int32_t next_block(struct folder_tar *tar)
{
    size_t wanted = tar->left < sizeof tar->block ? (size_t)tar->left : sizeof tar->block;
    ssize_t got = wanted ? read(tar->file, tar->block, wanted) : 0;

    if (got < 0 || (got == 0 && wanted > 0)) {
        return got < 0 ? fail(tar, "read", tar->path, errno)
                       : enclave_error_set(&tar->error, ENCLAVE_EIO,
                                           "read '%s': it became shorter meanwhile", tar->path);
    }
    if (got > 0 && archive_write_data(tar->writer, tar->block, (size_t)got) < 0) {
        return enclave_error_set(&tar->error, ENCLAVE_EIO, "pack '%s': %s", tar->path,
                                 archive_error_string(tar->writer));
    }
    tar->left -= (uint64_t)got;
    if (tar->left == 0) {
        (void)close(tar->file);
        tar->file = -1;
    }
    return 0;
}

int64_t folder_tar_read(void *ctx, void *to, uint64_t capacity)
{
    struct folder_tar *tar = ctx;

    if (tar->pending_read == tar->pending.length) {
        buffer_clear(&tar->pending);
        tar->pending_read = 0;
    }
    while (tar->pending.length < BLOCK && !tar->done) { /* a step for each header is slow */
        int32_t r = tar->error.code  ? tar->error.code
                    : tar->file >= 0 ? next_block(tar)
                                     : next_entry(tar);
        if (r < 0) {
            return r;
        }
    }
    size_t n = tar->pending.length - tar->pending_read;
    if (n > capacity) {
        n = (size_t)capacity;
    }
    if (n > 0) {
        memcpy(to, tar->pending.data + tar->pending_read, n);
    }
    tar->pending_read += n;
    return (int64_t)n;
}
