/*
 * server.h - the parts of a running server, which its handlers share.
 *
 * Owns: what there is. Each part has its own header, and its own lock.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_SERVE_SERVER_H
#define ENCLAVE_SERVE_SERVER_H

#include "settings.h"

#include <stdatomic.h>

/* What is counted for /metrics, since the start. */
struct counters {
    atomic_ullong requests[6];  /* by first digit of the status */
    atomic_ullong unauthorized; /* 401 */
    atomic_ullong refused;      /* 429, 503: past a limit */
    atomic_ullong expired;      /* connections closed at a deadline */
    atomic_ullong gone;         /* clients that did not wait for their answer */
    atomic_uint active;         /* requests under way */
};

struct server {
    struct settings settings;
    struct enclave_manager *manager;
    struct keys *keys; /* NULL: no key is needed */
    struct connections *connections;
    struct loop *loop;
    struct jobs *quick;     /* what is answered from memory, or asked of another manager */
    struct jobs *jobs;      /* creates, stops, deletes */
    struct jobs *transfers; /* files and archives, as fast as clients and sandboxes are */
    struct jobs *pool_jobs; /* executions in pools */
    struct jobs *submitter; /* one thread, for executions when many come at once */
    struct owners *owners;
    struct room *room;
    struct memory *memory;   /* of bodies, and files on their way out */
    struct strmap *backends; /* names of those that are loaded */
    struct executions *executions;
    struct health *health;
    struct reactor *reactors[SETTINGS_THREADS_MAX]; /* settings.threads of them */
    struct counters counters;
    atomic_bool stopping;
    int quiet_fd; /* eventfd: the last request under way has ended, while stopping */
    int64_t started_us;
};

#endif
