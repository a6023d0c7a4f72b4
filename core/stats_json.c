/*
 * stats_json.c - enclave_manager_get_stats: what is there, and what was counted (stats.h).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "delegate.h"
#include "json.h"
#include "manager.h"
#include "stats.h"
#include "submit.h"

#include <stdlib.h>

/* Add a member that is an object, and give it to be filled. NULL without memory. */
static json_object *add_object(json_object *to, const char *key)
{
    json_object *object = json_object_new_object();
    return json_set(to, key, object) == 0 ? object : NULL;
}

static int32_t set_count(json_object *object, const char *key, uint64_t count)
{
    return json_set_int(object, key, (int64_t)count);
}

/* ------------------------------------------------------------------------------------- sandboxes */

struct census {
    size_t total;
    uint64_t by_status[ENCLAVE_STATUS_ERROR + 1];
    uint64_t *by_plugin;
};

/* A plugin's number is its place in the registry. */
static int32_t count_sandboxes(struct enclave_manager *manager, struct census *census)
{
    int64_t now_s = manager_now_s(manager);
    struct sandbox **all = sandbox_map_snapshot(&manager->sandboxes, &census->total);

    census->by_plugin = calloc(manager->registry.count + 1, sizeof *census->by_plugin);
    if (!all || !census->by_plugin) {
        sandbox_snapshot_free(all, census->total);
        return ENCLAVE_ENOMEM;
    }
    for (size_t i = 0; i < census->total; i++) {
        pthread_mutex_lock(&all[i]->lock);
        uint32_t status = sandbox_refresh(all[i], now_s);
        if (status != ENCLAVE_STATUS_INITIALIZING) {
            census->by_plugin[all[i]->backend->number]++;
        }
        pthread_mutex_unlock(&all[i]->lock);
        census->by_status[status]++;
    }
    sandbox_snapshot_free(all, census->total);
    return 0;
}

static int32_t set_census(json_object *stats, const struct enclave_manager *manager,
                          const struct census *census)
{
    int32_t r = set_count(stats, "total_sandboxes", census->total);
    json_object *statuses = add_object(stats, "status_counts");
    json_object *types = add_object(stats, "sandbox_types");

    for (uint32_t i = 1; r == 0 && i <= ENCLAVE_STATUS_ERROR; i++) {
        if (census->by_status[i]) {
            r = set_count(statuses, enclave_status_name(i), census->by_status[i]);
        }
    }
    for (size_t i = 0; r == 0 && i < manager->registry.count; i++) {
        if (census->by_plugin[i]) {
            r = set_count(types, manager->registry.plugins[i]->name, census->by_plugin[i]);
        }
    }
    if (r == 0) {
        r = set_count(stats, "running", census->by_status[ENCLAVE_STATUS_RUNNING]);
    }
    return statuses && types ? r : ENCLAVE_ENOMEM;
}

/* -------------------------------------------------------------------------------------- counters */

/* Adds to `*total`. */
static int32_t set_tool(json_object *tools, const struct enclave_manager *manager,
                        const struct plugin *tool, uint64_t *total)
{
    uint64_t counts[ENCLAVE_CAUSE_BACKEND_LOST + 1], sum = 0;
    for (uint32_t cause = 0; cause <= ENCLAVE_CAUSE_BACKEND_LOST; cause++) {
        counts[cause] = stats_executions(manager->stats, tool->number, cause);
        sum += counts[cause];
    }
    *total += sum;
    if (sum == 0) {
        return 0;
    }
    json_object *row = add_object(tools, tool->name);
    int32_t r = set_count(row, "failed", counts[0]);
    for (uint32_t cause = 1; r == 0 && cause <= ENCLAVE_CAUSE_BACKEND_LOST; cause++) {
        r = set_count(row, enclave_cause_name(cause), counts[cause]);
    }
    return r;
}

static int32_t set_executions(json_object *stats, const struct enclave_manager *manager)
{
    uint64_t total = 0;
    JSON_AUTO tools = json_object_new_object();
    int32_t r = tools ? 0 : ENCLAVE_ENOMEM;
    for (size_t i = 0; r == 0 && i < manager->registry.count; i++) {
        r = set_tool(tools, manager, manager->registry.plugins[i], &total);
    }
    if (r == 0) {
        r = set_count(stats, "executions", total);
    }
    return r == 0 ? json_set(stats, "executions_by_tool", json_object_get(tools)) : r;
}

static int32_t set_reclaimed(json_object *stats, const struct enclave_manager *manager)
{
    json_object *reclaimed = add_object(stats, "reclaimed");
    int32_t r = 0;
    for (size_t i = 0; r == 0 && stats_reason(i); i++) {
        r = set_count(reclaimed, stats_reason(i), stats_reclaims(manager->stats, i));
    }
    return r;
}

static int32_t set_submitted(json_object *stats, const struct enclave_manager *manager)
{
    struct submit_state state = submitter_state(manager->submitter);
    json_object *submitted = add_object(stats, "submitted");
    int32_t r = set_count(submitted, "running", state.running);
    if (r == 0) {
        r = set_count(submitted, "queued", state.queued);
    }
    if (r == 0) {
        r = set_count(submitted, "completed", state.completed);
    }
    return r == 0 ? set_count(submitted, "threads", state.threads) : r;
}

/* ----------------------------------------------------------------------------------------- times */

/* Cumulative, at the powers of four: the same for every histogram and for ever. */
static json_object *buckets_of(const struct stats_histogram *histogram)
{
    json_object *rows = json_object_new_array();
    uint64_t seen = 0, edge = 1;

    for (size_t i = 0; rows && i < STATS_BUCKETS; i++) {
        seen += histogram->buckets[i];
        if (stats_bucket_top_us(i) < edge) {
            continue;
        }
        json_object *row = json_object_new_array_ext(2);
        if (!row || json_object_array_add(row, json_seconds((int64_t)edge)) != 0 ||
            json_object_array_add(row, json_object_new_int64((int64_t)seen)) != 0 ||
            json_object_array_add(rows, row) != 0) {
            json_object_put(row);
            json_object_put(rows);
            return NULL;
        }
        edge *= 4;
    }
    return rows;
}

static int32_t set_time(json_object *times, const struct enclave_manager *manager,
                        enum stats_time time)
{
    static const char *const names[STATS_TIMES] = {"create", "execute", "queue_wait", "pool_wait"};
    static const struct {
        const char *name;
        double quantile;
    } quantiles[] = {{"p50", 0.5}, {"p95", 0.95}, {"p99", 0.99}};
    struct stats_histogram histogram;
    json_object *row = add_object(times, names[time]);

    stats_read(manager->stats, time, &histogram);
    int32_t r = set_count(row, "count", histogram.count);
    if (r == 0) {
        r = json_set(row, "sum", json_seconds((int64_t)histogram.sum_us));
    }
    for (size_t i = 0; r == 0 && i < sizeof quantiles / sizeof *quantiles; i++) {
        uint64_t us = stats_quantile_us(&histogram, quantiles[i].quantile);
        r = json_set(row, quantiles[i].name, json_seconds((int64_t)us));
    }
    return r == 0 ? json_set(row, "buckets", buckets_of(&histogram)) : r;
}

static int32_t set_times(json_object *stats, const struct enclave_manager *manager)
{
    json_object *times = add_object(stats, "times");
    int32_t r = 0;
    for (enum stats_time time = 0; r == 0 && time < STATS_TIMES; time++) {
        r = set_time(times, manager, time);
    }
    return r;
}

/* ------------------------------------------------------------------------------------------- all */

/* What the other manager counts is left out when it does not answer. */
static int32_t set_remote(json_object *stats, struct enclave_manager *manager)
{
    int32_t r = json_set_string(stats, "manager_type", manager->delegate ? "http" : "local");
    json_object *remote = r == 0 && manager->delegate ? delegate_stats(manager) : NULL;
    return remote ? json_set(stats, "remote", remote) : r;
}

static int32_t set_created(json_object *stats, const struct enclave_manager *manager)
{
    struct stats_histogram creates;
    stats_read(manager->stats, STATS_CREATE, &creates);
    int32_t r = set_count(stats, "created", creates.count);
    return r == 0 ? set_count(stats, "deleted", stats_deletions(manager->stats)) : r;
}

int32_t enclave_manager_get_stats(struct enclave_manager *manager, char **ret_json,
                                  struct enclave_error *err)
{
    struct census census = {0};

    if (!manager || !ret_json) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "get stats: manager or ret_json is NULL");
    }
    JSON_AUTO stats = json_object_new_object();
    json_object *interval = json_seconds(manager->config.cleanup_interval_us);
    int complete = set_remote(stats, manager) == 0 && count_sandboxes(manager, &census) == 0 &&
                   set_census(stats, manager, &census) == 0 &&
                   json_set(stats, "cleanup_interval", json_object_get(interval)) == 0 &&
                   set_created(stats, manager) == 0 && set_executions(stats, manager) == 0 &&
                   set_reclaimed(stats, manager) == 0 && set_submitted(stats, manager) == 0 &&
                   pools_describe(manager, stats) == 0 && set_times(stats, manager) == 0;
    json_object_put(interval);
    free(census.by_plugin);
    return json_hand_out(complete ? stats : NULL, "get stats", ret_json, err);
}
