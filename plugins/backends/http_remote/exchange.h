/*
 * exchange.h - one HTTP request and its answer, by the calling thread.
 *
 * Owns: sending and receiving, deadlines, what a caller that gives up brings about, ceilings on what is received, and asking
 * whether a silent server still lives. Does not repeat anything (call.c) and does not judge the answer (failure.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HTTP_REMOTE_EXCHANGE_H
#define HTTP_REMOTE_EXCHANGE_H

#include "buffer.h"
#include "cut.h"
#include "ending.h"
#include "lanes.h"

#include <enclave/types.h>

#define EXCHANGE_MAX_HEADERS ((size_t)64 * 1024)

/* Which server answers, told by its header `Server`. */
enum { SERVER_UNKNOWN, SERVER_ENCLAVE, SERVER_OTHER };

/* What is the same for all exchanges with one server. */
struct exchanger {
    struct lanes lanes;
    char *key_header; /* "X-API-Key: ..."; NULL: none */
    size_t max_answer;
    int64_t request_timeout_ms;
    struct ending ending;
    int server; /* SERVER_...; atomic */
};

struct exchange_request {
    const char *what; /* for messages: "create a sandbox" */
    const char *method;
    const char *path; /* escaped, with its query */
    const char *content_type;
    const char *accept;
    const char *header; /* one more, "Name: value"; NULL: none */
    const void *body;
    size_t length;
    const struct enclave_source *from; /* in place of a body */
    /* It can be sent again when it is not known what became of it. */
    int repeatable;
    /*
     * It takes as long as it takes: there is no limit but `deadline`, and a server that has said nothing for a while is asked
     * whether it lives. Others are given the request_timeout.
     */
    int patient;
    int64_t deadline; /* clock.h; 0: CLOCK_NEVER */
    int cancel_fd;    /* -1: never. Readable: the caller gives up */
    /*
     * The caller has given up, by cancel_fd or by `gave_up` (NULL: only by cancel_fd). Returns in how many milliseconds
     * it wants to be called again, 0: not at all; the answer is waited for meanwhile, until EXCHANGE_CANCEL_WAIT_MS have passed.
     * Less: it is not. NULL: as if it returned less. Not called for what was not sent.
     */
    const int *gave_up;
    int (*give_up)(void *ctx);
    struct cut *cut; /* by which another thread ends it, at once; NULL: none does */
    /* Takes the body of an answer 200 as it comes; NULL: it is kept. A code other than 0 ends the exchange with it. */
    int32_t (*take)(void *ctx, const char *data, size_t length);
    void *ctx; /* of give_up and take */
};

#define EXCHANGE_CANCEL_WAIT_MS 15000

struct exchange_answer {
    long status;            /* 0: none */
    int server;             /* SERVER_... */
    int sent;               /* the request may have reached the server */
    int refused;            /* the server's certificate: to ask again is no use */
    int64_t retry_after_ms; /* -1: not said */
    int repeated; /* by call.c: an earlier one was sent and not answered; then `sent` is set too */
    char location[160]; /* of a redirect */
    struct buffer body; /* buffer_free() it, whatever came of the exchange */
};

/* An answer is no error, whatever its status is. Errors: UNREACHABLE, LOST (sent, and not repeatable; cut), TIMEOUT, CANCELLED,
 * PROTOCOL, NOMEM, TOOBIG and what `take` or `from` returned. */
int32_t exchange(struct exchanger *exchanger, const struct exchange_request *request,
                 struct exchange_answer *ret_answer, struct enclave_error *err);

#endif
