/*
 * body.h - a request's body in memory, within its own limit and that of all bodies together.
 *
 * Owns: the bytes. Does not own: how long a client may take to send them (connections.h), and how many others have
 * (memory.h).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_SERVE_BODY_H
#define ENCLAVE_SERVE_BODY_H

#include "memory.h"

#include <stdbool.h>
#include <stddef.h>

struct body {
    struct memory *memory; /* where its bytes count, and as whose */
    const char *caller;
    size_t limit;
    char *data; /* with a NUL behind its bytes; NULL: empty */
    size_t length, room;
    size_t received;     /* kept or not */
    bool over;           /* longer than its limit */
    const char *starved; /* why there is no memory for it; NULL: there is */
};

/* Keep `length` bytes more, or note why not. */
void body_take(struct body *body, const void *data, size_t length);
void body_drop(struct body *body);

#endif
