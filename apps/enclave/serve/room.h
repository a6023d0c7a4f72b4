/*
 * room.h - how many sandboxes there may be: [server] max_sandboxes, of all callers, with those that are being made.
 *
 * Owns: what is reserved for calls under way. Does not own: how many there are, which the manager knows. [any-thread]
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_SERVE_ROOM_H
#define ENCLAVE_SERVE_ROOM_H

#include "server.h"

struct room;

/* NULL: out of memory. */
struct room *room_new(struct server *server);
void room_free(struct room *room);

/* Before `count` sandboxes are made. BUSY: that would be too many. */
int32_t room_reserve(struct room *room, uint64_t count, struct enclave_error *err);

/* They are made, or are not to be: from now on the manager counts them. */
void room_release(struct room *room, uint64_t count);

#endif
