/*
 * connections.h - the open connections: how many, how long each may take, and whether the other side is still there.
 *
 * Owns: each connection's record, its deadline, and the watch on its socket while a request waits (the HTTP library does
 * not look at the socket then). Its own deadlines, since the library's timeout is one of inactivity, which a client that
 * sends a byte now and then never meets. Does not own: what is done with requests.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_SERVE_CONNECTIONS_H
#define ENCLAVE_SERVE_CONNECTIONS_H

#include "request.h"

#include <stdint.h>

struct connection {
    struct request request;  /* the one under way */
    struct reactor *reactor; /* that serves it */
    int fd;
    bool surplus;     /* beyond the limit: to be refused */
    atomic_bool busy; /* a request is under way */
    char *target;     /* of the request, as it came */
    size_t target_room;
    uintptr_t target_end;        /* where its end was in the library's memory, to compare with */
    _Atomic int64_t deadline_ms; /* when it is closed; 0: not */
    unsigned watch;              /* number of its watch, 0: none; guarded by the lock */
    void (*gone)(struct request *request);
};

struct connections;

/* `max`: how many are served at once. NULL: out of memory, or no descriptor is to be had. */
struct connections *connections_new(unsigned max);
void connections_free(struct connections *connections);

/* A connection is there, or is no more. NULL: out of memory. */
struct connection *connections_open(struct connections *connections, struct MHD_Connection *mhd);
void connections_close(struct connections *connections, struct connection *connection);

unsigned connections_count(struct connections *connections);

/* From now on it may take so long; 0: as long as it likes. */
void connections_limit(struct connection *connection, int64_t ms);

/* For its answer, or a piece of it: write_timeout, and when the server is being stopped no more than stop_timeout. */
void connections_limit_answer(const struct server *server, struct connection *connection);

void connections_watch(struct connections *connections, struct connection *connection,
                       void (*gone)(struct request *request));
void connections_unwatch(struct connections *connections, struct connection *connection);

/* Descriptor that is readable when a client that is watched went away, and what to do then. */
int connections_fd(struct connections *connections);
void connections_see_gone(struct connections *connections);

/* Close those past their deadlines, and see to it that an end of the other side's is seen; how many were past. */
unsigned connections_expire(struct connections *connections);

/* None that has a deadline has more than so long. */
void connections_hurry(struct connections *connections, int64_t ms);

/* As if every client that is waited for had gone away. */
void connections_cancel_all(struct connections *connections);

/* End all that are between two requests, or within one's headers. */
void connections_shut_idle(struct connections *connections);

#endif
