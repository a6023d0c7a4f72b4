/*
 * request.h - one request, from its headers to the end of its answer, and the wait between the two.
 *
 * Owns: what is known about it. A handler (routes.h) either sets an answer (answer.h) at once, or lets the client wait and
 * has another thread set the answer and resume. Does not own: connections and their deadlines (connections.h).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_SERVE_REQUEST_H
#define ENCLAVE_SERVE_REQUEST_H

#include "body.h"
#include "jobs.h"
#include "server.h"
#include "uri.h"

#include <microhttpd.h>

enum { REQUEST_ID_SIZE = 129, EXECUTION_ID_SIZE = 128 };

struct connection;
struct route;

struct request {
    struct server *server;
    struct MHD_Connection *mhd;
    struct connection *connection;
    const char *method;
    const struct route *route; /* NULL: none */
    struct uri uri;            /* points into connection->target */
    const char *subject;       /* the {id} of its path, decoded; NULL: it has none */
    const char *key;           /* name of the caller's key; NULL: none is needed */
    char id[REQUEST_ID_SIZE];
    char path[128]; /* for the log, cut, without query */
    int64_t started_us;
    struct body body;

    struct MHD_Response *response; /* the answer, until it is queued */
    unsigned status;
    bool waiting;    /* the client does; of the thread that serves the connection */
    bool paced;      /* it counts as an answer of the loop's that has not been taken up yet */
    bool discarding; /* the answer is known, and the body only read to its end */
    bool misframed;  /* nobody knows where its body ends: the connection is closed */

    /* While the client waits. */
    struct job job;
    struct enclave_cancel *cancel; /* of a job; triggered when the client goes away */
    void *work;                    /* the handler's own */
    /* Called when the answer is out, or the client gone, whatever there was. NULL: nothing to do. */
    void (*finish)(struct request *request, bool delivered);
};

/*
 * Let the client wait, from the thread that handles the request. `gone` (may be NULL) is called, once at most and in the
 * loop's thread, when the client goes away meanwhile; it must not block, take locks of requests, or resume.
 */
void request_wait(struct request *request, void (*gone)(struct request *request));

/* The client waits already: from now on `gone` is what is called. In whatever thread. */
void request_watch(struct request *request, void (*gone)(struct request *request));

/* The answer is set, in whatever thread: send it. The request is not to be touched any more. */
void request_resume(struct request *request);

/*
 * Run `run(request)` in one of the `jobs` while the client waits: it resumes the request, or whatever it begins does. `gone`
 * as for request_wait(). When too many wait the answer is 503.
 */
void request_begin(struct request *request, struct jobs *jobs, void (*run)(void *request),
                   void (*gone)(struct request *request));

/*
 * Run `run` in one of the `jobs` while the client waits; it sets the answer, and the request is resumed. With `cancellable`,
 * request->cancel is made, and triggered when the client goes away.
 */
void request_run(struct request *request, struct jobs *jobs, void (*run)(struct request *request),
                 bool cancellable);

/* Whose the work is, to be told from others' by its address; NULL: there is one key only, or none. */
const char *request_caller(const struct request *request);

/* A query parameter, NULL when it is missing. */
const char *request_parameter(const struct request *request, const char *name);

#endif
