/*
 * turn.c - see turn.h.
 *
 * A turn that is given back goes to the one who has waited longest, and not to whoever comes next: a
 * caller that calls again at once would otherwise be served again and again.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "turn.h"

#include "clock.h"

#include <errno.h>

void turns_init(struct turns *turns)
{
    *turns = (struct turns){.last = &turns->first};
    (void)pthread_mutex_init(&turns->lock, NULL);
}

void turns_destroy(struct turns *turns)
{
    (void)pthread_mutex_destroy(&turns->lock);
}

/* In the thread that triggers. */
static void on_cancel(void *ctx)
{
    struct turn_waiter *waiter = ctx;

    pthread_mutex_lock(&waiter->turns->lock);
    waiter->cancelled = 1;
    pthread_cond_signal(&waiter->wake);
    pthread_mutex_unlock(&waiter->turns->lock);
}

/* The lock is held. While a turn is free, nobody waits. */
static int take_free(struct turns *turns)
{
    int is_free = !turns->closed && (turns->limit == 0 || turns->taken < turns->limit);

    turns->taken += is_free ? 1 : 0;
    return is_free;
}

static void enqueue(struct turns *turns, struct turn_waiter *waiter)
{
    *turns->last = waiter;
    turns->last = &waiter->next;
}

static void dequeue(struct turns *turns, const struct turn_waiter *waiter)
{
    struct turn_waiter **at = &turns->first;

    while (*at != waiter) {
        at = &(*at)->next;
    }
    *at = waiter->next;
    turns->last = *at ? turns->last : at;
}

/* The lock is held. */
static int32_t wait_for_turn(struct turn_waiter *waiter, int64_t deadline_us)
{
    struct turns *turns = waiter->turns;
    int r = 0;

    enqueue(turns, waiter);
    while (!waiter->given && !waiter->cancelled && !turns->closed && r != ETIMEDOUT) {
        r = clock_cond_wait(&waiter->wake, &turns->lock, deadline_us);
    }
    if (waiter->given) {
        return 0;
    }
    dequeue(turns, waiter);
    if (turns->closed) {
        return ENCLAVE_ESTATE;
    }
    return waiter->cancelled ? ENCLAVE_ECANCELLED : ENCLAVE_ETIMEOUT;
}

static int32_t take_or_wait(struct turns *turns, int64_t deadline_us, struct enclave_cancel *cancel)
{
    struct turn_waiter waiter = {.turns = turns};
    struct cancel_watch watch = {on_cancel, &waiter, NULL};

    if (clock_cond_init(&waiter.wake) < 0) {
        return ENCLAVE_ENOMEM;
    }
    cancel_add(cancel, &watch);
    pthread_mutex_lock(&turns->lock);
    int32_t r = take_free(turns) ? 0 : wait_for_turn(&waiter, deadline_us);
    pthread_mutex_unlock(&turns->lock);
    cancel_remove(cancel, &watch);
    (void)pthread_cond_destroy(&waiter.wake);
    return r;
}

int32_t turn_take(struct turns *turns, int64_t deadline_us, struct enclave_cancel *cancel)
{
    pthread_mutex_lock(&turns->lock);
    int taken = take_free(turns);
    pthread_mutex_unlock(&turns->lock);
    return taken ? 0 : take_or_wait(turns, deadline_us, cancel);
}

void turn_give(struct turns *turns)
{
    pthread_mutex_lock(&turns->lock);
    struct turn_waiter *first = turns->first;
    if (first) {
        dequeue(turns, first);
        first->given = 1;
        pthread_cond_signal(&first->wake); /* under the lock: it is gone once it has seen that */
    } else {
        turns->taken--;
    }
    pthread_mutex_unlock(&turns->lock);
}

void turns_close(struct turns *turns)
{
    pthread_mutex_lock(&turns->lock);
    turns->closed = 1;
    for (struct turn_waiter *waiter = turns->first; waiter; waiter = waiter->next) {
        pthread_cond_signal(&waiter->wake);
    }
    pthread_mutex_unlock(&turns->lock);
}

size_t turns_waiting(struct turns *turns)
{
    size_t count = 0;
    pthread_mutex_lock(&turns->lock);
    for (const struct turn_waiter *waiter = turns->first; waiter; waiter = waiter->next) {
        count++;
    }
    pthread_mutex_unlock(&turns->lock);
    return count;
}
