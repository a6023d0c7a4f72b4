/*
 * manager.h - the manager's insides, for the files that implement its calls.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CORE_MANAGER_H
#define CORE_MANAGER_H

#include "config.h"
#include "registry.h"
#include "sandbox.h"

#include <enclave/enclave.h>

#include <stdatomic.h>

struct enclave_manager {
    struct config config;
    struct registry registry;
    struct sandbox_map sandboxes;
    struct enclave_host host; /* what plugins are offered; copied for each */
    void (*log)(void *ctx, uint32_t level, const char *message);
    void *log_ctx;
    int64_t (*clock)(void *ctx);
    void *clock_ctx;

    pthread_mutex_t lock;     /* guards all below */
    struct plugin *automatic; /* what `auto` came to, once decided */
    pthread_t cleanup;
    int cleanup_started;
    int stopping;
    unsigned calls;      /* executions that have not let go of the manager yet */
    pthread_cond_t stop; /* stopping, or calls became 0 */

    /* Since the manager was made. */
    atomic_uint_fast64_t created;
    atomic_uint_fast64_t deleted;
    atomic_uint_fast64_t executions;
};

/* Seconds of the manager's clock. */
int64_t manager_now_s(const struct enclave_manager *manager);
void manager_log(const struct enclave_manager *manager, uint32_t level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Around an execution: enclave_manager_free() waits for the end. */
void manager_begin(struct enclave_manager *manager);
void manager_end(struct enclave_manager *manager);

/* A sandbox by the caller's id, with a reference; NULL with INVALID or NOTFOUND. `what` was attempted. */
struct sandbox *manager_find(struct enclave_manager *manager, const char *id, const char *what,
                             struct enclave_error *err);

/* host.c: fill in the table that plugins receive. */
void host_init(struct enclave_manager *manager);

/* cleanup.c: the background thread. */
int32_t cleanup_start(struct enclave_manager *manager, struct enclave_error *err);
void cleanup_stop(struct enclave_manager *manager);

/* create.c: end a sandbox that was taken out of the map, and the caller's reference with it. */
int32_t manager_destroy(struct enclave_manager *manager, struct sandbox *sandbox,
                        struct enclave_error *err);

/* describe.c */
json_object *describe_tool(const struct plugin *tool);

#endif
