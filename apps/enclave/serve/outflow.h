/*
 * outflow.h - an answer whose bytes other threads make as it is sent: a bounded buffer between them and the client.
 *
 * Owns: the buffer, the beginning of the answer with its first byte, and the waits on both sides: a writer waits while the
 * buffer is full, the connection while it is empty. Does not own: what the bytes are.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_SERVE_OUTFLOW_H
#define ENCLAVE_SERVE_OUTFLOW_H

#include "request.h"

struct outflow;

/*
 * For a request that waits. `gone` as for request_wait(); `closed` is called once when nothing can be written any more, if
 * the answer was begun, and is the last that touches `ctx`. NULL: out of memory.
 */
struct outflow *outflow_new(struct request *request, const char *type,
                            void (*gone)(struct request *request), void (*closed)(void *ctx),
                            void *ctx);

/* Whoever waits for room does not any more: what it had, and what else is written with `wait`, is not kept. Takes the lock. */
void outflow_cut(struct outflow *outflow);

/* Begins the answer when it has not begun. With `wait` it waits for room, else it makes some. False: the client is gone, or
 * there is no memory. [any-thread] */
bool outflow_write(struct outflow *outflow, const void *data, size_t length, bool wait);

bool outflow_begun(struct outflow *outflow);

/* That was all. `broken`: it was not, and the client is to see that. */
void outflow_end(struct outflow *outflow, bool broken);

/* The writer's own hold. An answer that was not begun is the caller's to give. */
void outflow_drop(struct outflow *outflow);

#endif
