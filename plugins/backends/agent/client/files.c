/*
 * files.c - reading, writing, looking at and removing files.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "call.h"
#include "record.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK (64u << 10)

/* ---------------------------------------------------------------------------------------- read */

static int32_t read_all(struct call *call, uint64_t max_bytes, const struct enclave_sink *to,
                        struct enclave_error *err)
{
    uint64_t total = 0;

    for (;;) {
        const uint8_t *data;
        size_t length;
        int32_t rc = call_read(call, &data, &length, err);

        if (rc < 0 || length == 0) {
            return rc;
        }
        total += length;
        if (max_bytes && total > max_bytes) { /* the agent should have seen to it */
            return enclave_error_set(err, ENCLAVE_ETOOBIG, "read '%s': more than %llu bytes",
                                     call->path, (unsigned long long)max_bytes);
        }
        rc = to->write(to->ctx, data, length);
        if (rc < 0) {
            return enclave_error_set(err, rc, "read '%s': the receiver did not take it",
                                     call->path);
        }
        call_done(call, length);
    }
}

int32_t agent_file_read(struct agent *agent, const struct enclave_file_request *request,
                        int32_t cancel_fd, const struct enclave_sink *to, struct enclave_error *err)
{
    static const struct call_kind kind = {WIRE_FILE_READ, "read", 0, 1};
    struct call call;
    int32_t rc = call_open(&call, agent, &kind, request, cancel_fd, err);

    if (rc < 0) {
        return rc;
    }
    return call_close(&call, read_all(&call, request->max_bytes, to, err), err);
}

/* --------------------------------------------------------------------------------------- write */

static int32_t write_all(struct call *call, const struct enclave_source *from, uint8_t *buffer,
                         struct enclave_error *err)
{
    for (;;) {
        int64_t n = from->read(from->ctx, buffer, CHUNK);
        int32_t rc;

        if (n == 0) {
            return call_end_input(call, err);
        }
        if (n < 0 || n > CHUNK) {
            return enclave_error_set(err, n < 0 ? (int32_t)n : ENCLAVE_EINVALID,
                                     "write '%s': its content cannot be read", call->path);
        }
        rc = call_write(call, buffer, (size_t)n, err);
        if (rc == CALL_ENDED) {
            return call_end_input(call, err);
        }
        if (rc < 0) {
            return rc;
        }
    }
}

int32_t agent_file_write(struct agent *agent, const struct enclave_file_request *request,
                         int32_t cancel_fd, const struct enclave_source *from,
                         struct enclave_error *err)
{
    static const struct call_kind kind = {WIRE_FILE_WRITE, "write", 1, 0};
    uint8_t *buffer = malloc(CHUNK);
    struct call call;
    int32_t rc;

    if (!buffer) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "write '%.160s': out of memory",
                                 request->path);
    }
    rc = call_open(&call, agent, &kind, request, cancel_fd, err);
    if (rc == 0) {
        rc = call_close(&call, write_all(&call, from, buffer, err), err);
    }
    free(buffer);
    return rc;
}

/* ------------------------------------------------------------------------------------- entries */

static uint32_t type_of(uint32_t type)
{
    switch (type) {
    case WIRE_ENTRY_FILE:
        return ENCLAVE_FILE_REGULAR;
    case WIRE_ENTRY_DIRECTORY:
        return ENCLAVE_FILE_DIRECTORY;
    case WIRE_ENTRY_SYMLINK:
        return ENCLAVE_FILE_SYMLINK;
    case WIRE_ENTRY_OTHER:
        return ENCLAVE_FILE_OTHER;
    default:
        return 0;
    }
}

/* The root directory has no other name. */
static int name_ok(const char *name)
{
    return strcmp(name, "/") == 0 || (record_path_ok(name) && !strchr(name, '/'));
}

static int32_t bad_entry(const struct call *call, struct enclave_error *err)
{
    return enclave_error_set(err, ENCLAVE_EPROTOCOL,
                             "%s '%s': the agent sent an entry that is none", call->what,
                             call->path);
}

static int32_t give_entry(const struct call *call, const struct record *record,
                          const struct enclave_entry_sink *to, struct enclave_error *err)
{
    const uint8_t *p = record->data;
    struct enclave_file_info info = {.size = sizeof info,
                                     .type = type_of(wire_get_u32(p)),
                                     .mode = wire_get_u32(p + 4) & 07777,
                                     .uid = wire_get_u32(p + 8),
                                     .gid = wire_get_u32(p + 12),
                                     .links = wire_get_u32(p + 16),
                                     .length = wire_get_u64(p + 20),
                                     .mtime_s = (int64_t)wire_get_u64(p + 28),
                                     .name = record->name};
    int32_t rc;

    if (!info.type || !name_ok(info.name)) {
        return bad_entry(call, err);
    }
    info.target = info.type == ENCLAVE_FILE_SYMLINK ? record->target : NULL;
    rc = to->entry(to->ctx, &info);
    return rc < 0 ? enclave_error_set(err, rc, "%s '%s': the receiver did not take an entry",
                                      call->what, call->path)
                  : 0;
}

static int32_t read_entries(struct call *call, const struct enclave_entry_sink *to,
                            struct enclave_error *err)
{
    struct record record;

    record_init(&record, RECORD_ENTRY_SIZE);
    for (;;) {
        const uint8_t *data;
        size_t length;
        size_t left;
        int32_t rc = call_read(call, &data, &length, err);
        int fed = 1;

        if (rc < 0) {
            return rc;
        }
        if (length == 0) {
            return call->end.how == ENCLAVE_EXIT_EXITED && call->end.code == 0 &&
                           !record_is_empty(&record)
                       ? bad_entry(call, err)
                       : 0;
        }
        for (left = length; left > 0 && fed > 0 && rc == 0;) {
            fed = record_feed(&record, &data, &left);
            if (fed < 0) {
                return bad_entry(call, err);
            }
            rc = fed > 0 ? give_entry(call, &record, to, err) : 0;
        }
        if (rc < 0) {
            return rc;
        }
        call_done(call, length);
    }
}

static int32_t entries(struct agent *agent, const struct call_kind *kind,
                       const struct enclave_file_request *request, int32_t cancel_fd,
                       const struct enclave_entry_sink *to, struct enclave_error *err)
{
    struct call call;
    int32_t rc = call_open(&call, agent, kind, request, cancel_fd, err);

    if (rc < 0) {
        return rc;
    }
    return call_close(&call, read_entries(&call, to, err), err);
}

int32_t agent_file_stat(struct agent *agent, const struct enclave_file_request *request,
                        int32_t cancel_fd, const struct enclave_entry_sink *to,
                        struct enclave_error *err)
{
    static const struct call_kind kind = {WIRE_FILE_STAT, "stat", 0, 1};

    return entries(agent, &kind, request, cancel_fd, to, err);
}

int32_t agent_file_list(struct agent *agent, const struct enclave_file_request *request,
                        int32_t cancel_fd, const struct enclave_entry_sink *to,
                        struct enclave_error *err)
{
    static const struct call_kind kind = {WIRE_FILE_LIST, "list", 0, 1};

    return entries(agent, &kind, request, cancel_fd, to, err);
}

/* -------------------------------------------------------------------------------------- remove */

int32_t agent_file_remove(struct agent *agent, const struct enclave_file_request *request,
                          int32_t cancel_fd, struct enclave_error *err)
{
    static const struct call_kind kind = {WIRE_FILE_REMOVE, "remove", 0, 0};
    struct call call;
    int32_t rc = call_open(&call, agent, &kind, request, cancel_fd, err);

    if (rc < 0) {
        return rc;
    }
    return call_close(&call, call_end_input(&call, err), err);
}
