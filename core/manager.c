/*
 * manager.c - a manager's beginning and end.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "manager.h"

#include "adopt.h"
#include "clock.h"
#include "delegate.h"
#include "id.h"
#include "instance.h"
#include "submit.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

int64_t manager_now_s(const struct enclave_manager *manager)
{
    return manager->clock ? manager->clock(manager->clock_ctx) : clock_monotonic_us() / 1000000;
}

void manager_log(const struct enclave_manager *manager, uint32_t level, const char *format, ...)
{
    char line[1024];
    va_list args;

    if (!manager->log) {
        return;
    }
    va_start(args, format);
    (void)vsnprintf(line, sizeof line, format, args);
    va_end(args);
    enclave_error_sanitize_(line);
    manager->log(manager->log_ctx, level, line);
}

/* In `calls`, when the manager is about to be freed. */
static const unsigned ENDING = 1U << 31;

void manager_begin(struct enclave_manager *manager)
{
    atomic_fetch_add(&manager->calls, 1);
}

void manager_end(struct enclave_manager *manager)
{
    unsigned calls = atomic_load(&manager->calls);
    while (!(calls & ENDING)) {
        if (atomic_compare_exchange_weak(&manager->calls, &calls, calls - 1)) {
            return;
        }
    }
    pthread_mutex_lock(&manager->lock); /* without it the manager might be gone before the signal */
    if (atomic_fetch_sub(&manager->calls, 1) == ENDING + 1) {
        pthread_cond_broadcast(&manager->stop);
    }
    pthread_mutex_unlock(&manager->lock);
}

/* Their sandboxes are gone, so they are on their way out; what they still touch must not be freed. */
static void wait_for_calls(struct enclave_manager *manager)
{
    pthread_mutex_lock(&manager->lock);
    atomic_fetch_or(&manager->calls, ENDING);
    while (atomic_load(&manager->calls) != ENDING) {
        pthread_cond_wait(&manager->stop, &manager->lock);
    }
    pthread_mutex_unlock(&manager->lock);
}

int32_t manager_find(struct enclave_manager *manager, const char *id, const char *what,
                     struct sandbox **ret_sandbox, struct enclave_error *err)
{
    if (!manager) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "%s: manager is NULL", what);
    }
    int valid = id_valid(id);
    struct sandbox *sandbox = valid ? sandbox_map_find(&manager->sandboxes, id) : NULL;
    if (sandbox) {
        *ret_sandbox = sandbox;
        return 0;
    }
    if (valid && manager->delegate) {
        return delegate_lookup(manager, id, what, ret_sandbox, err);
    }
    return enclave_error_set(err, ENCLAVE_ENOTFOUND, "%s: no sandbox '%.80s'", what, id ? id : "");
}

static void take_options(struct enclave_manager *manager,
                         const struct enclave_manager_options *options)
{
    if (options) {
        manager->log = options->log;
        manager->log_ctx = options->log_ctx;
        manager->clock = options->clock;
        manager->clock_ctx = options->clock_ctx;
    }
}

static int32_t init_parts(struct enclave_manager *manager)
{
    if (clock_cond_init(&manager->stop) < 0) {
        return ENCLAVE_ENOMEM;
    }
    if (background_init(&manager->cleanup) < 0) {
        goto no_cleanup;
    }
    if (background_init(&manager->adoptions) < 0) {
        goto no_adoptions;
    }
    if (reaper_init(&manager->reaper) < 0) {
        goto no_reaper;
    }
    if (sandbox_map_init(&manager->sandboxes) < 0) {
        goto no_map;
    }
    if (pools_init(&manager->pools) < 0) {
        goto no_pools;
    }
    (void)pthread_mutex_init(&manager->lock, NULL);
    requests_init(&manager->requests);
    return 0;
no_pools:
    sandbox_map_destroy(&manager->sandboxes);
no_map:
    reaper_destroy(&manager->reaper);
no_reaper:
    background_destroy(&manager->adoptions);
no_adoptions:
    background_destroy(&manager->cleanup);
no_cleanup:
    (void)pthread_cond_destroy(&manager->stop);
    return ENCLAVE_ENOMEM;
}

static void free_parts(struct enclave_manager *manager)
{
    submitter_free(manager->submitter);
    registry_free(&manager->registry);
    stats_free(manager->stats);
    instance_unlock(manager->instance_fd);
    config_free(&manager->config);
    pools_destroy(&manager->pools);
    sandbox_map_destroy(&manager->sandboxes);
    requests_destroy(&manager->requests);
    reaper_destroy(&manager->reaper);
    background_destroy(&manager->adoptions);
    background_destroy(&manager->cleanup);
    (void)pthread_mutex_destroy(&manager->lock);
    (void)pthread_cond_destroy(&manager->stop);
    free(manager);
}

int32_t enclave_manager_new(const struct enclave_manager_options *given,
                            struct enclave_manager **ret_manager, struct enclave_error *err)
{
    struct enclave_manager_options options = ENCLAVE_MANAGER_OPTIONS_INIT;

    if (!ret_manager) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "make a manager: ret_manager is NULL");
    }
    if (given && given->size < sizeof given->size) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "make a manager: options->size is not set");
    }
    if (given) {
        memcpy(&options, given, given->size < sizeof options ? given->size : sizeof options);
    }
    struct enclave_manager *manager =
        aligned_alloc(_Alignof(struct enclave_manager), sizeof *manager);
    if (!manager) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "make a manager: out of memory");
    }
    memset(manager, 0, sizeof *manager);
    manager->instance_fd = -1;
    take_options(manager, &options);
    if (init_parts(manager) < 0) {
        free(manager);
        return enclave_error_set(err, ENCLAVE_ENOMEM, "make a manager: out of memory");
    }
    int32_t r = config_load(&manager->config, &options, err);
    if (options.flags & ENCLAVE_MANAGER_TRANSIENT) {
        manager->config.lease_ms = 0;
        manager->config.keep = 0;
    }
    if (r == 0 && manager->config.lease_ms) {
        r = instance_lock(&manager->config, &manager->instance_fd, err);
    }
    if (r == 0) {
        host_init(manager);
        /* Kept without a lease, sandboxes are all another manager's. */
        int client = manager->config.keep && !manager->config.lease_ms;
        r = registry_load(&manager->registry, &manager->config, &manager->host,
                          client || options.flags & ENCLAVE_MANAGER_TRANSIENT, err);
    }
    if (r == 0) {
        manager->delegate = delegate_configured(manager);
        r = config_check_keep(&manager->config, manager->delegate != NULL, err);
    }
    if (r == 0 && (!(manager->submitter = submitter_new(manager)) ||
                   !(manager->stats = stats_new(manager->registry.count)))) {
        r = enclave_error_set(err, ENCLAVE_ENOMEM, "make a manager: out of memory");
    }
    if (r == 0) {
        adopt_begin(manager);
        r = cleanup_start(manager, err);
        if (r < 0) {
            adopt_leave(manager);
        }
    }
    if (r < 0) {
        free_parts(manager);
        return r;
    }
    *ret_manager = manager;
    return 0;
}

/* So that none waits for long for what does not answer, in a call that is under way or that comes. */
static void tell_backends(struct enclave_manager *manager)
{
    for (size_t i = 0; i < manager->registry.count; i++) {
        const struct plugin *plugin = manager->registry.plugins[i];
        if (plugin->kind == ENCLAVE_PLUGIN_BACKEND && plugin->state == PLUGIN_LOADED &&
            plugin->loaded.ops.backend.ending) {
            plugin->loaded.ops.backend.ending(plugin->backend);
        }
    }
}

void enclave_manager_free(struct enclave_manager *manager)
{
    struct enclave_error why = ENCLAVE_ERROR_INIT;

    if (!manager) {
        return;
    }
    tell_backends(manager);
    cleanup_stop(manager);
    submitter_stop(manager->submitter);
    pools_end(manager, 1);
    if (manager->config.keep) {
        adopt_leave(manager);
    }
    if (enclave_manager_cleanup_all_sandboxes(manager, &why) < 0) {
        manager_log(manager, ENCLAVE_LOG_WARNING,
                    "the manager ends, but not all of its sandboxes are deleted: %s", why.message);
    }
    wait_for_calls(manager);
    reaper_finish(manager);
    free_parts(manager);
}
