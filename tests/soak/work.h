/*
 * work.h - what the callers of a soak do: calls that must succeed, and now and then a payload that misbehaves.
 *
 * Owns: the callers' threads, what they run, and whether it came to what it must. Does not own the manager.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SOAK_WORK_H
#define SOAK_WORK_H

#include <enclave/enclave.h>

#include <pthread.h>

enum { WORK_CALLERS_MAX = 64 };

struct work {
    struct enclave_manager *manager;
    int callers;
    double misbehaving; /* of a hundred calls */

    pthread_t threads[WORK_CALLERS_MAX];
    int started;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t change;
    int paused, stopping, active;
    unsigned long calls, misbehaved, failed;
    unsigned long sandboxes; /* made and deleted */
    char first_failure[1024];
};

/* Make the pool, start the callers, which are paused. */
int32_t work_begin(struct work *work, struct enclave_error *err);

/* Let them go on, or wait until no call is under way. */
void work_go_on(struct work *work);
void work_pause(struct work *work);

/* Wait until all have ended. */
void work_end(struct work *work);

/* The pool that they share. */
#define WORK_POOL "soak"
enum { WORK_POOL_SIZE = 3 };

#endif
