/*
 * manager.c - a manager's beginning and end.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "manager.h"

#include "clock.h"
#include "id.h"

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
    for (char *c = line; *c; c++) {
        *c = (unsigned char)*c < 0x20 || *c == 0x7f ? ' ' : *c;
    }
    manager->log(manager->log_ctx, level, line);
}

void manager_begin(struct enclave_manager *manager)
{
    pthread_mutex_lock(&manager->lock);
    manager->calls++;
    pthread_mutex_unlock(&manager->lock);
}

void manager_end(struct enclave_manager *manager)
{
    pthread_mutex_lock(&manager->lock);
    if (--manager->calls == 0 && manager->stopping) {
        pthread_cond_broadcast(&manager->stop);
    }
    pthread_mutex_unlock(&manager->lock);
}

/* Their sandboxes are gone, so they are on their way out; what they still touch must not be freed. */
static void wait_for_calls(struct enclave_manager *manager)
{
    pthread_mutex_lock(&manager->lock);
    while (manager->calls > 0) {
        pthread_cond_wait(&manager->stop, &manager->lock);
    }
    pthread_mutex_unlock(&manager->lock);
}

struct sandbox *manager_find(struct enclave_manager *manager, const char *id, const char *what,
                             struct enclave_error *err)
{
    if (!manager) {
        enclave_error_set(err, ENCLAVE_EINVALID, "%s: manager is NULL", what);
        return NULL;
    }
    struct sandbox *sandbox = id_valid(id) ? sandbox_map_find(&manager->sandboxes, id) : NULL;
    if (!sandbox) {
        enclave_error_set(err, ENCLAVE_ENOTFOUND, "%s: no sandbox '%.80s'", what, id ? id : "");
    }
    return sandbox;
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

static int32_t init_locks(struct enclave_manager *manager, struct enclave_error *err)
{
    if (clock_cond_init(&manager->stop) < 0) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
    }
    (void)pthread_mutex_init(&manager->lock, NULL);
    if (sandbox_map_init(&manager->sandboxes) < 0) {
        (void)pthread_mutex_destroy(&manager->lock);
        (void)pthread_cond_destroy(&manager->stop);
        return enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
    }
    return 0;
}

static void free_parts(struct enclave_manager *manager)
{
    registry_free(&manager->registry);
    config_free(&manager->config);
    sandbox_map_destroy(&manager->sandboxes);
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
    struct enclave_manager *manager = calloc(1, sizeof *manager);
    if (!manager) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "make a manager: out of memory");
    }
    take_options(manager, &options);
    int32_t r = init_locks(manager, err);
    if (r < 0) {
        free(manager);
        return r;
    }
    r = config_load(&manager->config, &options, err);
    if (r == 0) {
        host_init(manager);
        r = registry_load(&manager->registry, &manager->config, &manager->host, err);
    }
    if (r == 0) {
        r = cleanup_start(manager, err);
    }
    if (r < 0) {
        free_parts(manager);
        return r;
    }
    *ret_manager = manager;
    return 0;
}

void enclave_manager_free(struct enclave_manager *manager)
{
    if (!manager) {
        return;
    }
    cleanup_stop(manager);
    (void)enclave_manager_cleanup_all_sandboxes(manager, NULL);
    wait_for_calls(manager);
    free_parts(manager);
}
