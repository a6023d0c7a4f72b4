/*
 * files.c - files and archives in and out of a sandbox on the server.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sandbox.h"

#include "call.h"
#include "clock.h"
#include "escape.h"
#include "failure.h"

#include <inttypes.h>
#include <string.h>

#define PATH_MAX_BYTES ((size_t)32 * 1024)

struct file_call {
    struct sandbox *sandbox;
    const struct enclave_sink *to;
    uint64_t left;      /* bytes that may still come */
    struct buffer path; /* of the request */
    char what[160];
};

/* "/sandbox/ID/KIND?KEY=PATH" */
static int32_t open_call(struct file_call *call, const char *verb, const char *kind,
                         const char *key, const struct enclave_file_request *request,
                         struct enclave_error *err)
{
    struct buffer *path = &call->path;
    int32_t r;

    *path = BUFFER_INIT(PATH_MAX_BYTES);
    snprintf(call->what, sizeof call->what, "%s '%.100s'", verb, request->path);
    if (request->allowed || request->blocked) {
        return enclave_error_set(err, ENCLAVE_ENOTSUP,
                                 "%s: lists of allowed and blocked folders are not supported by "
                                 "this backend",
                                 call->what);
    }
    r = buffer_append_text(path, "/sandbox/");
    r = r == 0 ? buffer_append_text(path, call->sandbox->id) : r;
    r = r == 0 ? buffer_append_text(path, kind) : r;
    r = r == 0 ? buffer_append_text(path, key) : r;
    r = r == 0 ? escape_url(path, request->path) : r;
    return r == 0 ? 0
                  : enclave_error_set(err, r == ENCLAVE_ETOOBIG ? ENCLAVE_EINVALID : r,
                                      "%s: its path is too long", call->what);
}

static struct exchange_request request_of(const struct file_call *call, const char *method,
                                          const struct enclave_file_request *request,
                                          int32_t cancel_fd)
{
    return (struct exchange_request){
        .what = call->what,
        .method = method,
        .path = call->path.data,
        .patient = 1,
        .deadline = request->timeout_ms > 0 ? clock_deadline(request->timeout_ms) : 0,
        .cancel_fd = cancel_fd,
    };
}

static int32_t perform(struct file_call *call, const struct exchange_request *request,
                       struct enclave_error *err)
{
    struct exchange_answer answer;
    int32_t r = remote_call(call->sandbox->remote, request, &answer, err);

    buffer_free(&answer.body);
    return r;
}

/* --------------------------------------------------------------------------------------- out */

static int32_t take(void *ctx, const char *data, size_t length)
{
    struct file_call *call = ctx;

    if (length > call->left) { /* the server should have seen to it */
        return ENCLAVE_ETOOBIG;
    }
    call->left -= length;
    return call->to->write(call->to->ctx, data, length);
}

static int32_t fetch(struct file_call *call, const struct enclave_file_request *request,
                     int32_t cancel_fd, const char *accept, struct enclave_error *err)
{
    struct exchange_request get = request_of(call, "GET", request, cancel_fd);

    get.accept = accept;
    get.take = take;
    get.ctx = call;
    return perform(call, &get, err);
}

int32_t sandbox_file_read(void *sandbox, const struct enclave_file_request *request,
                          int32_t cancel_fd, const struct enclave_sink *to,
                          struct enclave_error *err)
{
    struct file_call call = {
        .sandbox = sandbox, .to = to, .left = request->max_bytes ? request->max_bytes : UINT64_MAX};
    char limit[48] = "";
    int32_t r = open_call(&call, "read", "/file", "?path=", request, err);

    if (request->max_bytes) {
        snprintf(limit, sizeof limit, "&max_bytes=%" PRIu64, request->max_bytes);
    }
    r = r == 0 ? buffer_append_text(&call.path, limit) : r;
    r = r == 0 ? remote_needs_enclave(call.sandbox->remote, call.what, err) : r;
    r = r == 0 ? fetch(&call, request, cancel_fd, "application/octet-stream", err) : r;
    buffer_free(&call.path);
    return r;
}

int32_t sandbox_get_archive(void *sandbox, const struct enclave_file_request *request,
                            int32_t cancel_fd, const struct enclave_sink *tar,
                            struct enclave_error *err)
{
    struct file_call call = {.sandbox = sandbox, .to = tar, .left = UINT64_MAX};
    int32_t r = open_call(&call, "pack", "/archive", "?path=", request, err);

    r = r == 0 ? remote_needs_enclave(call.sandbox->remote, call.what, err) : r;
    r = r == 0 ? fetch(&call, request, cancel_fd, "application/x-tar", err) : r;
    buffer_free(&call.path);
    return r;
}

/* ---------------------------------------------------------------------------------------- in */

static int32_t send_all(struct file_call *call, const char *method,
                        const struct enclave_file_request *request, int32_t cancel_fd,
                        const char *type, const struct enclave_source *from,
                        struct enclave_error *err)
{
    struct exchange_request put = request_of(call, method, request, cancel_fd);

    put.content_type = type;
    put.from = from;
    return perform(call, &put, err);
}

int32_t sandbox_file_write(void *sandbox, const struct enclave_file_request *request,
                           int32_t cancel_fd, const struct enclave_source *from,
                           struct enclave_error *err)
{
    struct file_call call = {.sandbox = sandbox};
    char mode[32];
    int32_t r = open_call(&call, "write", "/file", "?path=", request, err);

    snprintf(mode, sizeof mode, "&mode=%04o", request->mode ? (unsigned)request->mode : 0644);
    r = r == 0 ? buffer_append_text(&call.path, mode) : r;
    r = r == 0 ? remote_needs_enclave(call.sandbox->remote, call.what, err) : r;
    r = r == 0 ? send_all(&call, "PUT", request, cancel_fd, "application/octet-stream", from, err)
               : r;
    buffer_free(&call.path);
    return r;
}

int32_t sandbox_put_archive(void *sandbox, const struct enclave_file_request *request,
                            int32_t cancel_fd, const struct enclave_source *tar,
                            struct enclave_error *err)
{
    struct file_call call = {.sandbox = sandbox};
    int32_t r = open_call(&call, "unpack into", "/archive", "?target_dir=", request, err);

    r = r == 0 ? send_all(&call, "POST", request, cancel_fd, "application/x-tar", tar, err) : r;
    buffer_free(&call.path);
    return r;
}

/* ------------------------------------------------------------- what the server has no route for */

static int32_t not_supported(const char *verb, const struct enclave_file_request *request,
                             struct enclave_error *err)
{
    return enclave_error_set(err, ENCLAVE_ENOTSUP,
                             "%s '%.100s': not supported by this backend; tools run elsewhere",
                             verb, request->path);
}

int32_t sandbox_file_stat(void *sandbox, const struct enclave_file_request *request,
                          int32_t cancel_fd, const struct enclave_entry_sink *to,
                          struct enclave_error *err)
{
    (void)sandbox, (void)cancel_fd, (void)to;
    return not_supported("stat", request, err);
}

int32_t sandbox_file_list(void *sandbox, const struct enclave_file_request *request,
                          int32_t cancel_fd, const struct enclave_entry_sink *to,
                          struct enclave_error *err)
{
    (void)sandbox, (void)cancel_fd, (void)to;
    return not_supported("list", request, err);
}

int32_t sandbox_file_remove(void *sandbox, const struct enclave_file_request *request,
                            int32_t cancel_fd, struct enclave_error *err)
{
    (void)sandbox, (void)cancel_fd;
    return not_supported("remove", request, err);
}
