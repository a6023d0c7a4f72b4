/*
 * cleanup.c - deleting what is stale, in the background and on request, and deleting all.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "clock.h"
#include "json.h"
#include "manager.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* A thread that takes no signal: those are the embedding program's. 0 or an errno. */
static int start_thread(pthread_t *ret_thread, void *(*run)(void *), void *arg)
{
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int r = pthread_create(ret_thread, NULL, run, arg);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return r;
}

/* Why a sandbox is to go, or NULL. An age is counted on the manager's clock. */
static const char *stale(struct enclave_manager *manager, struct sandbox *sandbox, int64_t now_s)
{
    const char *why = NULL;
    pthread_mutex_lock(&sandbox->lock);
    switch (sandbox_refresh(sandbox, now_s)) {
    case ENCLAVE_STATUS_RUNNING:
    case ENCLAVE_STATUS_IDLE:
    case ENCLAVE_STATUS_BUSY:
        why = now_s - sandbox->created_s > manager->config.running_ttl_s ? "running_ttl" : NULL;
        break;
    case ENCLAVE_STATUS_STOPPED:
    case ENCLAVE_STATUS_ERROR:
        why = now_s - sandbox->updated_s > manager->config.stopped_ttl_s ? "stopped_ttl" : NULL;
        break;
    default:
        break;
    }
    pthread_mutex_unlock(&sandbox->lock);
    return why;
}

static int32_t add_row(json_object *rows, const char *id, const char *reason)
{
    json_object *row = json_object_new_object();
    if (json_set_string(row, "id", id) < 0 || json_set_string(row, "reason", reason) < 0 ||
        json_object_array_add(rows, row) != 0) {
        json_object_put(row);
        return ENCLAVE_ENOMEM;
    }
    return 0;
}

/* `rows` may be NULL. Goes on after a failure and returns the first. */
static int32_t sweep(struct enclave_manager *manager, json_object *rows, struct enclave_error *err)
{
    int64_t now_s = manager_now_s(manager);
    int32_t first = 0;
    size_t count = 0;
    struct sandbox **all = sandbox_map_snapshot(&manager->sandboxes, &count);

    if (!all) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "sweep: out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        struct enclave_error why = ENCLAVE_ERROR_INIT;
        const char *reason = stale(manager, all[i], now_s);
        if (!reason || !sandbox_map_remove(&manager->sandboxes, all[i])) {
            continue;
        }
        int32_t r = manager_destroy(manager, all[i], &why);
        manager_log(manager, r < 0 ? ENCLAVE_LOG_ERROR : ENCLAVE_LOG_INFO,
                    "sweep: sandbox '%s': %s%s%s", all[i]->id, reason, r < 0 ? ": " : "",
                    r < 0 ? why.message : "");
        if (rows && r == 0 && add_row(rows, all[i]->id, reason) < 0) {
            r = enclave_error_set(&why, ENCLAVE_ENOMEM, "out of memory");
        }
        if (r < 0 && first == 0) {
            first = enclave_error_set(err, r, "sweep: %s", why.message);
        }
    }
    sandbox_snapshot_free(all, count);
    return first;
}

int32_t enclave_manager_sweep(struct enclave_manager *manager, char **ret_json,
                              struct enclave_error *err)
{
    if (!manager) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "sweep: manager is NULL");
    }
    JSON_AUTO rows = json_object_new_array();
    int32_t r = rows ? sweep(manager, rows, err)
                     : enclave_error_set(err, ENCLAVE_ENOMEM, "sweep: out of memory");
    char *text = r == 0 && ret_json ? json_text(rows) : NULL;
    if (text) {
        *ret_json = text;
    } else if (r == 0 && ret_json) {
        r = enclave_error_set(err, ENCLAVE_ENOMEM, "sweep: out of memory");
    }
    return r;
}

/* --------------------------------------------------------------------------------------- all of them */

/* Deleting waits for engines, so several are deleted at a time. */
enum { DELETERS = 8 };

struct deleting {
    struct enclave_manager *manager;
    pthread_mutex_t lock; /* guards all below */
    struct sandbox **all;
    size_t count;
    size_t next;
    struct enclave_error first;
};

static void *delete_some(void *arg)
{
    struct deleting *deleting = arg;
    for (;;) {
        pthread_mutex_lock(&deleting->lock);
        struct sandbox *sandbox =
            deleting->next < deleting->count ? deleting->all[deleting->next++] : NULL;
        pthread_mutex_unlock(&deleting->lock);
        if (!sandbox) {
            return NULL;
        }
        struct enclave_error why = ENCLAVE_ERROR_INIT;
        int32_t r = enclave_manager_delete_sandbox(deleting->manager, sandbox->id, &why);
        if (r < 0 && r != ENCLAVE_ENOTFOUND) {
            pthread_mutex_lock(&deleting->lock);
            if (deleting->first.code == 0) {
                deleting->first = why;
            }
            pthread_mutex_unlock(&deleting->lock);
        }
    }
}

int32_t enclave_manager_cleanup_all_sandboxes(struct enclave_manager *manager,
                                              struct enclave_error *err)
{
    struct deleting deleting = {
        .manager = manager, .lock = PTHREAD_MUTEX_INITIALIZER, .first = ENCLAVE_ERROR_INIT};
    pthread_t threads[DELETERS];
    size_t started = 0;

    if (!manager) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "delete all sandboxes: manager is NULL");
    }
    deleting.all = sandbox_map_snapshot(&manager->sandboxes, &deleting.count);
    if (!deleting.all) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "delete all sandboxes: out of memory");
    }
    while (started + 1 < deleting.count && started < DELETERS &&
           start_thread(&threads[started], delete_some, &deleting) == 0) {
        started++;
    }
    (void)delete_some(&deleting);
    for (size_t i = 0; i < started; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    sandbox_snapshot_free(deleting.all, deleting.count);
    (void)pthread_mutex_destroy(&deleting.lock);
    if (deleting.first.code < 0 && err) {
        *err = deleting.first;
    }
    return deleting.first.code;
}

/* ------------------------------------------------------------------------------------ background */

static void *run_cleanup(void *arg)
{
    struct enclave_manager *manager = arg;

    pthread_mutex_lock(&manager->lock);
    while (!manager->stopping) {
        int64_t deadline = clock_monotonic_us() + manager->config.cleanup_interval_us;
        int r = 0;
        while (!manager->stopping && r != ETIMEDOUT) {
            r = clock_cond_wait(&manager->stop, &manager->lock, deadline);
        }
        if (!manager->stopping) {
            pthread_mutex_unlock(&manager->lock);
            (void)sweep(manager, NULL, NULL); /* a failure is in the log */
            pthread_mutex_lock(&manager->lock);
        }
    }
    pthread_mutex_unlock(&manager->lock);
    return NULL;
}

int32_t cleanup_start(struct enclave_manager *manager, struct enclave_error *err)
{
    int r = start_thread(&manager->cleanup, run_cleanup, manager);
    if (r != 0) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "start the cleanup thread: %s", strerror(r));
    }
    manager->cleanup_started = 1;
    return 0;
}

void cleanup_stop(struct enclave_manager *manager)
{
    if (!manager->cleanup_started) {
        return;
    }
    pthread_mutex_lock(&manager->lock);
    manager->stopping = 1;
    pthread_cond_broadcast(&manager->stop);
    pthread_mutex_unlock(&manager->lock);
    (void)pthread_join(manager->cleanup, NULL);
    manager->cleanup_started = 0;
}
