/*
 * reconcile.h - remove what was left behind: containers of owners that died before their containers
 * could end by themselves, and our own that could not be removed when they should have been.
 *
 * Only what does not run is touched: a running container ends by itself when its owner is gone.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_CONTAINER_RECONCILE_H
#define ENCLAVE_CONTAINER_RECONCILE_H

#include "container.h"
#include "worker.h"

#include <enclave/backend.h>

#define RECONCILE_MAX_GRAVES 256

struct grave {
    char name[CONTAINER_NAME_SIZE];
    int64_t may_appear_until_ms; /* monotonic: before it, that it is not there proves nothing */
};

struct reconcile {
    const struct enclave_host *host; /* is told what was removed */
    struct container_api api;
    struct worker *worker;
    struct worker_job job;
    int stop_fd;          /* readable when nobody waits for the engine any more; -1: never */
    pthread_mutex_t lock; /* guards the members below; no other lock is taken under it */
    int listed;           /* the engine's containers have been looked through */
    int wanted;           /* it is worth another look */
    size_t grave_count;
    struct grave *graves; /* ours, to remove */
};

void reconcile_init(struct reconcile *reconcile, const struct enclave_host *host,
                    struct worker *worker);
/* What is under way ends soon. [any-thread] */
void reconcile_stop(struct reconcile *reconcile);
/* `api` must be set, and the worker has ended. */
void reconcile_clear(struct reconcile *reconcile);

/* This one of ours should be gone and may not be. `uncertain`: the engine may be making it yet. */
void reconcile_bury(struct reconcile *reconcile, const char *name, int uncertain);

/* Have the worker look through the engine's containers, and try again what failed. Does not block. */
void reconcile_look_again(struct reconcile *reconcile);

/* The engine answers: have the worker do what there is to do, if anything. Does not block. */
void reconcile_kick(struct reconcile *reconcile);

#endif
