/*
 * pool.c - see pool.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "pool.h"

#include "cancel.h"
#include "clock.h"
#include "manager.h"
#include "plugin_call.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAKERS_MAX = 4, /* of a pool */
    RETRY_FIRST_MS = 250,
    RETRY_LAST_MS = 30000
};

/* -------------------------------------------------------------------------------------- the object */

void pool_spec_clear(struct pool_spec *spec)
{
    free(spec->type);
    free(spec->config);
    *spec = (struct pool_spec){0};
}

void pool_unref(struct pool *pool)
{
    if (!pool || atomic_fetch_sub(&pool->references, 1) > 1) {
        return;
    }
    pool_spec_clear(&pool->spec);
    enclave_cancel_free(pool->cancel);
    turns_destroy(&pool->turns);
    (void)pthread_cond_destroy(&pool->changed);
    (void)pthread_mutex_destroy(&pool->lock);
    free(pool);
}

struct pool *pool_ref(struct pool *pool)
{
    atomic_fetch_add(&pool->references, 1);
    return pool;
}

struct pool *pool_new(struct enclave_manager *manager, const char *name, struct pool_spec *spec)
{
    struct pool *pool = calloc(1, sizeof *pool);
    if (!pool || clock_cond_init(&pool->changed) < 0) {
        free(pool);
        return NULL;
    }
    if (enclave_cancel_new(&pool->cancel, NULL) < 0) {
        (void)pthread_cond_destroy(&pool->changed);
        free(pool);
        return NULL;
    }
    (void)pthread_mutex_init(&pool->lock, NULL);
    turns_init(&pool->turns);
    pool->turns.limit = pool->turns.taken = (uint64_t)spec->size;
    pool->manager = manager;
    pool->last = &pool->first;
    atomic_init(&pool->references, 1);
    (void)snprintf(pool->name, sizeof pool->name, "%s", name);
    pool->spec = *spec;
    *spec = (struct pool_spec){0};
    return pool;
}

/* ----------------------------------------------------------------------------------- idle members */

/* The pool's lock is held. The caller's reference becomes the list's. */
static void append(struct pool *pool, struct sandbox *sandbox)
{
    sandbox->pool_next = NULL;
    *pool->last = sandbox;
    pool->last = &sandbox->pool_next;
    pool->idle++;
}

/* The pool's lock is held. The list's reference becomes the caller's; 0: it is not there. */
static int detach(struct pool *pool, const struct sandbox *sandbox)
{
    struct sandbox **at = &pool->first;
    while (*at && *at != sandbox) {
        at = &(*at)->pool_next;
    }
    if (!*at) {
        return 0;
    }
    *at = sandbox->pool_next;
    pool->last = *at ? pool->last : at;
    pool->idle--;
    return 1;
}

static void bury(struct pool *pool, struct sandbox *sandbox)
{
    if (sandbox_map_remove(&pool->manager->sandboxes, sandbox)) {
        reaper_bury(pool->manager, sandbox, "pool");
    }
    sandbox_unref(sandbox);
}

/* ----------------------------------------------------------------------------------------- making */

/* The pool's lock is held. */
static int is_short(const struct pool *pool)
{
    return !pool->ended && pool->idle + pool->busy + pool->making < (size_t)pool->spec.size;
}

static int32_t make_one(struct pool *pool, struct sandbox **ret_sandbox, struct enclave_error *err)
{
    struct enclave_create_options options = ENCLAVE_CREATE_OPTIONS_INIT;
    char id[ENCLAVE_ID_SIZE];

    options.flags = ENCLAVE_CREATE_TRANSIENT;
    options.cancel = pool->cancel;
    int32_t r = enclave_manager_create_sandbox(pool->manager, pool->spec.type, pool->spec.config,
                                               &options, id, err);
    if (r < 0) {
        return r;
    }
    *ret_sandbox = sandbox_map_find(&pool->manager->sandboxes, id);
    return *ret_sandbox ? 0
                        : enclave_error_set(err, ENCLAVE_ELOST,
                                            "sandbox '%s' was deleted as soon as it was made", id);
}

/* The pool's lock is held. */
static void choose_way(struct pool *pool, const struct sandbox *sandbox)
{
    if (pool->way) {
        return;
    }
    pool->way = pool_choose_way(sandbox, pool->spec.reuse, pool->why, sizeof pool->why);
    if (pool->why[0]) {
        manager_log(pool->manager, ENCLAVE_LOG_WARNING,
                    "pool '%s': a sandbox of it is used once (fresh) and not reset: %s", pool->name,
                    pool->why);
    }
}

/* The pool's lock is held. */
static void take_in(struct pool *pool, struct sandbox *sandbox)
{
    choose_way(pool, sandbox);
    pthread_mutex_lock(&sandbox->lock);
    sandbox->pool = pool_ref(pool);
    sandbox->soiled = 0;
    if (sandbox->status == ENCLAVE_STATUS_RUNNING) {
        sandbox_set_status(sandbox, ENCLAVE_STATUS_IDLE, manager_now_s(pool->manager));
    }
    pthread_mutex_unlock(&sandbox->lock);
    append(pool, sandbox);
    pool->failures = 0;
    pool->failed = (struct enclave_error)ENCLAVE_ERROR_INIT;
    pool->made |= pool->idle + pool->busy == (size_t)pool->spec.size;
    turn_give(&pool->turns);
}

/* The pool's lock is held. Each time it waits for twice as long. */
static void note_failure(struct pool *pool, const struct enclave_error *why)
{
    int64_t wait_ms = RETRY_FIRST_MS;
    for (unsigned i = 0; i < pool->failures && wait_ms < RETRY_LAST_MS; i++) {
        wait_ms *= 2;
    }
    wait_ms = wait_ms < RETRY_LAST_MS ? wait_ms : RETRY_LAST_MS;
    pool->failures++;
    pool->failed = *why;
    pool->retry_us = clock_monotonic_us() + wait_ms * 1000;
    manager_log(pool->manager, ENCLAVE_LOG_WARNING, "pool '%s': %s", pool->name, why->message);
}

/* One member more, or a failure noted. The pool's lock is held at both ends. */
static void make_member(struct pool *pool)
{
    struct enclave_error why = ENCLAVE_ERROR_INIT;
    struct sandbox *sandbox = NULL;

    pool->making++;
    pthread_mutex_unlock(&pool->lock);
    int32_t r = make_one(pool, &sandbox, &why);
    pthread_mutex_lock(&pool->lock);
    pool->making--;
    if (r < 0 && !pool->ended) { /* its end cuts creates short */
        note_failure(pool, &why);
    } else if (r == 0 && !pool->ended) {
        take_in(pool, sandbox);
        sandbox = NULL;
    }
    int useless = r < 0 && pool->way == 0; /* none was ever made: nobody waits for nothing */
    pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
    if (useless) {
        pool_end(pool);
    }
    if (sandbox) {
        bury(pool, sandbox);
    }
    pthread_mutex_lock(&pool->lock);
}

static void run_maker(void *arg)
{
    struct pool *pool = arg;

    pthread_mutex_lock(&pool->lock);
    while (is_short(pool)) {
        if (pool->failures > 0 && pool->retry_us > clock_monotonic_us()) {
            (void)clock_cond_wait(&pool->changed, &pool->lock, pool->retry_us);
        } else {
            make_member(pool);
        }
    }
    pool->makers--;
    pthread_mutex_unlock(&pool->lock);
    pool_unref(pool);
}

/* The pool's lock is held. Without a thread to be had, the next change tries again. */
static void replace_missing(struct pool *pool)
{
    size_t there = pool->idle + pool->busy;
    while (!pool->ended && pool->makers < MAKERS_MAX &&
           there + pool->makers < (size_t)pool->spec.size) {
        pool->makers++;
        if (background_start(&pool->manager->pools.makers, run_maker, pool_ref(pool)) < 0) {
            pool->makers--;
            pool_unref(pool);
            return;
        }
    }
}

void pool_start(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    replace_missing(pool);
    pthread_mutex_unlock(&pool->lock);
}

struct made_wait {
    struct pool *pool;
    int cancelled; /* guarded by the pool's lock */
};

static void on_cancel(void *ctx)
{
    struct made_wait *wait = ctx;
    pthread_mutex_lock(&wait->pool->lock);
    wait->cancelled = 1;
    pthread_cond_broadcast(&wait->pool->changed);
    pthread_mutex_unlock(&wait->pool->lock);
}

int32_t pool_wait_made(struct pool *pool, struct enclave_cancel *cancel, struct enclave_error *err)
{
    struct made_wait wait = {pool, 0};
    struct cancel_watch watch = {on_cancel, &wait, NULL};
    int32_t r = 0;

    cancel_add(cancel, &watch);
    pthread_mutex_lock(&pool->lock);
    while (!pool->made && !pool->ended && pool->failures == 0 && !wait.cancelled) {
        (void)clock_cond_wait(&pool->changed, &pool->lock, INT64_MAX);
    }
    if (!pool->made && pool->failures > 0) {
        r = enclave_error_set(err, pool->failed.code, "make pool '%s': %s", pool->name,
                              pool->failed.message);
    } else if (!pool->made) {
        r = enclave_error_set(err, wait.cancelled ? ENCLAVE_ECANCELLED : ENCLAVE_ESTATE,
                              "make pool '%s': %s", pool->name,
                              wait.cancelled ? "cancelled" : "it was ended meanwhile");
    }
    pthread_mutex_unlock(&pool->lock);
    cancel_remove(cancel, &watch);
    return r;
}

/* ---------------------------------------------------------------------------------------- lending */

/* Not lent any more, and not to be: something else takes its place. */
static void drop(struct pool *pool, struct sandbox *sandbox)
{
    pthread_mutex_lock(&pool->lock);
    pool->busy--;
    replace_missing(pool);
    pthread_mutex_unlock(&pool->lock);
    bury(pool, sandbox);
}

/* NULL: that for which a turn was given is gone since. The list's reference becomes the caller's. */
static struct sandbox *take_idle(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    struct sandbox *sandbox = pool->first;
    if (sandbox) {
        (void)detach(pool, sandbox);
        pool->busy++;
    }
    pthread_mutex_unlock(&pool->lock);
    return sandbox;
}

/* Enter it, as its one user. 0: it does not run any more. */
static int mark_busy(struct pool *pool, struct sandbox *sandbox, int *ret_soiled)
{
    int64_t now_s = manager_now_s(pool->manager);
    pthread_mutex_lock(&sandbox->lock);
    int idle = sandbox_refresh(sandbox, now_s) == ENCLAVE_STATUS_IDLE;
    if (idle) {
        sandbox_set_status(sandbox, ENCLAVE_STATUS_BUSY, now_s);
        sandbox->users++;
        *ret_soiled = sandbox->soiled;
    }
    pthread_mutex_unlock(&sandbox->lock);
    return idle;
}

/* 0: it cannot be lent again. */
static int reset(struct pool *pool, struct sandbox *sandbox)
{
    struct enclave_error why = ENCLAVE_ERROR_INIT;
    int32_t r = sandbox->backend->loaded.ops.backend.reset(sandbox->handle, &why);

    if (plugin_result(r, &why, sandbox->backend->name, "reset", &why) == 0) {
        return 1;
    }
    manager_log(pool->manager, ENCLAVE_LOG_WARNING,
                "pool '%s': sandbox '%s' is replaced, as it could not be reset: %s", pool->name,
                sandbox->id, why.message);
    if (why.code == ENCLAVE_ENOTSUP) { /* nor can the others */
        pthread_mutex_lock(&pool->lock);
        pool->way = ENCLAVE_POOL_FRESH;
        (void)snprintf(pool->why, sizeof pool->why, "%.150s", why.message);
        pthread_mutex_unlock(&pool->lock);
    }
    return 0;
}

static int runs(struct pool *pool, struct sandbox *sandbox)
{
    pthread_mutex_lock(&sandbox->lock);
    int busy = sandbox_refresh(sandbox, manager_now_s(pool->manager)) == ENCLAVE_STATUS_BUSY;
    pthread_mutex_unlock(&sandbox->lock);
    return busy;
}

static uint32_t way_of(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    uint32_t way = pool->way;
    pthread_mutex_unlock(&pool->lock);
    return way;
}

/* Bring one that is entered into the state for the next. 0: it cannot be. */
static int renew(struct pool *pool, struct sandbox *sandbox)
{
    uint32_t way = runs(pool, sandbox) ? way_of(pool) : 0;
    int good = way == ENCLAVE_POOL_DIRTY || (way == ENCLAVE_POOL_RESET && reset(pool, sandbox));

    pthread_mutex_lock(&sandbox->lock);
    /* What somebody does in it by its id, meanwhile, is not undone. */
    good = good && (way == ENCLAVE_POOL_DIRTY || sandbox->users == 1);
    sandbox->soiled = good ? 0 : sandbox->soiled;
    pthread_mutex_unlock(&sandbox->lock);
    return good;
}

/* The end of lending, unless it is lent on. 0: it does not run. */
static int leave(struct pool *pool, struct sandbox *sandbox)
{
    int64_t now_s = manager_now_s(pool->manager);
    pthread_mutex_lock(&sandbox->lock);
    int busy = sandbox_refresh(sandbox, now_s) == ENCLAVE_STATUS_BUSY;
    if (busy) {
        sandbox_set_status(sandbox, ENCLAVE_STATUS_IDLE, now_s);
    }
    pthread_mutex_unlock(&sandbox->lock);
    sandbox_leave(sandbox, now_s);
    return busy;
}

static int32_t not_lent(struct pool *pool, int32_t code, int64_t wait_ms, struct enclave_error *err)
{
    pthread_mutex_lock(&pool->lock);
    struct enclave_error failed = pool->failed;
    pthread_mutex_unlock(&pool->lock);
    const char *but = failed.code ? "; making one failed: " : "";
    switch (code) {
    case ENCLAVE_ETIMEOUT:
        return enclave_error_set(err, code, "pool '%s': no sandbox became free in %lld ms%s%s",
                                 pool->name, (long long)wait_ms, but, failed.message);
    case ENCLAVE_ESTATE:
        return failed.code ? enclave_error_set(err, failed.code, "make pool '%s': %s", pool->name,
                                               failed.message)
                           : enclave_error_set(err, code, "pool '%s' has ended", pool->name);
    default:
        return enclave_error_set(err, code, "wait for a sandbox of pool '%s': %s", pool->name,
                                 enclave_error_text(code));
    }
}

int32_t pool_borrow(struct pool *pool, int64_t wait_ms, struct enclave_cancel *cancel,
                    struct sandbox **ret_sandbox, struct enclave_error *err)
{
    int64_t started_us = clock_monotonic_us(), deadline_us = started_us + wait_ms * 1000;

    for (;;) {
        int soiled = 0;
        int32_t r = turn_take(&pool->turns, deadline_us, cancel);
        if (r < 0) {
            return not_lent(pool, r, wait_ms, err);
        }
        struct sandbox *sandbox = take_idle(pool);
        if (!sandbox) {
            continue;
        }
        int entered = mark_busy(pool, sandbox, &soiled);
        if (entered && (!soiled || renew(pool, sandbox))) {
            stats_record(pool->manager->stats, STATS_POOL_WAIT, clock_monotonic_us() - started_us);
            *ret_sandbox = sandbox;
            return 0;
        }
        if (entered) {
            sandbox_leave(sandbox, manager_now_s(pool->manager));
        }
        drop(pool, sandbox);
    }
}

void pool_give_back(struct pool *pool, struct sandbox *sandbox)
{
    int good = renew(pool, sandbox);
    good = leave(pool, sandbox) && good;
    pthread_mutex_lock(&pool->lock);
    good = good && !pool->ended;
    if (good) {
        pool->busy--;
        append(pool, sandbox);
        turn_give(&pool->turns);
    }
    pthread_mutex_unlock(&pool->lock);
    if (!good) {
        drop(pool, sandbox);
    }
}

void pool_forget(struct sandbox *sandbox)
{
    pthread_mutex_lock(&sandbox->lock);
    struct pool *pool = sandbox->pool;
    sandbox->pool = NULL;
    pthread_mutex_unlock(&sandbox->lock);
    if (!pool) {
        return;
    }
    pthread_mutex_lock(&pool->lock);
    int was_idle = detach(pool, sandbox);
    if (was_idle) {
        (void)turn_take(&pool->turns, 0, NULL); /* its own; else somebody was just given it */
    }
    replace_missing(pool);
    pthread_mutex_unlock(&pool->lock);
    if (was_idle) {
        sandbox_unref(sandbox);
    }
    pool_unref(pool);
}

/* ------------------------------------------------------------------------------------------ ending */

void pool_end(struct pool *pool)
{
    int listed = pools_remove(pool);

    pthread_mutex_lock(&pool->lock);
    struct sandbox *idle = pool->first;
    pool->first = NULL;
    pool->last = &pool->first;
    pool->idle = 0;
    pool->ended = 1;
    pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
    turns_close(&pool->turns);
    enclave_cancel_trigger(pool->cancel);
    while (idle) {
        struct sandbox *next = idle->pool_next;
        bury(pool, idle);
        idle = next;
    }
    if (listed) {
        pool_unref(pool);
    }
}
