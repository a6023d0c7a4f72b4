/*
 * config.c - see config.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "config.h"

#include "fields.h"
#include "id.h"
#include "json.h"
#include "options.h"
#include "pool_config.h"

#include <stdlib.h>
#include <string.h>

/* The keys of our own sections, in the form that plugins describe theirs. */
static const struct enclave_option enclave_keys[] = {
    ENCLAVE_OPTION("backend", ENCLAVE_OPTION_STRING, "auto",
                   "backend of new sandboxes; auto: the first that works"),
    ENCLAVE_OPTION("cleanup_interval", ENCLAVE_OPTION_SECONDS, "300",
                   "seconds between sweeps for stale sandboxes"),
    ENCLAVE_OPTION("running_ttl", ENCLAVE_OPTION_SECONDS, "172800",
                   "seconds after which a running sandbox is deleted"),
    ENCLAVE_OPTION("stopped_ttl", ENCLAVE_OPTION_SECONDS, "3600",
                   "seconds after which one that is stopped or in error is deleted"),
    ENCLAVE_OPTION("idle_ttl", ENCLAVE_OPTION_SECONDS, "0",
                   "seconds without an execution after which a sandbox is deleted; 0: never"),
    ENCLAVE_OPTION("max_executions", ENCLAVE_OPTION_INTEGER, "1024",
                   "submitted executions that run at once, each in a thread"),
    ENCLAVE_OPTION("max_queued", ENCLAVE_OPTION_INTEGER, "65536",
                   "submitted executions that wait, or have ended and were not taken"),
    ENCLAVE_OPTION("on_free", ENCLAVE_OPTION_STRING, "delete",
                   "the manager's sandboxes when it ends: delete, or keep for the next"),
    ENCLAVE_OPTION("on_restart", ENCLAVE_OPTION_STRING, "reap",
                   "the sandboxes of a manager that died: reap, or adopt by the next"),
    ENCLAVE_OPTION("reconnect_grace", ENCLAVE_OPTION_SECONDS, "60",
                   "seconds that sandboxes wait for the next manager before they end"),
    ENCLAVE_OPTION("instance", ENCLAVE_OPTION_STRING, NULL,
                   "name of this manager in the labels of its sandboxes; made up unless set"),
    ENCLAVE_OPTION("state_dir", ENCLAVE_OPTION_STRING, NULL,
                   "folder of the lock that makes a manager the only one of its instance; else "
                   "/run/enclave, or $XDG_RUNTIME_DIR/enclave for users other than root"),
    ENCLAVE_OPTION_END,
};

static const struct enclave_option plugins_keys[] = {
    ENCLAVE_OPTION("path", ENCLAVE_OPTION_LIST, NULL, "folders with plugins, the first wins"),
    ENCLAVE_OPTION("backends", ENCLAVE_OPTION_LIST, "*", "backends to load; *: all that are found"),
    ENCLAVE_OPTION("tools", ENCLAVE_OPTION_LIST, "*", "tools to load; *: all that are found"),
    ENCLAVE_OPTION_END,
};

/* -------------------------------------------------------------------------------------- checking */

static const struct enclave_option *table_of(const char *section)
{
    if (strcmp(section, "enclave") == 0) {
        return enclave_keys;
    }
    return strcmp(section, "plugins") == 0 ? plugins_keys : NULL;
}

static int is_plugin_section(const char *section)
{
    return (strncmp(section, "backend ", 8) == 0 && id_valid_name(section + 8)) ||
           (strncmp(section, "tool ", 5) == 0 && id_valid_name(section + 5));
}

int32_t config_unknown_key(const struct setting *s, const char *near, struct enclave_error *err)
{
    return enclave_error_set(err, ENCLAVE_ECONFIG, "%s: unknown key '%s' in [%s]%s%s%s", s->source,
                             s->key, s->section, near ? "; did you mean '" : "", near ? near : "",
                             near ? "'?" : "; 'enclave config' lists the keys");
}

int32_t config_bad_value(const struct setting *s, struct enclave_error *err)
{
    return enclave_error_prefix(err, ENCLAVE_ECONFIG, "%s: [%s] %s: ", s->source, s->section,
                                s->key);
}

static int32_t check_sandbox_setting(struct config *config, const struct setting *s,
                                     struct enclave_error *err)
{
    const struct field *field = field_find(s->key);
    if (!field) {
        return config_unknown_key(s, field_suggest(s->key), err);
    }
    json_object *value = field_from_text(field, s->value, err);
    if (!value) {
        return config_bad_value(s, err);
    }
    if (field->asks) {
        config->sandbox_bits |= field->asks(value);
    }
    return json_set(config->sandbox, s->key, value) < 0
               ? enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory")
               : 0;
}

static int32_t check_setting(struct config *config, const struct setting *s,
                             struct enclave_error *err)
{
    if (strcmp(s->section, "sandbox") == 0) {
        return !s->key[0] ? 0 : check_sandbox_setting(config, s, err);
    }
    if (is_plugin_section(s->section)) {
        return 0; /* when the plugin is loaded */
    }
    if (pool_config_is_section(s->section)) {
        return pool_config_check(s, err);
    }
    if (strcmp(s->section, config->section) == 0 || strcmp(s->section, "server") == 0) {
        return 0; /* as a whole, later; or another program's */
    }
    const struct enclave_option *table = table_of(s->section);
    if (!table) {
        return enclave_error_set(
            err, ENCLAVE_ECONFIG,
            "%s: unknown section [%s]; expected [enclave], [plugins], [sandbox], [server], "
            "[pool NAME], [backend NAME] or [tool NAME]",
            s->source, s->section);
    }
    if (!s->key[0]) {
        return 0;
    }
    const struct enclave_option *option = option_find(table, s->key);
    if (!option) {
        return config_unknown_key(s, option_suggest(table, s->key), err);
    }
    json_object *value = option_from_text(option->type, s->value, err);
    if (!value) {
        return config_bad_value(s, err);
    }
    json_object_put(value);
    return 0;
}

static const char *text_of(const struct config *config, const char *section, const char *key)
{
    const struct setting *s = settings_find(&config->settings, section, key);
    if (s) {
        return s->value;
    }
    const struct enclave_option *option = option_find(table_of(section), key);
    return option ? option->default_value : NULL;
}

static const char *source_of(const struct config *config, const char *section, const char *key)
{
    const struct setting *s = settings_find(&config->settings, section, key);
    return s ? s->source : "default";
}

static int32_t take_list(const struct config *config, const char *key, struct name_list *list,
                         struct enclave_error *err)
{
    JSON_AUTO names = option_from_text(ENCLAVE_OPTION_LIST, text_of(config, "plugins", key), err);
    size_t count = names ? json_object_array_length(names) : 0;

    list->names = calloc(count + 1, sizeof *list->names);
    if (!names || !list->names) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        const char *name = json_object_get_string(json_object_array_get_idx(names, i));
        if (strcmp(name, "*") == 0) {
            list->all = 1;
        }
        list->names[list->count] = strdup(name);
        if (!list->names[list->count++]) {
            return enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
        }
    }
    return 0;
}

static int32_t check_names(const struct config *config, const char *key,
                           const struct name_list *list, struct enclave_error *err)
{
    for (size_t i = 0; i < list->count; i++) {
        const char *source = source_of(config, "plugins", key);
        if (!list->all && !id_valid_name(list->names[i])) {
            return enclave_error_set(err, ENCLAVE_ECONFIG,
                                     "%s: [plugins] %s: '%.80s' is not the name of a plugin",
                                     source, key, list->names[i]);
        }
        for (size_t j = 0; j < i; j++) {
            if (strcmp(list->names[i], list->names[j]) == 0) {
                return enclave_error_set(err, ENCLAVE_ECONFIG,
                                         "%s: [plugins] %s: '%.80s' is there twice", source, key,
                                         list->names[i]);
            }
        }
    }
    return 0;
}

static int32_t take_seconds(const struct config *config, const char *key, double minimum,
                            double *ret_seconds, struct enclave_error *err)
{
    JSON_AUTO seconds =
        option_from_text(ENCLAVE_OPTION_SECONDS, text_of(config, "enclave", key), err);
    *ret_seconds = json_object_get_double(seconds); /* checked before */
    if (*ret_seconds < minimum || *ret_seconds > 1e9) {
        return enclave_error_set(
            err, ENCLAVE_ECONFIG, "%s: [enclave] %s: expected at least %g seconds, got '%s'",
            source_of(config, "enclave", key), key, minimum, text_of(config, "enclave", key));
    }
    return 0;
}

static int32_t take_count(const struct config *config, const char *key, int64_t minimum,
                          int64_t maximum, uint64_t *ret_count, struct enclave_error *err)
{
    JSON_AUTO count =
        option_from_text(ENCLAVE_OPTION_INTEGER, text_of(config, "enclave", key), err);
    int64_t number = json_object_get_int64(count); /* checked before */
    if (number < minimum || number > maximum) {
        return enclave_error_set(err, ENCLAVE_ECONFIG,
                                 "%s: [enclave] %s: expected %lld to %lld, got '%s'",
                                 source_of(config, "enclave", key), key, (long long)minimum,
                                 (long long)maximum, text_of(config, "enclave", key));
    }
    *ret_count = (uint64_t)number;
    return 0;
}

/* `*ret_second`: 1 for the second of two words, 0 for the first. */
static int32_t take_choice(const struct config *config, const char *key, const char *first,
                           const char *second, int *ret_second, struct enclave_error *err)
{
    const char *text = text_of(config, "enclave", key);
    *ret_second = strcmp(text, second) == 0;
    if (*ret_second || strcmp(text, first) == 0) {
        return 0;
    }
    return enclave_error_set(err, ENCLAVE_ECONFIG,
                             "%s: [enclave] %s: expected '%s' or '%s', got '%.80s'",
                             source_of(config, "enclave", key), key, first, second, text);
}

/* What becomes of sandboxes without their manager. */
static int32_t take_restart(struct config *config, struct enclave_error *err)
{
    const char *state_dir = text_of(config, "enclave", "state_dir");
    double grace = 0;
    int adopt = 0;
    int32_t r;

    if ((r = take_choice(config, "on_restart", "reap", "adopt", &adopt, err)) < 0 ||
        (r = take_choice(config, "on_free", "delete", "keep", &config->keep, err)) < 0 ||
        (r = take_seconds(config, "reconnect_grace", 1, &grace, err)) < 0) {
        return r;
    }
    if (adopt && !text_of(config, "enclave", "instance")) {
        return enclave_error_set(err, ENCLAVE_ECONFIG,
                                 "%s: [enclave] on_restart = adopt needs instance = NAME, by which "
                                 "the next manager knows its sandboxes",
                                 source_of(config, "enclave", "on_restart"));
    }
    if (adopt) { /* a million seconds fit with what is added to them */
        config->lease_ms = grace < 1e6 ? (uint32_t)(grace * 1000) : 1000000000;
    }
    if (state_dir && !(config->state_dir = strdup(state_dir))) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
    }
    return 0;
}

int32_t config_check_keep(const struct config *config, int delegates, struct enclave_error *err)
{
    return config->keep && !config->lease_ms && !delegates
               ? enclave_error_set(
                     err, ENCLAVE_ECONFIG,
                     "%s: [enclave] on_free = keep needs on_restart = adopt, or a backend whose "
                     "sandboxes are another manager's: nobody else would find them again",
                     source_of(config, "enclave", "on_free"))
               : 0;
}

static int32_t take_instance(struct config *config, struct enclave_error *err)
{
    const char *instance = text_of(config, "enclave", "instance");
    if (!instance) {
        return id_random(config->instance, 12) == 0
                   ? 0
                   : enclave_error_set(err, ENCLAVE_EIO, "no random numbers for an instance name");
    }
    if (!id_valid(instance)) {
        return enclave_error_set(
            err, ENCLAVE_ECONFIG,
            "%s: [enclave] instance: expected at most 63 of a-z, 0-9, '-', '_', got '%.80s'",
            source_of(config, "enclave", "instance"), instance);
    }
    (void)snprintf(config->instance, sizeof config->instance, "%s", instance);
    return 0;
}

static int32_t take_values(struct config *config, struct enclave_error *err)
{
    double interval = 0, running = 0, stopped = 0, idle = 0;
    int32_t r;

    const char *backend = text_of(config, "enclave", "backend");
    if (!id_valid_name(backend)) {
        return enclave_error_set(
            err, ENCLAVE_ECONFIG,
            "%s: [enclave] backend: expected 'auto' or the name of a backend, got '%.80s'",
            source_of(config, "enclave", "backend"), backend);
    }
    (void)snprintf(config->backend, sizeof config->backend, "%s", backend);
    if ((r = take_seconds(config, "cleanup_interval", 0.01, &interval, err)) < 0 ||
        (r = take_seconds(config, "running_ttl", 1, &running, err)) < 0 ||
        (r = take_seconds(config, "stopped_ttl", 0, &stopped, err)) < 0 ||
        (r = take_seconds(config, "idle_ttl", 0, &idle, err)) < 0 ||
        (r = take_count(config, "max_executions", 1, 32768, &config->max_executions, err)) < 0 ||
        (r = take_count(config, "max_queued", 0, 1000000, &config->max_queued, err)) < 0 ||
        (r = take_restart(config, err)) < 0 || (r = take_instance(config, err)) < 0 ||
        (r = take_list(config, "path", &config->paths, err)) < 0 ||
        (r = take_list(config, "backends", &config->backends, err)) < 0 ||
        (r = take_list(config, "tools", &config->tools, err)) < 0 ||
        (r = check_names(config, "backends", &config->backends, err)) < 0 ||
        (r = check_names(config, "tools", &config->tools, err)) < 0) {
        return r;
    }
    config->cleanup_interval_us = (int64_t)(interval * 1e6);
    config->running_ttl_s = (int64_t)running;
    config->stopped_ttl_s = (int64_t)stopped;
    config->idle_ttl_s = (int64_t)(idle + 0.999999); /* less than a second is not 0 */
    return 0;
}

static int32_t check_program_section(const struct config *config, struct enclave_error *err)
{
    if (table_of(config->section) || strcmp(config->section, "sandbox") == 0 ||
        !id_valid_name(config->section)) {
        return enclave_error_set(err, ENCLAVE_EINVALID,
                                 "make a manager: options->section is '%.80s'; expected a word of "
                                 "a-z, 0-9, '-', '_' that is no section of the library's",
                                 config->section);
    }
    json_object *values =
        config_plugin_options(config, config->section, config->section_options, err);
    json_object_put(values);
    return values ? 0 : ENCLAVE_ECONFIG;
}

int32_t config_load(struct config *config, const struct enclave_manager_options *options,
                    struct enclave_error *err)
{
    *config = (struct config){.sandbox = json_object_new_object(),
                              .section_options = options ? options->section_options : NULL};
    (void)snprintf(config->section, sizeof config->section, "%s",
                   options && options->section ? options->section : "");
    int32_t r = config->sandbox ? config_gather(&config->settings, options, err)
                                : enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
    for (size_t i = 0; r == 0 && i < config->settings.count; i++) {
        r = check_setting(config, &config->settings.items[i], err);
    }
    if (r == 0 && config->section[0]) {
        r = check_program_section(config, err);
    }
    if (r == 0) {
        r = take_values(config, err);
    }
    if (r < 0) {
        config_free(config);
    }
    return r;
}

static void name_list_free(struct name_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->names[i]);
    }
    free(list->names);
}

void config_free(struct config *config)
{
    settings_free(&config->settings);
    free(config->state_dir);
    name_list_free(&config->paths);
    name_list_free(&config->backends);
    name_list_free(&config->tools);
    json_object_put(config->sandbox);
    *config = (struct config){0};
}

int name_list_has(const struct name_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->names[i], name) == 0) {
            return 1;
        }
    }
    return list->all;
}

json_object *config_plugin_options(const struct config *config, const char *section,
                                   const struct enclave_option *table, struct enclave_error *err)
{
    json_object *values = option_defaults(table, err);
    for (size_t i = 0; values && i < config->settings.count; i++) {
        const struct setting *s = &config->settings.items[i];
        if (strcmp(s->section, section) != 0 || !s->key[0]) {
            continue;
        }
        const struct enclave_option *option = option_find(table, s->key);
        json_object *value = NULL;
        if (!option) {
            config_unknown_key(s, option_suggest(table, s->key), err);
        } else if (!(value = option_from_text(option->type, s->value, err))) {
            config_bad_value(s, err);
        }
        if (!value || json_set(values, s->key, value) < 0) {
            json_object_put(values);
            return NULL;
        }
    }
    return values;
}

/* ------------------------------------------------------------------------------------ describing */

int32_t config_add_row(json_object *rows, const char *section, const char *key, const char *value,
                       const char *source, const char *help)
{
    json_object *row = json_object_new_object();
    if (json_set_string(row, "section", section) < 0 || json_set_string(row, "key", key) < 0 ||
        (value ? json_set_string(row, "value", value) : json_set_null(row, "value")) < 0 ||
        json_set_string(row, "source", source) < 0 ||
        json_set_string(row, "help", help ? help : "") < 0 ||
        json_object_array_add(rows, row) != 0) {
        json_object_put(row);
        return ENCLAVE_ENOMEM;
    }
    return 0;
}

int32_t config_describe_plugin(const struct config *config, const char *section,
                               const struct enclave_option *table, json_object *rows)
{
    int32_t r = 0;
    for (const struct enclave_option *o = table; r == 0 && o && o->name;
         o = option_next(table, o)) {
        const struct setting *s = settings_find(&config->settings, section, o->name);
        const char *value = s ? s->value : o->default_value;
        if (value && (o->flags & ENCLAVE_OPTION_SECRET)) {
            value = "***";
        }
        r = config_add_row(rows, section, o->name, value, s ? s->source : "default", o->help);
    }
    return r;
}

int32_t config_describe(const struct config *config, json_object *rows)
{
    int32_t r = config_describe_plugin(config, "enclave", enclave_keys, rows);
    if (r == 0) {
        r = config_describe_plugin(config, "plugins", plugins_keys, rows);
    }
    for (size_t i = 0; r == 0 && i < field_count(); i++) {
        const struct field *field = field_at(i);
        const struct setting *s = settings_find(&config->settings, "sandbox", field->name);
        const char *value = s ? s->value : field->default_json;
        char *plain = NULL;
        if (!s && value[0] == '"') { /* a default string, as it would stand in the file */
            plain = strndup(value + 1, strlen(value) - 2);
            value = plain;
        }
        if (!s && strcmp(value, "null") == 0) {
            value = NULL;
        }
        r = config_add_row(rows, "sandbox", field->name, value, s ? s->source : "default",
                           field->help);
        free(plain);
    }
    if (r == 0) {
        r = pool_config_describe(config, rows);
    }
    return r == 0 && config->section[0]
               ? config_describe_plugin(config, config->section, config->section_options, rows)
               : r;
}
