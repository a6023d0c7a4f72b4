/*
 * info.c - what the manager tells about its sandboxes: info, list, tools, stats.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "clock.h"
#include "fields.h"
#include "json.h"
#include "manager.h"

#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------------------------------ info */

static json_object *tools_of(const struct sandbox *sandbox)
{
    json_object *tools = json_object_new_object();
    for (size_t i = 0; tools && i < sandbox->tool_count; i++) {
        const struct plugin *plugin = sandbox->tools[i].plugin;
        if (json_set(tools, plugin->name, describe_tool(plugin)) < 0) {
            json_object_put(tools);
            return NULL;
        }
    }
    return tools;
}

/* How the startup command fares; the sandbox's lock is held. */
static json_object *command_state(const struct startup_command *command)
{
    json_object *state = json_object_new_object();
    int32_t r = json_set(state, "running", json_object_new_boolean(!command->exited));
    if (r == 0 && command->exited) {
        if (command->end.how == ENCLAVE_EXIT_EXITED) {
            r = json_set_int(state, "exit_code", command->end.code);
        } else if (command->end.how == ENCLAVE_EXIT_SIGNALED) {
            r = json_set_int(state, "signal", command->end.signal);
        }
        if (r == 0 && command->reason[0]) {
            r = json_set(state, "reason",
                         json_string_lossy(command->reason, strlen(command->reason)));
        }
    }
    if (r < 0) {
        json_object_put(state);
        return NULL;
    }
    return state;
}

static json_object *metadata_of(struct sandbox *sandbox)
{
    json_object *metadata = NULL;
    if (!sandbox->metadata) {
        metadata = json_object_new_object();
    } else if (json_object_deep_copy(sandbox->metadata, &metadata, NULL) != 0) {
        return NULL;
    }
    int32_t r = json_set(metadata, "unenforced", fields_bit_names(sandbox->unenforced));
    if (r == 0 && sandbox->command.process) {
        r = json_set(metadata, "command", command_state(&sandbox->command));
    }
    if (r == 0 && sandbox->reason[0]) {
        r = json_set(metadata, "reason",
                     json_string_lossy(sandbox->reason, strlen(sandbox->reason)));
    }
    if (r < 0) {
        json_object_put(metadata);
        return NULL;
    }
    return metadata;
}

static json_object *config_of(struct sandbox *sandbox)
{
    json_object *config = NULL;
    return json_object_deep_copy(sandbox->config, &config, NULL) == 0 ? config : NULL;
}

/* NULL without memory. `*ret_status` is the status that it shows. */
static json_object *info_of(struct enclave_manager *manager, struct sandbox *sandbox,
                            uint32_t *ret_status)
{
    char created[CLOCK_TEXT_SIZE], updated[CLOCK_TEXT_SIZE];
    json_object *info = json_object_new_object();

    pthread_mutex_lock(&sandbox->lock);
    *ret_status = sandbox_refresh(sandbox, manager_now_s(manager));
    clock_format_utc(sandbox->created_us, created);
    clock_format_utc(sandbox->updated_us, updated);
    int made = *ret_status != ENCLAVE_STATUS_INITIALIZING; /* the rest is still being written */
    int32_t r = json_set_string(info, "id", sandbox->id);
    if (r == 0) {
        r = json_set_string(info, "status", enclave_status_name(*ret_status));
    }
    if (r == 0) {
        r = made ? json_set_string(info, "type", sandbox->backend->name)
                 : json_set_null(info, "type");
    }
    if (r == 0) {
        r = json_set(info, "config", made ? config_of(sandbox) : json_object_new_object());
    }
    if (r == 0) {
        r = json_set_string(info, "created_at", created);
    }
    if (r == 0) {
        r = json_set_string(info, "updated_at", updated);
    }
    if (r == 0) {
        r = json_set(info, "metadata", made ? metadata_of(sandbox) : json_object_new_object());
    }
    if (r == 0) {
        r = json_set(info, "available_tools", made ? tools_of(sandbox) : json_object_new_object());
    }
    pthread_mutex_unlock(&sandbox->lock);
    if (r < 0) {
        json_object_put(info);
        return NULL;
    }
    return info;
}

int32_t enclave_manager_get_sandbox_info(struct enclave_manager *manager, const char *id,
                                         char **ret_json, struct enclave_error *err)
{
    uint32_t status;
    if (!ret_json) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "get sandbox info: ret_json is NULL");
    }
    struct sandbox *sandbox = manager_find(manager, id, "get sandbox info", err);
    if (!sandbox) {
        return manager ? ENCLAVE_ENOTFOUND : ENCLAVE_EINVALID;
    }
    JSON_AUTO info = info_of(manager, sandbox, &status);
    sandbox_unref(sandbox);
    return json_hand_out(info, "get sandbox info", ret_json, err);
}

int32_t enclave_manager_list_sandboxes(struct enclave_manager *manager, uint32_t wanted,
                                       char **ret_json, struct enclave_error *err)
{
    size_t count = 0;
    int32_t r = 0;

    if (!manager || !ret_json) {
        return enclave_error_set(err, ENCLAVE_EINVALID,
                                 "list sandboxes: manager or ret_json is NULL");
    }
    if (wanted > ENCLAVE_STATUS_ERROR) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "list sandboxes: unknown status %u",
                                 (unsigned)wanted);
    }
    JSON_AUTO list = json_object_new_array();
    struct sandbox **all = sandbox_map_snapshot(&manager->sandboxes, &count);
    r = list && all ? 0 : ENCLAVE_ENOMEM;
    for (size_t i = 0; r == 0 && i < count; i++) {
        uint32_t status;
        json_object *info = info_of(manager, all[i], &status);
        if (!info) {
            r = ENCLAVE_ENOMEM;
        } else if ((wanted && status != wanted) || json_object_array_add(list, info) != 0) {
            json_object_put(info);
        }
    }
    sandbox_snapshot_free(all, count);
    return r < 0 ? enclave_error_set(err, r, "list sandboxes: out of memory")
                 : json_hand_out(list, "list sandboxes", ret_json, err);
}

int32_t enclave_manager_get_sandbox_tools(struct enclave_manager *manager, const char *id,
                                          char **ret_json, struct enclave_error *err)
{
    if (!ret_json) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "get sandbox tools: ret_json is NULL");
    }
    struct sandbox *sandbox = manager_find(manager, id, "get sandbox tools", err);
    if (!sandbox) {
        return manager ? ENCLAVE_ENOTFOUND : ENCLAVE_EINVALID;
    }
    pthread_mutex_lock(&sandbox->lock);
    JSON_AUTO tools = sandbox->status == ENCLAVE_STATUS_INITIALIZING ? json_object_new_object()
                                                                     : tools_of(sandbox);
    pthread_mutex_unlock(&sandbox->lock);
    sandbox_unref(sandbox);
    return json_hand_out(tools, "get sandbox tools", ret_json, err);
}

/* ----------------------------------------------------------------------------------------- stats */

static int32_t count_up(json_object *counts, const char *key)
{
    json_object *old = NULL;
    int64_t n = json_object_object_get_ex(counts, key, &old) ? json_object_get_int64(old) : 0;
    return json_set_int(counts, key, n + 1);
}

static int32_t count_all(struct enclave_manager *manager, json_object *statuses, json_object *types,
                         int64_t *ret_total, int64_t *ret_running)
{
    size_t count = 0;
    int32_t r = 0;
    struct sandbox **all = sandbox_map_snapshot(&manager->sandboxes, &count);

    if (!all) {
        return ENCLAVE_ENOMEM;
    }
    for (size_t i = 0; r == 0 && i < count; i++) {
        pthread_mutex_lock(&all[i]->lock);
        uint32_t status = sandbox_refresh(all[i], manager_now_s(manager));
        int made = status != ENCLAVE_STATUS_INITIALIZING;
        pthread_mutex_unlock(&all[i]->lock);
        *ret_running += status == ENCLAVE_STATUS_RUNNING;
        r = count_up(statuses, enclave_status_name(status));
        if (r == 0 && made) {
            r = count_up(types, all[i]->backend->name);
        }
    }
    *ret_total = (int64_t)count;
    sandbox_snapshot_free(all, count);
    return r;
}

int32_t enclave_manager_get_stats(struct enclave_manager *manager, char **ret_json,
                                  struct enclave_error *err)
{
    int64_t total = 0, running = 0;

    if (!manager || !ret_json) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "get stats: manager or ret_json is NULL");
    }
    JSON_AUTO stats = json_object_new_object();
    JSON_AUTO statuses = json_object_new_object();
    JSON_AUTO types = json_object_new_object();
    double interval = (double)manager->config.cleanup_interval_us / 1e6;
    if (!stats || !statuses || !types ||
        count_all(manager, statuses, types, &total, &running) < 0 ||
        json_set_string(stats, "manager_type", "local") < 0 ||
        json_set_int(stats, "total_sandboxes", total) < 0 ||
        json_set(stats, "status_counts", json_object_get(statuses)) < 0 ||
        json_set(stats, "sandbox_types", json_object_get(types)) < 0 ||
        json_set_int(stats, "running", running) < 0 ||
        json_set(stats, "cleanup_interval", json_object_new_double(interval)) < 0 ||
        json_set_int(stats, "created", (int64_t)atomic_load(&manager->created)) < 0 ||
        json_set_int(stats, "deleted", (int64_t)atomic_load(&manager->deleted)) < 0 ||
        json_set_int(stats, "executions", (int64_t)atomic_load(&manager->executions)) < 0) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "get stats: out of memory");
    }
    return json_hand_out(stats, "get stats", ret_json, err);
}
