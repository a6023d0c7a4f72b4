/*
 * executions.h - the executions under way: submitted, told to their clients, cancelled by name.
 *
 * Owns: their ids, as callers chose them; the events of those that stream; what a client's going away does to its execution.
 * Does not own: the request's form (handle_execute.c), and running anything, which the manager does.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_SERVE_EXECUTIONS_H
#define ENCLAVE_SERVE_EXECUTIONS_H

#include "events.h"
#include "request.h"

struct executions;

/* NULL: out of memory. */
struct executions *executions_new(struct server *server);
void executions_free(struct executions *executions);

/* What is to be executed; borrowed for the call. */
struct execution_request {
    const char *sandbox, *tool, *params;
    const char *execution_id; /* NULL: the manager makes one */
    int64_t timeout_ms;
    const void *stdin_data;
    uint64_t stdin_length;
    enum events_format format;
};

/*
 * Begin: the request waits from then on, if it did not already, and is resumed at the end. False: the answer of a refusal is
 * set, and a request that waited waits on.
 */
bool executions_begin(struct executions *executions, struct request *request,
                      const struct execution_request *what);

/* Cancel one of a caller's (`key` may be NULL). False: none such is under way. */
bool executions_cancel(struct executions *executions, const char *key, const char *execution_id);

/* Cancel all. */
void executions_cancel_all(struct executions *executions);

/* Take what has ended. For the loop. */
void executions_take(struct executions *executions);
/* Tell the clients of streams that have been silent for long that all is well. */
void executions_ping(struct executions *executions);

unsigned executions_count(struct executions *executions);

#endif
