/*
 * turn.h - how many commands run in a sandbox at once; the others wait for their turn, in no time longer
 * than their own. Does not run them.
 *
 * A sandbox has room for so many processes. Without this, of a thousand commands at once most would
 * be refused for that, and those that run could start nothing.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CORE_TURN_H
#define CORE_TURN_H

#include "cancel.h"

#include <pthread.h>
#include <stdint.h>

struct turns;

/* On the stack of the thread that waits. */
struct turn_waiter {
    struct turns *turns;
    struct turn_waiter *next;
    pthread_cond_t wake;
    int given;
    int cancelled;
};

struct turns {
    pthread_mutex_t lock; /* guards all below; taken inside a cancel handle's lock */
    uint64_t limit;       /* 0: none */
    uint64_t taken;
    int closed;
    struct turn_waiter *first; /* of those that wait, for the longest time */
    struct turn_waiter **last; /* where the next is appended */
};

/* It must not move from here on. */
void turns_init(struct turns *turns);
void turns_destroy(struct turns *turns);

/* Blocks. TIMEOUT at `deadline_us` (clock_monotonic_us(); INT64_MAX: never), CANCELLED, STATE (closed),
 * NOMEM. `cancel` may be NULL. [any-thread] */
int32_t turn_take(struct turns *turns, int64_t deadline_us, struct enclave_cancel *cancel);
void turn_give(struct turns *turns);

/* No more turns for anybody. Those that wait are told at once. [any-thread] */
void turns_close(struct turns *turns);
/* How many wait. [any-thread] */
size_t turns_waiting(struct turns *turns);

#endif
