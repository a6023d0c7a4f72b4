/*
 * http.h - HTTP exchanges with the engine over libcurl.
 *
 * Owns: connections (kept for reuse, a bounded number), deadlines and cancelling, ceilings on what
 * is received, and the words for a connection that fails. Does not know the Engine API.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_ENGINE_HTTP_H
#define ENCLAVE_ENGINE_HTTP_H

#include "address.h"
#include "buffer.h"

#include <curl/curl.h>
#include <pthread.h>

#define HTTP_MAX_IDLE 8
#define HTTP_MAX_BODY ((size_t)16 * 1024 * 1024)
#define HTTP_MAX_HEADERS ((size_t)256 * 1024)

/* An easy handle with the multi handle that drives it and keeps its connection. */
struct http_lane {
    CURLM *multi;
    CURL *easy;
};

struct http_client {
    struct address address;
    char *name;        /* for messages: "Docker" */
    char *hint;        /* what to do when it cannot be reached */
    char *access_hint; /* ... and when its socket is closed to this user */
    /* Guards `idle`. Held for a moment only, and nothing else is locked under it. */
    pthread_mutex_t lock;
    struct http_lane *idle[HTTP_MAX_IDLE]; /* the last one is the one used last */
    size_t idle_count;
};

struct http_request {
    const char *method;
    const char *path; /* with the API version, and escaped */
    const char *content_type;
    const void *body; /* with content_type; NULL: none */
    size_t length;
    const char *header; /* one more header, "Name: value"; may be NULL */
    int64_t deadline;   /* clock.h */
    long silence_s;     /* seconds without a byte after which it is given up; 0: any */
    int cancel_fd;
    /* Takes the body of an answer below 400 as it comes; NULL: it is kept in the response. A code
     * other than 0 ends the exchange with that code, and the taker has set the error. */
    int32_t (*take)(void *ctx, const char *data, size_t length);
    void *take_ctx;
};

struct http_response {
    long status;          /* 0: no answer */
    struct buffer body;   /* free it with buffer_free() */
    char api_version[16]; /* the header Api-Version; "" without one */
    int podman;           /* there was a header Libpod-Api-Version */
};

/* Errors: UNREACHABLE, TIMEOUT, CANCELLED, PROTOCOL, NOMEM, INVALID (a path with control
 * characters). An answer is no error, whatever its status is. */
int32_t http_exchange(struct http_client *client, const struct http_request *request,
                      struct http_response *ret_response, struct enclave_error *err);

/* A lane with the options that every connection has, after `address` and `hint`. Does not connect.
 * Errors: UNREACHABLE (there is no such socket, or it is closed to this user), NOTSUP (no libcurl),
 * NOMEM; `what` as with the errors below. */
int32_t http_lane_new(const struct http_client *client, const char *what,
                      struct http_lane **ret_lane, struct enclave_error *err);
void http_lane_free(struct http_lane *lane);
int32_t http_lane_prepare(const struct http_client *client, struct http_lane *lane);
/* Drive the lane's handle, which stays added to its multi handle, to its end. 0: `*ret_result`
 * holds how it ended; else TIMEOUT, CANCELLED or NOMEM without a message. */
int32_t http_lane_run(struct http_lane *lane, int64_t deadline, int cancel_fd,
                      CURLcode *ret_result);

/* http_error.c: say how a transfer ended. `what` is "POST /containers/create". */
int32_t http_error_stopped(const struct http_client *client, const char *what, int32_t code,
                           struct enclave_error *err);
int32_t http_error_result(const struct http_client *client, const char *what, CURL *easy,
                          CURLcode result, const char *detail, struct enclave_error *err);
int32_t http_error_socket(const struct http_client *client, int number, struct enclave_error *err);
int32_t http_error_closed(const struct http_client *client, const char *what,
                          struct enclave_error *err);

#endif
