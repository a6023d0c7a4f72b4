/*
 * manager.h - the manager's insides, for the files that implement its calls.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CORE_MANAGER_H
#define CORE_MANAGER_H

#include "config.h"
#include "pool.h"
#include "reaper.h"
#include "registry.h"
#include "request.h"
#include "sandbox_map.h"
#include "stats.h"

#include <enclave/enclave.h>

struct enclave_manager {
    int instance_fd; /* holds the lock of the instance; -1: none is needed */
    struct config config;
    struct registry registry;
    struct plugin
        *delegate; /* the configured backend, when its sandboxes are another manager's; else NULL */
    atomic_uint looked_up; /* sandboxes of the other manager's, ever */
    atomic_int comparing;  /* what is here with what the other manager has */
    struct sandbox_map sandboxes;
    struct requests requests;
    struct submitter *submitter;
    struct stats *stats; /* of what happened since it was made */
    struct reaper reaper;
    struct background cleanup;
    struct background adoptions; /* from backends that could not be asked at the start */
    struct pools pools;
    struct enclave_host host; /* what plugins are offered; copied for each */
    void (*log)(void *ctx, uint32_t level, const char *message);
    void *log_ctx;
    int64_t (*clock)(void *ctx);
    void *clock_ctx;

    pthread_mutex_t lock;     /* guards all below */
    int64_t adopt_until_us;   /* monotonic: then what waits to be adopted has ended */
    struct plugin *automatic; /* what `auto` came to, once decided */
    int stopping;
    pthread_cond_t stop; /* stopping, or the last of the calls ended */

    /* Executions that have not let go of the manager yet; atomic, since it is changed by each of them. */
    _Alignas(64) atomic_uint calls;
};

/* Seconds of the manager's clock. */
int64_t manager_now_s(const struct enclave_manager *manager);
void manager_log(const struct enclave_manager *manager, uint32_t level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Around an execution: enclave_manager_free() waits for the end. */
void manager_begin(struct enclave_manager *manager);
void manager_end(struct enclave_manager *manager);

/* A sandbox by the caller's id, with a reference: ours, or one that the other manager of the configured backend has.
 * INVALID, NOTFOUND, and what the other says. `what` was attempted. */
int32_t manager_find(struct enclave_manager *manager, const char *id, const char *what,
                     struct sandbox **ret_sandbox, struct enclave_error *err);

/* host.c: fill in the table that plugins receive. */
void host_init(struct enclave_manager *manager);

/* cleanup.c: the background thread. */
int32_t cleanup_start(struct enclave_manager *manager, struct enclave_error *err);
void cleanup_stop(struct enclave_manager *manager);

/* create.c: what follows from sandbox->config and its backend: limits, texts, the tools. */
int32_t manager_derive(struct enclave_manager *manager, struct sandbox *sandbox,
                       struct enclave_error *err);

/* create.c: whose it is; NULL: nobody's. INVALID, NOMEM. */
int32_t manager_take_owner(struct sandbox *sandbox, const char *owner, struct enclave_error *err);

/* create.c: what its info shows besides: what was told of it (NULL: nothing), and what is enforced of what is wanted. */
int32_t manager_take_metadata(struct sandbox *sandbox, const char *told, struct enclave_error *err);

/* ending.c: end a sandbox that was taken out of the map, and the caller's reference with it. */
int32_t manager_destroy(struct enclave_manager *manager, struct sandbox *sandbox,
                        struct enclave_error *err);

/* The same, but it goes on: for the next manager of the instance, or with the manager whose it is. */
void manager_detach(struct enclave_manager *manager, struct sandbox *sandbox);

/* The one or the other: what is only borrowed goes on. */
int32_t manager_give_up(struct enclave_manager *manager, struct sandbox *sandbox,
                        struct enclave_error *err);

/* Take it out of the map and give it up. NOTFOUND: it is not there any more. STATE: it is still being created. */
int32_t manager_end_own(struct enclave_manager *manager, struct sandbox *sandbox,
                        struct enclave_error *err);

#endif
