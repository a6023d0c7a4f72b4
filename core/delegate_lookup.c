/*
 * delegate_lookup.c - entries for sandboxes of another manager that were not made here, and the end of entries whose
 * sandbox is gone.
 *
 * An entry of the one kind and of the other is `borrowed`: it is let go of, and nothing is deleted. Those that were
 * looked up do not pile up: past ENTRIES_MAX the ones go that were not used for longest, and can be looked up again.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "delegate.h"

#include "json.h"
#include "plugin_call.h"

#include <stdlib.h>
#include <string.h>

/* As many are kept, and so many more until they are counted. */
enum { ENTRIES_MAX = 1024, ENTRIES_MORE = 256 };

/* The handle of a sandbox that goes on without us. */
static void let_go(const struct plugin *backend, void *handle)
{
    const struct enclave_backend_ops *ops = &backend->loaded.ops.backend;
    struct enclave_error why = ENCLAVE_ERROR_INIT;
    (void)ops->detach(handle, &why);
    (void)ops->destroy(handle, &why);
}

/* ---------------------------------------------------------------------------------------- keeping few */

struct idle {
    struct sandbox *sandbox;
    int64_t used_s;
};

static int by_use(const void *a, const void *b)
{
    int64_t x = ((const struct idle *)a)->used_s, y = ((const struct idle *)b)->used_s;
    return x < y ? -1 : x > y;
}

/* 1: it was looked up. */
static int looked_up(struct sandbox *sandbox, int64_t *ret_used_s)
{
    pthread_mutex_lock(&sandbox->lock);
    int borrowed = sandbox->borrowed;
    *ret_used_s = sandbox->used_s;
    pthread_mutex_unlock(&sandbox->lock);
    return borrowed;
}

/* Nobody else knows it any more. */
static void forget(struct sandbox *sandbox)
{
    void *handle = sandbox->handle;
    sandbox->handle = NULL;
    let_go(sandbox->backend, handle);
    sandbox_unref(sandbox);
}

static void forget_oldest(struct enclave_manager *manager)
{
    size_t count = 0, idle_count = 0;
    struct sandbox **all = sandbox_map_snapshot(&manager->sandboxes, &count);
    struct idle *idle = calloc(count + 1, sizeof *idle);

    for (size_t i = 0; all && idle && i < count; i++) {
        int64_t used_s = 0;
        if (looked_up(all[i], &used_s)) {
            idle[idle_count++] = (struct idle){all[i], used_s};
        }
    }
    if (idle_count > ENTRIES_MAX) {
        qsort(idle, idle_count, sizeof *idle, by_use);
        for (size_t i = 0; i < idle_count - ENTRIES_MAX; i++) {
            if (sandbox_map_remove_unused(&manager->sandboxes, idle[i].sandbox)) {
                forget(idle[i].sandbox);
            }
        }
    }
    free(idle);
    sandbox_snapshot_free(all, count);
}

/* -------------------------------------------------------------------------------------- looking up */

/* An entry for the handle, or the one that is there by now. */
static int32_t add_entry(struct enclave_manager *manager, const char *id, void *handle,
                         struct sandbox **ret_sandbox)
{
    struct sandbox *sandbox = sandbox_new(id, NULL);
    if (!sandbox) {
        return ENCLAVE_ENOMEM;
    }
    sandbox->backend = manager->delegate;
    sandbox->handle = handle;
    sandbox->borrowed = 1;
    sandbox->status = ENCLAVE_STATUS_RUNNING;
    sandbox->created_s = sandbox->updated_s = sandbox->used_s = manager_now_s(manager);
    while (sandbox_map_add(&manager->sandboxes, sandbox) <
           0) { /* again, when the other one is gone by then */
        struct sandbox *other = sandbox_map_find(&manager->sandboxes, id);
        if (other) {
            sandbox->handle = NULL;
            sandbox_unref(sandbox);
            let_go(manager->delegate, handle);
            *ret_sandbox = other;
            return 0;
        }
    }
    *ret_sandbox = sandbox;
    if (atomic_fetch_add(&manager->looked_up, 1) % ENTRIES_MORE == ENTRIES_MORE - 1) {
        forget_oldest(manager);
    }
    return 0;
}

int32_t delegate_lookup(struct enclave_manager *manager, const char *id, const char *what,
                        struct sandbox **ret_sandbox, struct enclave_error *err)
{
    struct plugin *backend = manager->delegate;
    struct enclave_error why = ENCLAVE_ERROR_INIT;
    void *handle = NULL;

    int32_t r = backend->loaded.ops.backend.lookup(backend->backend, id, &handle, &why);
    r = plugin_result(r, &why, backend->name, "lookup", &why);
    if (r == ENCLAVE_ENOTFOUND) { /* as it would be said if the other manager were ours */
        return enclave_error_set(err, r, "%s: no sandbox '%s'", what, id);
    }
    if (r < 0) {
        return enclave_error_set(err, r, "%s", why.message);
    }
    r = add_entry(manager, id, handle, ret_sandbox);
    if (r < 0) {
        let_go(backend, handle);
        return enclave_error_set(err, r, "%s: out of memory", what);
    }
    return 0;
}

/* ------------------------------------------------------------------------------------------ what is gone */

void delegate_drop(struct enclave_manager *manager, struct sandbox *sandbox)
{
    pthread_mutex_lock(&sandbox->lock);
    sandbox->borrowed = 1;
    (void)snprintf(sandbox->reason, sizeof sandbox->reason, "it is gone");
    sandbox_set_status(sandbox, ENCLAVE_STATUS_ERROR, manager_now_s(manager));
    pthread_mutex_unlock(&sandbox->lock);
    if (sandbox_map_remove(&manager->sandboxes, sandbox)) {
        reaper_bury(manager, sandbox, "gone");
    }
}

static int32_t take_nothing(void *ctx, const void *data, uint64_t length)
{
    (void)ctx;
    (void)data;
    (void)length;
    return 0;
}

int delegate_notice(struct enclave_manager *manager, struct sandbox *sandbox, int32_t r)
{
    struct enclave_sink sink = {sizeof sink, 0, NULL, take_nothing};
    struct enclave_error why = ENCLAVE_ERROR_INIT;

    /* The same code tells of a tool or a file that is not there. */
    if (r != ENCLAVE_ENOTFOUND || !backend_delegates(sandbox->backend) || !sandbox_hold(sandbox)) {
        return 0;
    }
    r = sandbox->backend->loaded.ops.backend.info(sandbox->handle, &sink, &why);
    sandbox_leave(sandbox, manager_now_s(manager));
    if (r != ENCLAVE_ENOTFOUND) {
        return 0;
    }
    delegate_drop(manager, sandbox);
    return 1;
}

/* Ask about those that are not in the list. */
static void compare(struct enclave_manager *manager, struct sandbox *const *all, size_t count,
                    json_object *rows)
{
    JSON_AUTO ids = json_object_new_object();
    for (size_t i = 0; ids && i < json_object_array_length(rows); i++) {
        json_object *id = json_object_object_get(json_object_array_get_idx(rows, i), "id");
        if (json_object_is_type(id, json_type_string)) {
            (void)json_set(ids, json_object_get_string(id), json_object_new_boolean(1));
        }
    }
    for (size_t i = 0; ids && i < count; i++) {
        if (delegate_has(all[i]) && all[i]->backend == manager->delegate &&
            !json_object_object_get_ex(ids, all[i]->id, NULL)) {
            (void)delegate_notice(manager, all[i], ENCLAVE_ENOTFOUND);
        }
    }
}

static void run_compare(void *arg)
{
    struct enclave_manager *manager = arg;
    size_t count = 0;
    JSON_AUTO rows = NULL;
    struct sandbox **all = sandbox_map_snapshot(&manager->sandboxes, &count);

    if (all && count > 0 && delegate_list(manager, 0, &rows, NULL) == 0) {
        compare(manager, all, count, rows);
    }
    sandbox_snapshot_free(all, count);
    atomic_store(&manager->comparing, 0);
}

void delegate_compare(struct enclave_manager *manager)
{
    if (manager->delegate && atomic_exchange(&manager->comparing, 1) == 0 &&
        background_start(&manager->adoptions, run_compare, manager) < 0) {
        atomic_store(&manager->comparing, 0); /* the next sweep tries again */
    }
}
