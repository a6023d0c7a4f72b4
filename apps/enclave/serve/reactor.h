/*
 * reactor.h - runs the HTTP library for its share of the connections: waits for their sockets, has it read, handle and write.
 *
 * The library has no threads of its own. One of the reactor's waits (it leads); the library is run by one thread at a time,
 * whichever has something for it. So a thread that has made an answer sends it as well, and one that has read a request may
 * carry it out: it leaves the sockets to those that stand by, which are woken only when one of them has something. Each wake
 * of a thread that is saved is a tenth of a short call's time.
 *
 * Owns: its threads, the daemon from the start on. Does not own: what the library calls (http.h).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_SERVE_REACTOR_H
#define ENCLAVE_SERVE_REACTOR_H

#include <enclave/error.h>

#include <stdbool.h>

struct MHD_Daemon;
struct reactor;

/* `daemon`: by epoll, without threads. `work(ctx)` is called after reactor_lend(). On failure the daemon is stopped. */
int32_t reactor_start(struct MHD_Daemon *daemon, void (*work)(void *ctx), void *ctx,
                      struct reactor **ret_reactor, struct enclave_error *err);

/* The one that runs the library in this thread. For what the library calls. */
struct reactor *reactor_here(void);

/* For what the library calls: it gets on. Without that it is not run as often as it asks for. */
void reactor_happened(void);

/* For what the library calls: true when this thread is free for something long. Then it has to do it: `work` is called when
 * the library has returned. */
bool reactor_lend(struct reactor *reactor);

/* A connection was resumed: have it served, by the thread that waits if not by this one. [any-thread] */
void reactor_wake(struct reactor *reactor);

/* What this thread resumes from reactor_defer() on, reactor_run() serves, in this thread. Not for what the library calls,
 * and with no lock held that it takes. [any-thread] */
void reactor_defer(struct reactor *reactor);
void reactor_run(struct reactor *reactor);

/* Take no more connections. */
void reactor_quiesce(struct reactor *reactor);

/* No request waits any more: end the threads, close the connections. The functions above do nothing from then on. */
void reactor_stop(struct reactor *reactor);
/* After that, and when no other thread may call them. */
void reactor_free(struct reactor *reactor);

#endif
