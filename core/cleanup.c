/*
 * cleanup.c - deleting what is stale, in the background and on request, and deleting all.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "adopt.h"
#include "clock.h"
#include "delegate.h"
#include "json.h"
#include "manager.h"

#include <errno.h>
#include <inttypes.h>

/* As many seconds as a ttl may have. */
enum { KEEP_ALIVE_MAX = 1000000000 };

/* What a caller of a sweep waits for engines, so that usually all is gone when it returns. */
enum { SWEEP_PATIENCE_US = 2000000 };

/* Why a sandbox is to go, or NULL; its lock is held. Ages are counted on the manager's clock. */
static const char *expired(const struct config *config, struct sandbox *sandbox, int64_t now_s)
{
    uint32_t status = sandbox_refresh(sandbox, now_s);
    int64_t age = now_s - sandbox->created_s;
    int ended = status == ENCLAVE_STATUS_STOPPED || status == ENCLAVE_STATUS_ERROR;

    if (status == ENCLAVE_STATUS_INITIALIZING || status == ENCLAVE_STATUS_STOPPING ||
        now_s <= sandbox->kept_until_s || backend_delegates(sandbox->backend)) {
        return NULL;
    }
    if (sandbox->ttl_s > 0 && age > sandbox->ttl_s) {
        return "ttl";
    }
    if (ended && sandbox->pool) { /* of no use to it: another takes its place */
        return "pool";
    }
    if (ended) {
        return now_s - sandbox->updated_s > config->stopped_ttl_s ? "stopped_ttl" : NULL;
    }
    if (age > config->running_ttl_s) {
        return "running_ttl";
    }
    return config->idle_ttl_s > 0 && !sandbox->pool && sandbox->users == 0 &&
                   now_s - sandbox->used_s > config->idle_ttl_s
               ? "idle_ttl"
               : NULL;
}

/* The same; one that is to go takes no execution from here on, so that none is begun and cut. */
static const char *condemn(struct enclave_manager *manager, struct sandbox *sandbox)
{
    pthread_mutex_lock(&sandbox->lock);
    int64_t now_s =
        manager_now_s(manager); /* not before the last change of what it is held against */
    const char *why = expired(&manager->config, sandbox, now_s);
    if (why && sandbox->status != ENCLAVE_STATUS_STOPPED) {
        sandbox_set_status(sandbox, ENCLAVE_STATUS_STOPPING, now_s);
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

/* `rows` may be NULL. What waits for engines is done by the reaper. */
static int32_t sweep(struct enclave_manager *manager, json_object *rows)
{
    size_t count = 0;
    int32_t r = 0;
    struct sandbox **all = sandbox_map_snapshot(&manager->sandboxes, &count);

    adopt_go_on(manager);
    delegate_compare(manager);
    for (size_t i = 0; i < count; i++) {
        const char *reason = condemn(manager, all[i]);
        if (reason && sandbox_map_remove(&manager->sandboxes, all[i])) {
            if (rows && add_row(rows, all[i]->id, reason) < 0) {
                r = ENCLAVE_ENOMEM;
            }
            reaper_bury(manager, all[i], reason);
        }
    }
    sandbox_snapshot_free(all, count);
    return all ? r : ENCLAVE_ENOMEM;
}

int32_t enclave_manager_sweep(struct enclave_manager *manager, char **ret_json,
                              struct enclave_error *err)
{
    if (!manager) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "sweep: manager is NULL");
    }
    JSON_AUTO rows = json_object_new_array();
    int32_t r = sweep(manager, rows);
    int32_t theirs = rows && manager->delegate ? delegate_sweep(manager, rows, err) : 0;
    int64_t until_us = clock_monotonic_us() + SWEEP_PATIENCE_US;
    background_wait(&manager->reaper.threads, until_us);
    background_wait(&manager->adoptions, until_us);
    if (!rows || r < 0) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "sweep: out of memory");
    }
    if (theirs < 0) {
        return theirs;
    }
    return ret_json ? json_hand_out(rows, "sweep", ret_json, err) : 0;
}

/* For the next manager. That it may not keep it alive for as long is no failure of this one. */
static void save(struct enclave_manager *manager, struct sandbox *sandbox)
{
    struct enclave_error why = ENCLAVE_ERROR_INIT;
    if (sandbox_hold(sandbox)) {
        if (adopt_save(manager, sandbox, &why) < 0) {
            manager_log(manager, ENCLAVE_LOG_WARNING,
                        "sandbox '%s': the next manager will not know how long it is to be kept: "
                        "%s",
                        sandbox->id, why.message);
        }
        sandbox_unhold(sandbox);
    }
}

static int32_t keep_alive(struct enclave_manager *manager, struct sandbox *sandbox, int64_t seconds,
                          struct enclave_error *err)
{
    int longer = 0;
    pthread_mutex_lock(&sandbox->lock);
    int stopping = sandbox->status == ENCLAVE_STATUS_STOPPING;
    if (!stopping && manager_now_s(manager) + seconds > sandbox->kept_until_s) {
        sandbox->kept_until_s = manager_now_s(manager) + seconds;
        longer = 1;
    }
    pthread_mutex_unlock(&sandbox->lock);
    if (stopping) {
        return enclave_error_set(err, ENCLAVE_ESTATE,
                                 "keep sandbox '%s' alive: it is being stopped", sandbox->id);
    }
    if (longer) {
        save(manager, sandbox);
    }
    return 0;
}

int32_t enclave_manager_keep_alive(struct enclave_manager *manager, const char *id, int64_t seconds,
                                   struct enclave_error *err)
{
    struct sandbox *sandbox = NULL;
    int32_t r = manager_find(manager, id, "keep a sandbox alive", &sandbox, err);
    if (r < 0) {
        return r;
    }
    if (seconds < 0 || seconds > KEEP_ALIVE_MAX) {
        r = enclave_error_set(err, ENCLAVE_EINVALID,
                              "keep sandbox '%s' alive: expected 0 to %d seconds, got %" PRId64,
                              sandbox->id, KEEP_ALIVE_MAX, seconds);
    } else {
        r = delegate_has(sandbox) ? delegate_keep_alive(manager, sandbox, seconds, err)
                                  : keep_alive(manager, sandbox, seconds, err);
    }
    sandbox_unref(sandbox);
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
    struct enclave_error first; /* is the caller's; the log has the others */
    /* A backend whose sandboxes are another manager's, and which that one has not answered. */
    struct plugin *unreachable;
    struct enclave_error unanswered; /* what was asked then */
};

static void log_left(const struct deleting *deleting, const struct sandbox *sandbox,
                     const struct enclave_error *why)
{
    manager_log(deleting->manager, ENCLAVE_LOG_WARNING, "sandbox '%s' is left %s: %s", sandbox->id,
                backend_delegates(sandbox->backend) ? "to the manager that has it" : "behind",
                why->message);
}

/* A hanging server would be waited for with each sandbox: after the first, the others of its are let go of. */
static void disown_unreachable(struct deleting *deleting, struct sandbox *sandbox)
{
    pthread_mutex_lock(&deleting->lock);
    struct plugin *unreachable = deleting->unreachable;
    struct enclave_error why = deleting->unanswered;
    pthread_mutex_unlock(&deleting->lock);
    if (unreachable && delegate_has(sandbox) && sandbox->backend == unreachable) {
        pthread_mutex_lock(&sandbox->lock);
        int ours = !sandbox->borrowed;
        sandbox->borrowed = 1;
        pthread_mutex_unlock(&sandbox->lock);
        if (ours) {
            log_left(deleting, sandbox, &why);
        }
    }
}

static void note_failure(struct deleting *deleting, struct sandbox *sandbox,
                         const struct enclave_error *why)
{
    pthread_mutex_lock(&deleting->lock);
    int first = deleting->first.code == 0;
    if (first) {
        deleting->first = *why;
    }
    if (why->code == ENCLAVE_EUNREACHABLE && backend_delegates(sandbox->backend)) {
        deleting->unreachable = sandbox->backend;
        deleting->unanswered = *why;
    }
    pthread_mutex_unlock(&deleting->lock);
    if (!first) {
        log_left(deleting, sandbox, why);
    }
}

static void delete_some(void *arg)
{
    struct deleting *deleting = arg;
    for (;;) {
        pthread_mutex_lock(&deleting->lock);
        struct sandbox *sandbox =
            deleting->next < deleting->count ? deleting->all[deleting->next++] : NULL;
        pthread_mutex_unlock(&deleting->lock);
        if (!sandbox) {
            return;
        }
        struct enclave_error why = ENCLAVE_ERROR_INIT;
        disown_unreachable(deleting, sandbox);
        int32_t r = manager_end_own(deleting->manager, sandbox, &why);
        if (r < 0 && r != ENCLAVE_ENOTFOUND) {
            note_failure(deleting, sandbox, &why);
        }
    }
}

int32_t enclave_manager_cleanup_all_sandboxes(struct enclave_manager *manager,
                                              struct enclave_error *err)
{
    struct deleting deleting = {
        .manager = manager, .lock = PTHREAD_MUTEX_INITIALIZER, .first = ENCLAVE_ERROR_INIT};
    struct background threads;

    if (!manager) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "delete all sandboxes: manager is NULL");
    }
    pools_end(manager, 0);
    deleting.all = sandbox_map_snapshot(&manager->sandboxes, &deleting.count);
    if (!deleting.all || background_init(&threads) < 0) {
        sandbox_snapshot_free(deleting.all, deleting.count);
        return enclave_error_set(err, ENCLAVE_ENOMEM, "delete all sandboxes: out of memory");
    }
    for (size_t i = 0; i < DELETERS && i + 1 < deleting.count; i++) {
        (void)background_start(&threads, delete_some, &deleting); /* fewer do it as well */
    }
    delete_some(&deleting);
    background_wait(&threads, INT64_MAX);
    background_wait(&manager->reaper.threads, INT64_MAX);
    background_destroy(&threads);
    sandbox_snapshot_free(deleting.all, deleting.count);
    (void)pthread_mutex_destroy(&deleting.lock);
    if (deleting.first.code < 0 && err) {
        *err = deleting.first;
    }
    return deleting.first.code;
}

/* ------------------------------------------------------------------------------------ background */

static void run_cleanup(void *arg)
{
    struct enclave_manager *manager = arg;

    pthread_mutex_lock(&manager->lock);
    while (!manager->stopping) {
        int64_t deadline = clock_monotonic_us() + adopt_interval_us(manager);
        int r = 0;
        while (!manager->stopping && r != ETIMEDOUT) {
            r = clock_cond_wait(&manager->stop, &manager->lock, deadline);
        }
        if (!manager->stopping) {
            pthread_mutex_unlock(&manager->lock);
            (void)sweep(manager, NULL);
            pthread_mutex_lock(&manager->lock);
        }
    }
    pthread_mutex_unlock(&manager->lock);
}

int32_t cleanup_start(struct enclave_manager *manager, struct enclave_error *err)
{
    return background_start(&manager->cleanup, run_cleanup, manager) < 0
               ? enclave_error_set(err, ENCLAVE_ENOMEM, "start the cleanup thread: out of memory")
               : 0;
}

void cleanup_stop(struct enclave_manager *manager)
{
    pthread_mutex_lock(&manager->lock);
    manager->stopping = 1;
    pthread_cond_broadcast(&manager->stop);
    pthread_mutex_unlock(&manager->lock);
    background_wait(&manager->cleanup, INT64_MAX);
    background_wait(&manager->adoptions, INT64_MAX); /* before what is there is deleted */
}
