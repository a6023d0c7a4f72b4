/*
 * body.h - a request's body in memory, within its own limit and that of all bodies together.
 *
 * Owns: the bytes. Does not own: how long a client may take to send them (connections.h).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_SERVE_BODY_H
#define ENCLAVE_SERVE_BODY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct body {
    char *data; /* with a NUL behind its bytes; NULL: empty */
    size_t length, room, limit;
    size_t received; /* kept or not */
    bool over;       /* longer than its limit */
    bool starved;    /* no memory, or too many bodies at once */
};

/* Keep `length` bytes more, or note why not. `all`, `all_max`: bytes of all bodies. */
void body_take(struct body *body, const void *data, size_t length, atomic_size_t *all,
               size_t all_max);
void body_drop(struct body *body, atomic_size_t *all);

#endif
