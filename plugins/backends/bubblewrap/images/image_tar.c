/*
 * image_tar.c - see image_tar.h. Members are found again by where their headers lie: a reader that
 * begins there sees a tar of which they are the first.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "image_tar.h"

#include "image_path.h"
#include "image_stream.h"

#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK ((size_t)256 * 1024)
#define MEMBERS_MAX 16384u
#define LINKS_MAX 8
#define TEXT_MAX ((uint64_t)4 << 20) /* of a manifest or configuration */
#define SPOOL "spool"

struct member {
    char *name;
    char *link; /* of a link: what it leads to, clean; else NULL */
    int64_t at;
    uint64_t size;
};

struct image_tar {
    struct image_job *job;
    int fd;
    int spool; /* the decompressed file, or -1 */
    struct member *members;
    size_t count;
    size_t capacity;
};

struct image_blob {
    struct image_job *job;
    struct archive *tar;
    int fd;
    int64_t at; /* in the file */
    int64_t end;
    uint64_t size; /* of the member */
    uint64_t seen;
    uint8_t block[BLOCK];
};

/* ------------------------------------------------------------------------ reading from a place */

static la_ssize_t on_read(struct archive *tar, void *ctx, const void **ret_data)
{
    struct image_blob *blob = ctx;
    ssize_t n;

    if (image_job_check(blob->job) != 0) {
        archive_set_error(tar, -1, "cancelled");
        return -1;
    }
    n = pread(blob->fd, blob->block, sizeof blob->block, blob->at);
    if (n < 0) {
        (void)image_job_fail_errno(blob->job, "read", blob->job->request->source);
        archive_set_error(tar, -1, "its source failed");
        return -1;
    }
    blob->at += n;
    *ret_data = blob->block;
    return n;
}

/* Never beyond the end of the file, so that libarchive sees a member that is cut off. */
static la_int64_t on_skip(struct archive *tar, void *ctx, la_int64_t request)
{
    struct image_blob *blob = ctx;
    int64_t left = blob->end > blob->at ? blob->end - blob->at : 0;
    int64_t n = request < left ? request : left;

    (void)tar;
    blob->at += n;
    return n;
}

static int32_t open_at(struct image_job *job, int fd, int64_t at, struct image_blob **ret_blob)
{
    struct image_blob *blob = calloc(1, sizeof *blob);
    struct stat st;
    int32_t r;

    if (!blob || !(blob->tar = archive_read_new())) {
        free(blob);
        return image_job_fail(job, ENCLAVE_ENOMEM, "out of memory");
    }
    blob->job = job;
    blob->fd = fd;
    blob->at = at;
    if (fstat(fd, &st) == 0) {
        blob->end = st.st_size;
    }
    if (archive_read_support_format_tar(blob->tar) != ARCHIVE_OK ||
        archive_read_open2(blob->tar, blob, NULL, on_read, on_skip, NULL) != ARCHIVE_OK) {
        r = image_job_fail_archive(job, blob->tar);
        image_blob_close(blob);
        return r;
    }
    *ret_blob = blob;
    return 0;
}

void image_blob_close(struct image_blob *blob)
{
    if (blob) {
        (void)archive_read_free(blob->tar);
        free(blob);
    }
}

uint64_t image_blob_size(const struct image_blob *blob)
{
    return blob->size;
}

la_ssize_t image_blob_read(void *ctx, const void **ret_data)
{
    struct image_blob *blob = ctx;
    la_int64_t offset;
    size_t n = 0;
    int r;

    do {
        r = archive_read_data_block(blob->tar, ret_data, &n, &offset);
    } while (r == ARCHIVE_OK && n == 0);
    if (r == ARCHIVE_EOF) {
        return 0;
    }
    if (r != ARCHIVE_OK) {
        (void)image_job_fail_archive(blob->job, blob->tar);
        return -1;
    }
    if ((uint64_t)offset != blob->seen) {
        (void)image_job_fail(blob->job, ENCLAVE_EINVALID, "there are holes in its members");
        return -1;
    }
    blob->seen += n;
    return (la_ssize_t)n;
}

/* ------------------------------------------------------------------------------ what is in it */

static struct member *find(const struct image_tar *tar, const char *name)
{
    for (size_t i = tar->count; i-- > 0;) { /* of several, the last counts */
        if (strcmp(tar->members[i].name, name) == 0) {
            return &tar->members[i];
        }
    }
    return NULL;
}

/* What `name` is, through links; NULL when it is nothing. */
static struct member *follow(const struct image_tar *tar, const char *name)
{
    struct member *member = find(tar, name);

    for (int i = 0; member && member->link && i < LINKS_MAX; i++) {
        member = find(tar, member->link);
    }
    return member && !member->link ? member : NULL;
}

/* The target of a symbolic link, as `docker save` of old makes them (`../ID/layer.tar`), beside `name`. */
static char *resolve(const char *name, const char *target)
{
    char path[PATH_MAX];
    char clean[PATH_MAX];
    const char *folder;

    (void)snprintf(path, sizeof path, "%s", name);
    (void)image_path_split(path, &folder);
    while (strncmp(target, "../", 3) == 0 && *folder) {
        char *slash = strrchr(path, '/');

        *(slash ? slash : path) = '\0';
        target += 3;
    }
    if (*folder && strlen(folder) + strlen(target) + 2 < sizeof path) {
        (void)strcat(strcat(path, "/"), target);
        target = path;
    }
    return strdup(image_path_clean(target, clean) ? "" : clean);
}

static int32_t add(struct image_tar *tar, const struct member *member)
{
    if (tar->count == tar->capacity) {
        size_t capacity = tar->capacity ? tar->capacity * 2 : 64;
        struct member *members = realloc(tar->members, capacity * sizeof *members);

        if (!members) {
            return image_job_fail(tar->job, ENCLAVE_ENOMEM, "out of memory");
        }
        tar->members = members;
        tar->capacity = capacity;
    }
    tar->members[tar->count++] = *member;
    return 0;
}

/* Names that lead out are no error here: they are only compared. Nothing else is told by a folder. */
static int32_t take_member(struct image_tar *tar, struct archive *reader,
                           struct archive_entry *entry)
{
    char name[PATH_MAX];
    const char *symlink = archive_entry_symlink(entry);
    const char *hardlink = archive_entry_hardlink(entry);
    struct member member = {.at = archive_read_header_position(reader),
                            .size = (uint64_t)archive_entry_size(entry)};
    int32_t r;

    if (image_path_clean(archive_entry_pathname(entry), name) ||
        (archive_entry_filetype(entry) != AE_IFREG && !symlink && !hardlink)) {
        return 0;
    }
    if (tar->count == MEMBERS_MAX) {
        return image_job_fail(tar->job, ENCLAVE_ETOOBIG, "it has more than %u members",
                              MEMBERS_MAX);
    }
    member.name = strdup(name);
    if (hardlink || symlink) {
        member.link = resolve(hardlink ? "" : name, hardlink ? hardlink : symlink);
    }
    r = member.name && (member.link || !(hardlink || symlink))
            ? add(tar, &member)
            : image_job_fail(tar->job, ENCLAVE_ENOMEM, "out of memory");
    if (r != 0) {
        free(member.name);
        free(member.link);
    }
    return r;
}

static int32_t read_names(struct image_tar *tar)
{
    struct image_blob *reader = NULL;
    int32_t r = open_at(tar->job, tar->fd, 0, &reader);

    while (r == 0) {
        struct archive_entry *entry;
        int got = archive_read_next_header(reader->tar, &entry);

        if (got == ARCHIVE_EOF) {
            break;
        }
        r = got < ARCHIVE_WARN ? image_job_fail_archive(tar->job, reader->tar)
                               : take_member(tar, reader->tar, entry);
    }
    image_blob_close(reader);
    return r;
}

/* ------------------------------------------------------------------------------- decompressing */

struct file_reader {
    struct image_job *job;
    int fd;
    uint8_t block[BLOCK];
};

static la_ssize_t read_file(void *ctx, const void **ret_data)
{
    struct file_reader *reader = ctx;
    ssize_t n;

    if (image_job_check(reader->job) != 0) {
        return -1;
    }
    n = read(reader->fd, reader->block, sizeof reader->block);
    if (n < 0) {
        (void)image_job_fail_errno(reader->job, "read", reader->job->request->source);
    }
    *ret_data = reader->block;
    return n;
}

static int32_t copy_stream(struct image_tar *tar, struct image_stream *stream, int to)
{
    const void *data = NULL;
    la_ssize_t n;
    uint64_t total = 0;
    int32_t r = 0;

    while (r == 0 && (n = image_stream_read(stream, &data)) != 0) {
        total += (uint64_t)n;
        r = n < 0 ? tar->job->code : image_job_check_bytes(tar->job, total);
        for (la_ssize_t at = 0; r == 0 && at < n;) {
            ssize_t put = write(to, (const char *)data + at, (size_t)(n - at));

            if (put <= 0) {
                r = image_job_fail_errno(tar->job, "write", "the decompressed image");
            }
            at += put;
        }
    }
    return r;
}

static int32_t decompress(struct image_tar *tar, struct image_stream *stream, int spool)
{
    image_job_progress(tar->job, "Decompressing", 0);
    tar->spool = openat(spool, SPOOL, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (tar->spool < 0 || unlinkat(spool, SPOOL, 0) < 0) {
        return image_job_fail_errno(tar->job, "make file", SPOOL);
    }
    tar->fd = tar->spool;
    return copy_stream(tar, stream, tar->spool);
}

static int32_t make_plain(struct image_tar *tar, int spool)
{
    struct file_reader *reader = malloc(sizeof *reader);
    struct image_stream *stream = NULL;
    int32_t r;

    if (!reader) {
        return image_job_fail(tar->job, ENCLAVE_ENOMEM, "out of memory");
    }
    reader->job = tar->job;
    reader->fd = tar->fd;
    r = image_stream_open(tar->job, read_file, reader, &stream);
    if (r == 0 && !image_stream_is_plain(stream)) {
        r = decompress(tar, stream, spool);
    }
    image_stream_close(stream);
    free(reader);
    return r;
}

/* ----------------------------------------------------------------------------------- interface */

int32_t image_tar_open(struct image_job *job, int fd, int spool, struct image_tar **ret_tar)
{
    struct image_tar *tar = calloc(1, sizeof *tar);
    int32_t r;

    if (!tar) {
        return image_job_fail(job, ENCLAVE_ENOMEM, "out of memory");
    }
    tar->job = job;
    tar->fd = fd;
    tar->spool = -1;
    r = make_plain(tar, spool);
    if (r == 0) {
        r = read_names(tar);
    }
    if (r != 0) {
        image_tar_close(tar);
        return r;
    }
    *ret_tar = tar;
    return 0;
}

void image_tar_close(struct image_tar *tar)
{
    if (!tar) {
        return;
    }
    for (size_t i = 0; i < tar->count; i++) {
        free(tar->members[i].name);
        free(tar->members[i].link);
    }
    free(tar->members);
    if (tar->spool >= 0) {
        (void)close(tar->spool);
    }
    free(tar);
}

struct image_job *image_tar_job(const struct image_tar *tar)
{
    return tar->job;
}

int image_tar_has(const struct image_tar *tar, const char *name)
{
    return follow(tar, name) != NULL;
}

int32_t image_blob_open(const struct image_tar *tar, const char *name, struct image_blob **ret_blob)
{
    char clean[PATH_MAX];
    const struct member *member = image_path_clean(name, clean) ? NULL : follow(tar, clean);
    struct image_blob *blob = NULL;
    struct archive_entry *entry;
    int32_t r;

    if (!member) {
        return image_job_fail(tar->job, ENCLAVE_EINVALID, "'%.200s' is missing in it", name);
    }
    r = open_at(tar->job, tar->fd, member->at, &blob);
    if (r != 0) {
        return r;
    }
    if (archive_read_next_header(blob->tar, &entry) < ARCHIVE_WARN) {
        r = image_job_fail_archive(tar->job, blob->tar);
        image_blob_close(blob);
        return r;
    }
    blob->size = member->size;
    *ret_blob = blob;
    return 0;
}

static int32_t read_text(struct image_blob *blob, char *text)
{
    size_t length = 0;
    const void *data = NULL;
    la_ssize_t n;

    while ((n = image_blob_read(blob, &data)) > 0) {
        if ((uint64_t)n > blob->size - length) {
            return image_job_fail(blob->job, ENCLAVE_EINVALID, "it changes while it is read");
        }
        memcpy(text + length, data, (size_t)n);
        length += (size_t)n;
    }
    if (n == 0 && length < blob->size) {
        return image_job_fail(blob->job, ENCLAVE_EINVALID, "it changes while it is read");
    }
    text[length] = '\0';
    return blob->job->code;
}

int32_t image_tar_text(const struct image_tar *tar, const char *name, char **ret_text,
                       size_t *ret_length)
{
    struct image_blob *blob = NULL;
    char *text = NULL;
    int32_t r = image_blob_open(tar, name, &blob);

    if (r == 0 && blob->size > TEXT_MAX) {
        r = image_job_fail(tar->job, ENCLAVE_ETOOBIG, "'%.200s' in it is larger than %llu bytes",
                           name, (unsigned long long)TEXT_MAX);
    }
    if (r == 0 && !(text = malloc((size_t)blob->size + 1))) {
        r = image_job_fail(tar->job, ENCLAVE_ENOMEM, "out of memory");
    }
    if (r == 0) {
        r = read_text(blob, text);
    }
    if (r == 0) {
        *ret_text = text;
        *ret_length = (size_t)blob->size;
        text = NULL;
    }
    free(text);
    image_blob_close(blob);
    return r;
}
