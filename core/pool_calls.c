/*
 * pool_calls.c - the manager's calls for pools, and what it tells about them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "clock.h"
#include "delegate.h"
#include "execute.h"
#include "id.h"
#include "json.h"
#include "manager.h"
#include "pool_config.h"

#include <stdlib.h>
#include <string.h>

enum { WAIT_DEFAULT_MS = 3600 * 1000 };

static const char default_name[] = "default";

/* ---------------------------------------------------------------------------------- initialising */

static int32_t take_options(struct enclave_pool_options *to,
                            const struct enclave_pool_options *from, struct enclave_error *err)
{
    *to = (struct enclave_pool_options)ENCLAVE_POOL_OPTIONS_INIT;
    if (from && from->size < sizeof from->size) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "make a pool: options->size is not set");
    }
    if (from) {
        memcpy(to, from, from->size < sizeof *to ? from->size : sizeof *to);
    }
    return to->reuse <= ENCLAVE_POOL_DIRTY
               ? 0
               : enclave_error_set(err, ENCLAVE_EINVALID, "make a pool: unknown reuse %u",
                                   (unsigned)to->reuse);
}

static int32_t replace_text(char **text, const char *with)
{
    char *copy = with ? strdup(with) : NULL;
    if (with && !copy) {
        return ENCLAVE_ENOMEM;
    }
    if (with) {
        free(*text);
        *text = copy;
    }
    return 0;
}

/* What is given, over what the INI file says. */
static int32_t complete_spec(const struct enclave_manager *manager, const char *name,
                             const struct pool_spec *given, struct pool_spec *ret_spec,
                             struct enclave_error *err)
{
    int declared;
    int32_t r = pool_config_read(&manager->config, name, ret_spec, &declared, err);
    if (r < 0) {
        return r;
    }
    ret_spec->size = given->size ? given->size : ret_spec->size;
    ret_spec->reuse = given->reuse ? given->reuse : ret_spec->reuse;
    ret_spec->reuse = ret_spec->reuse ? ret_spec->reuse : ENCLAVE_POOL_RESET;
    if (replace_text(&ret_spec->type, given->type) < 0 ||
        replace_text(&ret_spec->config, given->config) < 0) {
        pool_spec_clear(ret_spec);
        return enclave_error_set(err, ENCLAVE_ENOMEM, "pool '%s': out of memory", name);
    }
    return 0;
}

static int is_member(struct sandbox *sandbox, const struct pool *pool)
{
    pthread_mutex_lock(&sandbox->lock);
    int member = sandbox->pool == pool;
    pthread_mutex_unlock(&sandbox->lock);
    return member;
}

/* In order of their creation. */
static json_object *ids_of(struct enclave_manager *manager, const struct pool *pool)
{
    size_t count = 0;
    json_object *ids = json_object_new_array();
    struct sandbox **all = sandbox_map_snapshot(&manager->sandboxes, &count);
    int32_t r = ids && all ? 0 : ENCLAVE_ENOMEM;

    for (size_t i = 0; r == 0 && i < count; i++) {
        json_object *id = is_member(all[i], pool) ? json_object_new_string(all[i]->id) : NULL;
        if (id && json_object_array_add(ids, id) != 0) {
            json_object_put(id);
            r = ENCLAVE_ENOMEM;
        }
    }
    sandbox_snapshot_free(all, count);
    if (r < 0) {
        json_object_put(ids);
        return NULL;
    }
    return ids;
}

/* Wait for a pool that was just opened, or is there; then its ids. */
static int32_t finish_making(struct enclave_manager *manager, struct pool *pool, int is_new,
                             struct enclave_cancel *cancel, char **ret_ids_json,
                             struct enclave_error *err)
{
    int32_t r = pool_wait_made(pool, cancel, err);
    JSON_AUTO ids = r == 0 && ret_ids_json ? ids_of(manager, pool) : NULL;
    if (r == 0 && ret_ids_json) {
        r = json_hand_out(ids, "make a pool", ret_ids_json, err);
    }
    if (r < 0 && is_new) {
        pool_end(pool);
    }
    return r;
}

static int32_t make_pool(struct enclave_manager *manager, const char *name,
                         const struct pool_spec *given, struct enclave_cancel *cancel,
                         char **ret_ids_json, struct enclave_error *err)
{
    int asks = given->size || given->type || given->config || given->reuse;
    struct pool_spec spec = {0};
    struct pool *pool = NULL;
    int is_new = 0;

    int32_t r = complete_spec(manager, name, given, &spec, err);
    if (r < 0) {
        return r;
    }
    if (spec.size == 0) {
        JSON_AUTO none = json_object_new_array();
        pool_spec_clear(&spec);
        return ret_ids_json ? json_hand_out(none, "make a pool", ret_ids_json, err) : 0;
    }
    r = pool_open(manager, name, &spec, &pool, &is_new, err);
    if (r == 0 && !is_new && asks) {
        r = enclave_error_set(err, ENCLAVE_EEXISTS, "there is a pool '%s' already", name);
    }
    if (r == 0) {
        r = finish_making(manager, pool, is_new, cancel, ret_ids_json, err);
    }
    pool_unref(pool);
    pool_spec_clear(&spec);
    return r;
}

int32_t enclave_manager_initialize_pool(struct enclave_manager *manager, const char *name,
                                        uint32_t size, const char *type, const char *config,
                                        const struct enclave_pool_options *given_options,
                                        char **ret_ids_json, struct enclave_error *err)
{
    struct enclave_pool_options options;

    name = name ? name : default_name;
    if (!manager) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "make a pool: manager is NULL");
    }
    if (!id_valid(name)) {
        return enclave_error_set(
            err, ENCLAVE_EINVALID,
            "make pool '%.80s': expected a name of at most 63 of a-z, 0-9, '-', '_'", name);
    }
    if (size > POOL_SIZE_MAX) {
        return enclave_error_set(err, ENCLAVE_EINVALID,
                                 "make pool '%s': expected at most %d sandboxes, got %u", name,
                                 POOL_SIZE_MAX, (unsigned)size);
    }
    int32_t r = take_options(&options, given_options, err);
    if (r < 0) {
        return r;
    }
    const struct pool_spec given = {size, options.reuse, (char *)type, (char *)config};
    manager_begin(manager);
    r = make_pool(manager, name, &given, options.cancel, ret_ids_json, err);
    manager_end(manager);
    return r;
}

/* -------------------------------------------------------------------------------------- executing */

/* One that the INI file declares begins to be made. */
static int32_t pool_for(struct enclave_manager *manager, const char *name, struct pool **ret_pool,
                        struct enclave_error *err)
{
    static const struct pool_spec nothing;
    struct pool_spec spec = {0};
    int is_new;

    *ret_pool = id_valid(name) ? pool_find(manager, name) : NULL;
    if (*ret_pool) {
        return 0;
    }
    int32_t r = id_valid(name) ? complete_spec(manager, name, &nothing, &spec, err) : 0;
    if (r == 0 && spec.size == 0) {
        r = enclave_error_set(
            err, ENCLAVE_EINVALID,
            "there is no pool '%.80s': initialize it first, or declare it as [pool "
            "%.63s] in the configuration",
            name, name);
    }
    if (r == 0) {
        r = pool_open(manager, name, &spec, ret_pool, &is_new, err);
    }
    pool_spec_clear(&spec);
    return r;
}

/* `*ret_gone`: the sandbox was there no more, which only its own manager knew. */
static int32_t execute_in_one(struct pool *pool, const char *tool, const char *params,
                              const struct enclave_execute_options *options, int64_t wait_ms,
                              int *ret_gone, struct enclave_result **ret_result,
                              struct enclave_error *err)
{
    struct sandbox *sandbox = NULL;
    int32_t r = pool_borrow(pool, wait_ms, options->cancel, &sandbox, err);
    *ret_gone = 0;
    if (r == 0) {
        r = execute_entered(pool->manager, sandbox, tool, params, options, ret_result, err);
        *ret_gone = delegate_notice(pool->manager, sandbox, r);
        pool_give_back(pool, sandbox);
    }
    return r;
}

static int32_t execute(struct enclave_manager *manager, const char *name, const char *tool,
                       const char *params, const struct enclave_execute_options *options,
                       int64_t wait_ms, struct enclave_result **ret_result,
                       struct enclave_error *err)
{
    struct pool *pool = NULL;
    int gone = 1;
    int32_t r = pool_for(manager, name, &pool, err);
    /* All of them may be gone, but not one that was made since. */
    for (int64_t i = 0; pool && gone && i <= pool->spec.size; i++) {
        r = execute_in_one(pool, tool, params, options, wait_ms, &gone, ret_result, err);
    }
    pool_unref(pool);
    return r;
}

int32_t enclave_manager_execute_tool_in_pool(struct enclave_manager *manager, const char *name,
                                             const char *tool, const char *params,
                                             const struct enclave_execute_options *given,
                                             int64_t wait_ms, struct enclave_result **ret_result,
                                             struct enclave_error *err)
{
    struct enclave_execute_options options;

    if (!manager || !tool || !ret_result) {
        return enclave_error_set(err, ENCLAVE_EINVALID,
                                 "execute a tool in a pool: manager, tool or ret_result is NULL");
    }
    if (wait_ms < -1) {
        return enclave_error_set(
            err, ENCLAVE_EINVALID,
            "execute a tool in a pool: wait_ms is %lld; expected -1, 0 or more",
            (long long)wait_ms);
    }
    int32_t r = execute_take_options(&options, given, err);
    if (r < 0) {
        return r;
    }
    wait_ms = wait_ms < 0 ? WAIT_DEFAULT_MS : wait_ms;
    manager_begin(manager);
    r = execute(manager, name ? name : default_name, tool, params, &options,
                wait_ms < CLOCK_MS_MAX ? wait_ms : CLOCK_MS_MAX, ret_result, err);
    manager_end(manager); /* the last touch: the manager may be freed from here on */
    return r;
}

/* --------------------------------------------------------------------------------------- telling */

/* The lock of the pools is held. */
static json_object *describe_pool(struct pool *pool, int64_t *ret_members, int *ret_made)
{
    json_object *row = json_object_new_object();
    pthread_mutex_lock(&pool->lock);
    *ret_members += (int64_t)(pool->idle + pool->busy);
    *ret_made |= pool->made;
    int32_t r = json_set_int(row, "size", pool->spec.size);
    if (r < 0 || json_set_int(row, "idle", (int64_t)pool->idle) < 0 ||
        json_set_int(row, "busy", (int64_t)pool->busy) < 0 ||
        json_set_int(row, "making", (int64_t)pool->making) < 0 ||
        json_set_int(row, "waiting", (int64_t)turns_waiting(&pool->turns)) < 0 ||
        json_set_string(row, "reuse", pool_reuse_name(pool->way ? pool->way : pool->spec.reuse)) <
            0 ||
        (pool->why[0] && json_set_string(row, "not_reset", pool->why) < 0) ||
        (pool->failed.code && json_set_string(row, "error", pool->failed.message) < 0)) {
        json_object_put(row);
        row = NULL;
    }
    pthread_mutex_unlock(&pool->lock);
    return row;
}

int32_t pools_describe(struct enclave_manager *manager, json_object *stats)
{
    JSON_AUTO rows = json_object_new_object();
    int64_t members = 0;
    int made = 0;

    pthread_mutex_lock(&manager->pools.lock);
    int enabled = manager->pools.first != NULL || pool_config_any(&manager->config);
    int32_t r = rows ? 0 : ENCLAVE_ENOMEM;
    for (struct pool *pool = manager->pools.first; r == 0 && pool; pool = pool->next) {
        r = json_set(rows, pool->name, describe_pool(pool, &members, &made));
    }
    pthread_mutex_unlock(&manager->pools.lock);
    if (r < 0 || json_set_int(stats, "pool_size", members) < 0 ||
        json_set(stats, "pool_enabled", json_object_new_boolean(enabled)) < 0 ||
        json_set(stats, "pool_initialized", json_object_new_boolean(made)) < 0 ||
        json_set(stats, "pools", json_object_get(rows)) < 0) {
        return ENCLAVE_ENOMEM;
    }
    return 0;
}
