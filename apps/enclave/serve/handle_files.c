/*
 * handle_files.c - files and archives, in and out.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "handlers.h"

#include "../text.h"
#include "answer.h"
#include "fields.h"
#include "memory.h"
#include "outflow.h"
#include "owners.h"

#include <stdlib.h>
#include <string.h>

/* What get_file reads when no limit is given. */
#define FILE_MAX (UINT64_C(64) << 20)

static int32_t check(struct request *request, struct enclave_error *err)
{
    return owners_check(request->server->owners, request->subject, request->key, err);
}

static void answer_ok(struct request *request)
{
    struct json_object *object = json_object_new_object();

    json_object_object_add(object, "ok", json_object_new_boolean(true));
    answer_json(request, MHD_HTTP_OK, object);
}

/* ---------------------------------------------------------------------------------------- a file */

/* A file on its way out, which counts as what is in memory until it is sent. */
struct outgoing {
    struct memory *memory;
    const char *caller;
    void *data;
    size_t length;
};

static void free_outgoing(void *ctx)
{
    struct outgoing *outgoing = ctx;

    memory_give(outgoing->memory, outgoing->caller, outgoing->length);
    enclave_free(outgoing->data);
    free(outgoing);
}

static void answer_file(struct request *request, void *data, uint64_t length)
{
    struct memory *memory = request->server->memory;
    const char *caller = request_caller(request);
    const char *why = memory_take(memory, caller, length);
    struct outgoing *outgoing = why ? NULL : malloc(sizeof *outgoing);

    if (!outgoing) {
        enclave_free(data);
        if (why) {
            answer_overload(request, why);
        } else {
            memory_give(memory, caller, length);
            answer_fail(request, ENCLAVE_ENOMEM, "out of memory");
        }
        return;
    }
    *outgoing = (struct outgoing){memory, caller, data, length};
    answer_bytes(request, "application/octet-stream", data, length, free_outgoing, outgoing);
}

static void run_get_file(struct request *request)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    const char *path;
    uint64_t max = 0, length = 0;
    void *data = NULL;

    if (!fields_query(request, "path", &path) ||
        !fields_query_integer(request, "max_bytes", UINT64_C(1) << 40, &max)) {
        return;
    }
    if ((max == 0 ? FILE_MAX : max) > request->server->settings.max_file) {
        max = request->server->settings.max_file;
    }
    if (check(request, &err) == 0 &&
        enclave_manager_get_file(request->server->manager, request->subject, path, max, &data,
                                 &length, &err) == 0) {
        answer_file(request, data, length);
    } else {
        answer_error(request, &err);
    }
}

static bool take_mode(struct request *request, uint32_t *ret)
{
    const char *text = request_parameter(request, "mode");
    size_t length = text ? strlen(text) : 0;

    *ret = 0;
    if (text && (length == 0 || length > 4 || strspn(text, "01234567") != length)) {
        answer_misfit(request, "string_pattern_mismatch", "query", "mode",
                      "String should match pattern '^[0-7]{1,4}$'", json_object_new_string(text));
        return false;
    }
    *ret = text ? (uint32_t)strtoul(text, NULL, 8) : 0;
    return true;
}

static void run_put_file(struct request *request)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    const char *path;
    uint32_t mode;

    if (!fields_query(request, "path", &path) || !take_mode(request, &mode)) {
        return;
    }
    if (check(request, &err) == 0 &&
        enclave_manager_put_file(request->server->manager, request->subject, path,
                                 request->body.data ? request->body.data : "", request->body.length,
                                 mode, &err) == 0) {
        answer_ok(request);
    } else {
        answer_error(request, &err);
    }
}

/* ------------------------------------------------------------------------------------ an archive */

struct reading {
    const char *data;
    size_t left;
};

static int64_t read_body(void *ctx, void *buffer, uint64_t capacity)
{
    struct reading *reading = ctx;
    size_t n = reading->left < capacity ? reading->left : capacity;

    memcpy(buffer, reading->data, n);
    reading->data += n;
    reading->left -= n;
    return (int64_t)n;
}

static void run_put_archive(struct request *request)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct reading reading = {request->body.data, request->body.length};
    struct enclave_source source = {sizeof source, 0, &reading, read_body};
    const char *target;

    if (!fields_query(request, "target_dir", &target)) {
        return;
    }
    if (request->body.length == 0) {
        answer_fail(request, ENCLAVE_EINVALID, "Empty archive body");
    } else if (check(request, &err) == 0 &&
               enclave_manager_put_archive(request->server->manager, request->subject, target,
                                           &source, &err) == 0) {
        answer_ok(request);
    } else {
        answer_error(request, &err);
    }
}

static int32_t write_tar(void *ctx, const void *data, uint64_t length)
{
    return outflow_write(ctx, data, length, true) ? 0 : ENCLAVE_ECANCELLED;
}

static void closed(void *ctx)
{
    (void)ctx; /* the next write finds it out */
}

/* The texts are copies: once the first byte is out the request may end at any time. */
static void send_archive(struct request *request, const char *id, const char *path)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct outflow *outflow = outflow_new(request, "application/x-tar", NULL, closed, NULL);
    struct enclave_sink sink = {sizeof sink, 0, outflow, write_tar};
    int32_t r = outflow && id && path
                    ? enclave_manager_get_archive(request->server->manager, id, path, &sink, &err)
                    : enclave_error_set(&err, ENCLAVE_ENOMEM, "out of memory");

    if (r != 0 && (!outflow || !outflow_begun(outflow))) {
        answer_error(request, &err);
        request_resume(request);
    } else {
        outflow_end(outflow, r != 0);
    }
    outflow_drop(outflow);
}

static void run_get_archive(void *ctx)
{
    struct request *request = ctx;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    const char *given;

    if (fields_query(request, "path", &given)) {
        if (check(request, &err) == 0) {
            AUTO_FREE char *id = strdup(request->subject);
            AUTO_FREE char *path = strdup(given);
            send_archive(request, id, path);
            return;
        }
        answer_error(request, &err);
    }
    request_resume(request);
}

void handle_get_archive(struct request *request)
{
    request_begin(request, request->server->transfers, run_get_archive, NULL);
}

void handle_get_file(struct request *request)
{
    request_run(request, request->server->transfers, run_get_file, false);
}

void handle_put_file(struct request *request)
{
    request_run(request, request->server->transfers, run_put_file, false);
}

void handle_put_archive(struct request *request)
{
    request_run(request, request->server->transfers, run_put_archive, false);
}
