/*
 * describe.c - looking at the setup: configuration, plugins, whether backends work, tool schemas.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "buffer.h"
#include "fields.h"
#include "json.h"
#include "manager.h"
#include "options.h"

#include <stdlib.h>
#include <string.h>

static int32_t check_arguments(const struct enclave_manager *manager, char **ret_json,
                               struct enclave_error *err)
{
    return manager && ret_json ? 0
                               : enclave_error_set(err, ENCLAVE_EINVALID,
                                                   "describe the setup: an argument is NULL");
}

/* ---------------------------------------------------------------------------------- configuration */

int32_t enclave_manager_get_config(struct enclave_manager *manager, char **ret_json,
                                   struct enclave_error *err)
{
    int32_t r = check_arguments(manager, ret_json, err);
    if (r < 0) {
        return r;
    }
    registry_complete(&manager->registry);
    JSON_AUTO rows = json_object_new_array();
    if (!rows || config_describe(&manager->config, rows) < 0) {
        return json_hand_out(NULL, "describe the setup", ret_json, err);
    }
    for (size_t i = 0; i < manager->registry.count; i++) {
        const struct plugin *p = manager->registry.plugins[i];
        char section[128];
        (void)snprintf(section, sizeof section, "%s %s", loader_kind_word(p->kind), p->name);
        if (p->state == PLUGIN_LOADED &&
            config_describe_plugin(&manager->config, section, p->loaded.plugin.options, rows) < 0) {
            return json_hand_out(NULL, "describe the setup", ret_json, err);
        }
    }
    return json_hand_out(rows, "describe the setup", ret_json, err);
}

/* ---------------------------------------------------------------------------------------- plugins */

static json_object *describe_options(const struct enclave_option *table)
{
    static const char *const types[] = {"",     "string",  "integer", "boolean",
                                        "size", "seconds", "list"};
    json_object *list = json_object_new_array();
    for (const struct enclave_option *o = table; list && o && o->name; o = option_next(table, o)) {
        json_object *row = json_object_new_object();
        if (json_set_string(row, "name", o->name) < 0 ||
            json_set_string(row, "type", types[o->type]) < 0 ||
            (o->default_value ? json_set_string(row, "default", o->default_value)
                              : json_set_null(row, "default")) < 0 ||
            json_set_string(row, "help", o->help ? o->help : "") < 0 ||
            json_object_array_add(list, row) != 0) {
            json_object_put(row);
            json_object_put(list);
            return NULL;
        }
    }
    return list;
}

static json_object *describe_plugin(struct plugin *p)
{
    static const char *const states[] = {"loaded", "disabled", "refused"};
    int loaded = p->state == PLUGIN_LOADED;
    const struct enclave_plugin *facts = &p->loaded.plugin;
    json_object *row = json_object_new_object();

    if (json_set_string(row, "kind", loader_kind_word(p->kind)) < 0 ||
        json_set_string(row, "name", p->name) < 0 ||
        (loaded ? json_set_string(row, "version", facts->version) : json_set_null(row, "version")) <
            0 ||
        (loaded ? json_set_string(row, "summary", facts->summary) : json_set_null(row, "summary")) <
            0 ||
        json_set_string(row, "state", states[p->state]) < 0 ||
        (p->reason ? json_set(row, "reason", json_string_lossy(p->reason, strlen(p->reason)))
                   : json_set_null(row, "reason")) < 0 ||
        json_set(row, "file", json_string_lossy(p->path, strlen(p->path))) < 0 ||
        json_set(row, "options", describe_options(loaded ? facts->options : NULL)) < 0) {
        json_object_put(row);
        return NULL;
    }
    return row;
}

/* A row from each plugin; of loaded backends only when `backends`. */
static int32_t rows_of(struct enclave_manager *manager, int backends,
                       json_object *(*describe)(struct plugin *plugin), char **ret_json,
                       struct enclave_error *err)
{
    int32_t r = check_arguments(manager, ret_json, err);
    if (r < 0) {
        return r;
    }
    registry_complete(&manager->registry);
    JSON_AUTO rows = json_object_new_array();
    for (size_t i = 0; rows && i < manager->registry.count; i++) {
        struct plugin *p = manager->registry.plugins[i];
        if (backends && (p->kind != ENCLAVE_PLUGIN_BACKEND || p->state != PLUGIN_LOADED)) {
            continue;
        }
        json_object *row = describe(p);
        if (!row || json_object_array_add(rows, row) != 0) {
            json_object_put(row);
            return json_hand_out(NULL, "describe the setup", ret_json, err);
        }
    }
    return json_hand_out(rows, "describe the setup", ret_json, err);
}

int32_t enclave_manager_get_plugins(struct enclave_manager *manager, char **ret_json,
                                    struct enclave_error *err)
{
    return rows_of(manager, 0, describe_plugin, ret_json, err);
}

/* ------------------------------------------------------------------------------------------ probe */

static json_object *probe_backend(struct plugin *p)
{
    const struct enclave_backend_ops *ops = &p->loaded.ops.backend;
    struct buffer report = BUFFER_INIT(64 * 1024);
    struct enclave_sink sink = {sizeof sink, 0, &report, buffer_write};
    struct enclave_error why = ENCLAVE_ERROR_INIT;
    uint64_t can = 0;
    json_object *row = json_object_new_object();

    int works =
        ops->probe(p->backend, &sink, &why) == 0 && ops->capabilities(p->backend, &can, &why) == 0;
    int32_t r = json_set_string(row, "backend", p->name);
    if (r == 0) {
        r = json_set(row, "works", json_object_new_boolean(works));
    }
    if (r == 0 && works) {
        json_object *detail = json_parse_object(report.data, "report", NULL);
        r = json_set(row, "detail", detail ? detail : json_object_new_object());
    } else if (r == 0) {
        r = json_set(row, "error", json_string_lossy(why.message, strlen(why.message)));
    }
    if (r == 0) {
        r = json_set(row, "can", fields_bit_names(can));
    }
    if (r == 0) {
        r = json_set_int(row, "auto_rank", ops->auto_rank);
    }
    buffer_free(&report);
    if (r < 0) {
        json_object_put(row);
        return NULL;
    }
    return row;
}

int32_t enclave_manager_probe(struct enclave_manager *manager, char **ret_json,
                              struct enclave_error *err)
{
    return rows_of(manager, 1, probe_backend, ret_json, err);
}
