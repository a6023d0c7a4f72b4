/*
 * archive_put.c - a tar stream taken apart here, by libarchive, and sent as tree records.
 *
 * Owns: what of an archive is refused. The agent checks again, on its own file system, that no
 * record leaves the directory.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "call.h"
#include "late.h"
#include "locale_guard.h"
#include "record.h"
#include "text.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK (64u << 10)
#define BLOCK 512 /* of a tar */

struct unpack {
    struct call *call;
    struct archive *tar;
    const struct enclave_source *source;
    struct locale_guard locale;
    struct enclave_error *err;
    uint8_t *buffer;
    int32_t source_code; /* what the source returned when it failed */
    int source_ended;
    size_t zeros; /* at the end of what was read */
    uint64_t total;
    uint64_t max_bytes;
    char path[RECORD_STRING_MAX + 1]; /* of the present entry */
    char shown[160];                  /* for messages */
};

/* -------------------------------------------------------------------------------------- source */

static void count_zeros(struct unpack *u, size_t length)
{
    size_t n = 0;

    while (n < length && u->buffer[length - 1 - n] == 0) {
        n++;
    }
    u->zeros = n == length ? u->zeros + n : n;
}

static la_ssize_t on_read(struct archive *tar, void *ctx, const void **ret_buffer)
{
    struct unpack *u = ctx;
    int64_t n;

    locale_guard_leave(&u->locale);
    n = u->source->read(u->source->ctx, u->buffer, CHUNK);
    locale_guard_enter(&u->locale);
    if (n < 0 || n > CHUNK) {
        u->source_code = n < 0 ? (int32_t)n : ENCLAVE_EINVALID;
        archive_set_error(tar, -1, "its source failed");
        return -1;
    }
    u->source_ended = n == 0;
    count_zeros(u, (size_t)n);
    *ret_buffer = u->buffer;
    return (la_ssize_t)n;
}

/* -------------------------------------------------------------------------------------- errors */

static int32_t refuse(struct unpack *u, const char *why)
{
    return enclave_error_set(u->err, ENCLAVE_EINVALID, "unpack into '%s': entry '%s': %s",
                             u->call->path, u->shown, why);
}

static int32_t bad_archive(struct unpack *u)
{
    const char *why = archive_error_string(u->tar);

    if (u->source_code < 0) {
        return enclave_error_set(u->err, u->source_code,
                                 "unpack into '%s': the archive cannot be read", u->call->path);
    }
    return enclave_error_set(u->err, ENCLAVE_EINVALID,
                             "unpack into '%s': not a tar archive, or a damaged one: %s",
                             u->call->path, why ? why : "no reason is known");
}

/* --------------------------------------------------------------------------------------- names */

static int has_control(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f) {
            return 1;
        }
    }
    return 0;
}

/* `./a//b/` is `a/b`; the directory itself is the empty path. NULL, or why it is refused. */
static const char *normalize(const char *from, char *to)
{
    size_t at = 0;

    if (from[0] == '/') {
        return "an absolute path";
    }
    if (has_control(from)) {
        return "a control character in its name";
    }
    while (*from) {
        size_t n = strcspn(from, "/");

        if (n == 2 && from[0] == '.' && from[1] == '.') {
            return "a path that leaves the directory";
        }
        if (n > 0 && !(n == 1 && from[0] == '.')) {
            if (n > 255 || at + n + 1 > RECORD_STRING_MAX) {
                return "a path that is too long";
            }
            if (at > 0) {
                to[at++] = '/';
            }
            memcpy(to + at, from, n);
            at += n;
        }
        from += n + (from[n] == '/');
    }
    to[at] = '\0';
    return NULL;
}

static int32_t take_path(struct unpack *u, struct archive_entry *entry)
{
    const char *raw = archive_entry_pathname(entry);
    const char *why;

    if (!raw) {
        raw = archive_entry_pathname_utf8(entry);
    }
    agent_text_clean(u->shown, sizeof u->shown, raw ? raw : "", raw ? strlen(raw) : 0, 0);
    if (!raw || !raw[0]) {
        return refuse(u, "it has no name");
    }
    why = normalize(raw, u->path);
    return why ? refuse(u, why) : 0;
}

/* ------------------------------------------------------------------------------------- records */

static int32_t send_record(struct unpack *u, uint32_t type, struct archive_entry *entry,
                           uint64_t length, const char *target)
{
    uint8_t raw[RECORD_TREE_SIZE + 2 * (4 + RECORD_STRING_MAX)];
    size_t path_length = strlen(u->path);
    size_t target_length = strlen(target);
    int64_t mtime = archive_entry_mtime(entry);
    size_t at = RECORD_TREE_SIZE;

    wire_put_u32(raw, type);
    wire_put_u32(raw + 4, archive_entry_perm(entry) & 01777); /* no setuid, no setgid */
    wire_put_u64(raw + 8, length);
    wire_put_u64(raw + 16, mtime > 0 ? (uint64_t)mtime : 0);
    wire_put_u32(raw + at, (uint32_t)path_length);
    memcpy(raw + at + 4, u->path, path_length);
    at += 4 + path_length;
    wire_put_u32(raw + at, (uint32_t)target_length);
    memcpy(raw + at + 4, target, target_length);
    at += 4 + target_length;
    return call_write(u->call, raw, at, u->err);
}

static int32_t send_zeros(struct unpack *u, uint64_t length)
{
    static const uint8_t zeros[16384];
    int32_t rc = 0;

    while (length > 0 && rc == 0) {
        size_t n = length < sizeof zeros ? (size_t)length : sizeof zeros;

        rc = call_write(u->call, zeros, n, u->err);
        length -= n;
    }
    return rc;
}

/* The holes of a sparse file are sent as what they read as. */
static int32_t send_content(struct unpack *u, uint64_t length)
{
    uint64_t at = 0;
    int32_t rc = 0;

    while (rc == 0) {
        const void *block;
        size_t n;
        la_int64_t offset;
        int got = archive_read_data_block(u->tar, &block, &n, &offset);

        if (got == ARCHIVE_EOF) {
            return send_zeros(u, length - at);
        }
        if (got != ARCHIVE_OK) {
            return bad_archive(u);
        }
        if (offset < 0 || (uint64_t)offset < at || (uint64_t)offset > length ||
            n > length - (uint64_t)offset) {
            return refuse(u, "its content does not have the length it states");
        }
        rc = send_zeros(u, (uint64_t)offset - at);
        if (rc == 0) {
            rc = call_write(u->call, block, n, u->err);
        }
        at = (uint64_t)offset + n;
    }
    return rc;
}

static int32_t put_file(struct unpack *u, struct archive_entry *entry)
{
    int64_t size = archive_entry_size(entry);
    int32_t rc;

    if (size < 0) {
        return refuse(u, "a length that is none");
    }
    u->total += (uint64_t)size;
    if (u->total < (uint64_t)size || (u->max_bytes && u->total > u->max_bytes)) {
        return enclave_error_set(u->err, ENCLAVE_ETOOBIG,
                                 "unpack into '%s': more than %llu bytes with '%s'", u->call->path,
                                 (unsigned long long)u->max_bytes, u->shown);
    }
    rc = send_record(u, WIRE_ENTRY_FILE, entry, (uint64_t)size, "");
    return rc == 0 ? send_content(u, (uint64_t)size) : rc;
}

static int32_t put_symlink(struct unpack *u, struct archive_entry *entry)
{
    const char *target = archive_entry_symlink(entry);

    if (!target) {
        target = archive_entry_symlink_utf8(entry);
    }
    if (!target || !target[0] || strlen(target) > RECORD_STRING_MAX || has_control(target)) {
        return refuse(u, "a symbolic link with a target that is none");
    }
    return send_record(u, WIRE_ENTRY_SYMLINK, entry, 0, target);
}

static int32_t put_hardlink(struct unpack *u, struct archive_entry *entry, const char *raw)
{
    char target[RECORD_STRING_MAX + 1];
    const char *why = normalize(raw, target);

    if (why || !target[0]) {
        return refuse(u, why ? why : "a hard link to nothing");
    }
    return send_record(u, WIRE_ENTRY_HARDLINK, entry, 0, target);
}

static int32_t put_entry(struct unpack *u, struct archive_entry *entry)
{
    const char *link = archive_entry_hardlink(entry);
    int32_t rc = take_path(u, entry);

    if (rc != 0) {
        return rc;
    }
    if (!link) {
        link = archive_entry_hardlink_utf8(entry);
    }
    if (!u->path[0]) { /* the directory itself, which is made anyway */
        return !link && archive_entry_filetype(entry) == AE_IFDIR ? 0 : refuse(u, "it has no name");
    }
    if (link) {
        return put_hardlink(u, entry, link);
    }
    switch (archive_entry_filetype(entry)) {
    case AE_IFREG:
        return put_file(u, entry);
    case AE_IFDIR:
        return send_record(u, WIRE_ENTRY_DIRECTORY, entry, 0, "");
    case AE_IFLNK:
        return put_symlink(u, entry);
    default:
        return refuse(u, "neither a file, nor a directory, nor a link");
    }
}

/* ----------------------------------------------------------------------------------------- all */

/* 0, an error, or CALL_ENDED. */
static int32_t put_entries(struct unpack *u)
{
    for (;;) {
        struct archive_entry *entry;
        int got = archive_read_next_header(u->tar, &entry);
        int32_t rc;

        if (got == ARCHIVE_EOF) {
            /* libarchive takes an end between two entries for the archive's; a tar has two blocks
             * of zeros there, of which writers are known to leave out one. */
            return u->source_ended && u->zeros < BLOCK
                       ? enclave_error_set(u->err, ENCLAVE_EINVALID,
                                           "unpack into '%s': the archive is cut off",
                                           u->call->path)
                       : 0;
        }
        if (got != ARCHIVE_OK && got != ARCHIVE_WARN) {
            return bad_archive(u);
        }
        rc = put_entry(u, entry);
        if (rc != 0) {
            return rc;
        }
    }
}

static int32_t unpack(struct unpack *u)
{
    int32_t rc;

    u->tar = archive_read_new();
    if (!u->tar || archive_read_support_format_tar(u->tar) != ARCHIVE_OK) {
        return enclave_error_set(u->err, ENCLAVE_ENOMEM, "unpack into '%s': out of memory",
                                 u->call->path);
    }
    if (archive_read_open(u->tar, u, NULL, on_read, NULL) != ARCHIVE_OK) {
        return bad_archive(u);
    }
    rc = put_entries(u);
    return rc < 0 ? rc : call_end_input(u->call, u->err);
}

int32_t agent_put_archive(struct agent *agent, const struct enclave_file_request *request,
                          int32_t cancel_fd, const struct enclave_source *tar,
                          struct enclave_error *err)
{
    static const struct call_kind kind = {WIRE_FILE_PUT_TREE, "unpack into", 1, 0};
    struct unpack *u = calloc(1, sizeof *u);
    uint8_t *buffer = malloc(CHUNK);
    struct call call;
    int32_t rc = late_archive(err);

    if (rc == 0 && (!u || !buffer)) {
        rc = enclave_error_set(err, ENCLAVE_ENOMEM, "unpack an archive: out of memory");
    }
    if (rc == 0) {
        rc = call_open(&call, agent, &kind, request, cancel_fd, err);
    }
    if (rc == 0) {
        *u = (struct unpack){.call = &call,
                             .source = tar,
                             .err = err,
                             .buffer = buffer,
                             .max_bytes = request->max_bytes};
        locale_guard_init(&u->locale);
        rc = unpack(u);
        archive_read_free(u->tar);
        locale_guard_free(&u->locale);
        rc = call_close(&call, rc, err);
    }
    free(buffer);
    free(u);
    return rc;
}
