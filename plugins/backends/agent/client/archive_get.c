/*
 * archive_get.c - tree records put together here, by libarchive, as a tar stream (pax).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "call.h"
#include "late.h"
#include "locale_guard.h"
#include "record.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <string.h>

struct pack {
    struct call *call;
    struct archive *tar;
    struct archive_entry *entry;
    const struct enclave_sink *sink;
    struct locale_guard locale;
    struct enclave_error *err;
    struct record record;
    int32_t sink_code;     /* what the sink returned when it failed */
    uint64_t content_left; /* of the present file */
    uint64_t total;
    uint64_t max_bytes;
};

static la_ssize_t on_write(struct archive *tar, void *ctx, const void *data, size_t length)
{
    struct pack *p = ctx;

    /* After a failure archive_write_free() would flush what is left. */
    if (p->sink_code == 0) {
        locale_guard_leave(&p->locale);
        p->sink_code = p->sink->write(p->sink->ctx, data, length);
        locale_guard_enter(&p->locale);
    }
    if (p->sink_code < 0) {
        archive_set_error(tar, -1, "its sink failed");
        return -1;
    }
    return (la_ssize_t)length;
}

static int32_t bad_record(struct pack *p)
{
    return enclave_error_set(p->err, ENCLAVE_EPROTOCOL,
                             "pack '%s': the agent sent a record that is none", p->call->path);
}

static int32_t bad_write(struct pack *p)
{
    const char *why = archive_error_string(p->tar);

    if (p->sink_code < 0) {
        return enclave_error_set(p->err, p->sink_code,
                                 "pack '%s': the receiver did not take the archive", p->call->path);
    }
    return enclave_error_set(p->err, ENCLAVE_EIO, "pack '%s': %s", p->call->path,
                             why ? why : "libarchive failed");
}

/* --------------------------------------------------------------------------------- one record */

static int32_t set_kind(struct pack *p, uint32_t type, uint64_t length)
{
    switch (type) {
    case WIRE_ENTRY_FILE:
        archive_entry_set_filetype(p->entry, AE_IFREG);
        archive_entry_set_size(p->entry, (la_int64_t)length);
        p->content_left = length;
        return length <= INT64_MAX ? 0 : bad_record(p);
    case WIRE_ENTRY_DIRECTORY:
        archive_entry_set_filetype(p->entry, AE_IFDIR);
        return 0;
    case WIRE_ENTRY_SYMLINK:
        archive_entry_set_filetype(p->entry, AE_IFLNK);
        archive_entry_copy_symlink(p->entry, p->record.target);
        return p->record.target[0] ? 0 : bad_record(p);
    case WIRE_ENTRY_HARDLINK:
        archive_entry_set_filetype(p->entry, AE_IFREG);
        archive_entry_copy_hardlink(p->entry, p->record.target);
        return record_path_ok(p->record.target) ? 0 : bad_record(p);
    default:
        return bad_record(p);
    }
}

static int32_t begin_entry(struct pack *p)
{
    const uint8_t *raw = p->record.data;
    int32_t rc;
    int wrote;

    if (!record_path_ok(p->record.name)) {
        return bad_record(p);
    }
    archive_entry_clear(p->entry);
    archive_entry_copy_pathname(p->entry, p->record.name);
    archive_entry_set_perm(p->entry, wire_get_u32(raw + 4) & 01777);
    archive_entry_set_mtime(p->entry, (time_t)wire_get_u64(raw + 16), 0);
    rc = set_kind(p, wire_get_u32(raw), wire_get_u64(raw + 8));
    if (rc < 0) {
        return rc;
    }
    p->total += p->content_left;
    if (p->max_bytes && p->total > p->max_bytes) {
        return enclave_error_set(p->err, ENCLAVE_ETOOBIG, "pack '%s': more than %llu bytes",
                                 p->call->path, (unsigned long long)p->max_bytes);
    }
    wrote = archive_write_header(p->tar, p->entry);
    return wrote == ARCHIVE_OK || wrote == ARCHIVE_WARN ? 0 : bad_write(p);
}

/* ------------------------------------------------------------------------------------- the stream
 */

static int32_t take_content(struct pack *p, const uint8_t **data, size_t *length)
{
    size_t n = p->content_left < *length ? (size_t)p->content_left : *length;

    if (archive_write_data(p->tar, *data, n) != (la_ssize_t)n) {
        return bad_write(p);
    }
    *data += n;
    *length -= n;
    p->content_left -= n;
    return 0;
}

static int32_t take(struct pack *p, const uint8_t *data, size_t length)
{
    int32_t rc = 0;

    while (length > 0 && rc == 0) {
        if (p->content_left > 0) {
            rc = take_content(p, &data, &length);
        } else {
            int fed = record_feed(&p->record, &data, &length);

            rc = fed < 0 ? bad_record(p) : fed > 0 ? begin_entry(p) : 0;
        }
    }
    return rc;
}

static int32_t take_all(struct pack *p)
{
    for (;;) {
        const uint8_t *data;
        size_t length;
        int32_t rc = call_read(p->call, &data, &length, p->err);

        if (rc < 0) {
            return rc;
        }
        if (length == 0) {
            return 0;
        }
        rc = take(p, data, length);
        if (rc < 0) {
            return rc;
        }
        call_done(p->call, length);
    }
}

/* The archive is closed only when the agent was content, so that what is cut off does not look
 * whole. */
static int32_t finish(struct pack *p)
{
    const struct enclave_exit *end = &p->call->end;

    if (end->how != ENCLAVE_EXIT_EXITED || end->code != 0) {
        p->sink_code = ENCLAVE_EIO; /* nothing more goes there */
        return 0;
    }
    if (p->content_left > 0 || !record_is_empty(&p->record)) {
        return bad_record(p);
    }
    return archive_write_close(p->tar) == ARCHIVE_OK ? 0 : bad_write(p);
}

static int32_t pack(struct pack *p)
{
    int32_t rc;

    p->tar = archive_write_new();
    p->entry = archive_entry_new();
    if (!p->tar || !p->entry || archive_write_set_format_pax_restricted(p->tar) != ARCHIVE_OK) {
        return enclave_error_set(p->err, ENCLAVE_ENOMEM, "pack '%s': out of memory", p->call->path);
    }
    archive_write_set_bytes_per_block(p->tar, 64 << 10);
    archive_write_set_bytes_in_last_block(p->tar, 10240);
    if (archive_write_open(p->tar, p, NULL, on_write, NULL) != ARCHIVE_OK) {
        return bad_write(p);
    }
    rc = take_all(p);
    return rc == 0 ? finish(p) : rc;
}

int32_t agent_get_archive(struct agent *agent, const struct enclave_file_request *request,
                          int32_t cancel_fd, const struct enclave_sink *tar,
                          struct enclave_error *err)
{
    static const struct call_kind kind = {WIRE_FILE_GET_TREE, "pack", 0, 1};
    struct call call;
    int32_t rc = late_archive(err);

    if (rc != 0) {
        return rc;
    }
    struct pack *p = calloc(1, sizeof *p);
    if (!p) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "pack an archive: out of memory");
    }
    rc = call_open(&call, agent, &kind, request, cancel_fd, err);
    if (rc == 0) {
        p->call = &call;
        p->sink = tar;
        p->err = err;
        p->max_bytes = request->max_bytes;
        record_init(&p->record, RECORD_TREE_SIZE);
        locale_guard_init(&p->locale);
        rc = pack(p);
        if (rc < 0 && p->sink_code == 0) {
            p->sink_code = rc;
        }
        archive_entry_free(p->entry);
        archive_write_free(p->tar);
        locale_guard_free(&p->locale);
        rc = call_close(&call, rc, err);
    }
    free(p);
    return rc;
}
