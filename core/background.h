/*
 * background.h - threads that do something and end, and that whoever started them can wait for.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CORE_BACKGROUND_H
#define CORE_BACKGROUND_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

struct background {
    pthread_mutex_t lock; /* guards all below; the last in every order of locks */
    pthread_cond_t ended;
    size_t running;
};

int32_t background_init(struct background *background);
/* Nothing runs any more. */
void background_destroy(struct background *background);

/* Run `run(arg)` in a thread of its own, which takes no signal: those are the embedding program's. 0 or
 * ENCLAVE_ENOMEM. [any-thread] */
int32_t background_start(struct background *background, void (*run)(void *arg), void *arg);
/* Blocks until none runs, or until `deadline_us` (clock_monotonic_us(); INT64_MAX: never). */
void background_wait(struct background *background, int64_t deadline_us);

#endif
