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
#include "utf8.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
    ENCLAVE_OPTION("on_free", ENCLAVE_OPTION_STRING, "delete",
                   "what happens to the sandboxes when the manager ends"),
    ENCLAVE_OPTION("on_restart", ENCLAVE_OPTION_STRING, "reap",
                   "what happens to the sandboxes of a manager that died"),
    ENCLAVE_OPTION("instance", ENCLAVE_OPTION_STRING, NULL,
                   "name of this manager in the labels of its sandboxes; made up unless set"),
    ENCLAVE_OPTION_END,
};

static const struct enclave_option plugins_keys[] = {
    ENCLAVE_OPTION("path", ENCLAVE_OPTION_LIST, NULL, "folders with plugins, the first wins"),
    ENCLAVE_OPTION("backends", ENCLAVE_OPTION_LIST, "*", "backends to load; *: all that are found"),
    ENCLAVE_OPTION("tools", ENCLAVE_OPTION_LIST, "*", "tools to load; *: all that are found"),
    ENCLAVE_OPTION_END,
};

/* ---------------------------------------------------------------------------- where it comes from */

/* The folder `enclave` beside the library: right for an installation and for a build tree. */
static int32_t default_plugin_path(struct settings *settings, struct enclave_error *err)
{
    Dl_info info;
    char path[4096] = ENCLAVE_PLUGIN_DIR;

    if (dladdr((const void *)enclave_version, &info) && info.dli_fname &&
        strchr(info.dli_fname, '/')) {
        char *real = realpath(info.dli_fname, NULL);
        char *slash = real ? strrchr(real, '/') : NULL;
        if (slash && (size_t)(slash - real) + sizeof "/enclave" <= sizeof path) {
            (void)snprintf(path, sizeof path, "%.*s/enclave", (int)(slash - real), real);
        }
        free(real);
        if (access(path, X_OK) != 0) {
            (void)snprintf(path, sizeof path, "%s", ENCLAVE_PLUGIN_DIR);
        }
    }
    return settings_add(settings, "plugins", "path", path, "default", 0, err);
}

static int32_t read_if_there(struct settings *settings, const char *folder, const char *below,
                             int *ret_found, struct enclave_error *err)
{
    char path[4096];
    if (*ret_found || !folder || folder[0] != '/' ||
        snprintf(path, sizeof path, "%s%s/enclave.ini", folder, below) >= (int)sizeof path ||
        access(path, F_OK) != 0) {
        return 0;
    }
    *ret_found = 1;
    return settings_read_file(settings, path, err);
}

static int32_t read_files(struct settings *settings, const char *path, struct enclave_error *err)
{
    int found = 0;
    int32_t r = 0;

    if (!path) {
        path = getenv("ENCLAVE_CONFIG");
    }
    if (path) {
        return *path ? settings_read_file(settings, path, err) : 0;
    }
    const char *xdg = getenv("XDG_CONFIG_HOME");
    if (xdg && *xdg) {
        r = read_if_there(settings, xdg, "/enclave", &found, err);
    } else {
        r = read_if_there(settings, getenv("HOME"), "/.config/enclave", &found, err);
    }
    if (r == 0) {
        r = read_if_there(settings, ENCLAVE_SYSCONF_DIR, "", &found, err);
    }
    if (r == 0) {
        r = read_if_there(settings, "/etc/enclave", "", &found, err);
    }
    return r;
}

static int32_t apply_environment(struct settings *settings, struct enclave_error *err)
{
    const char *path = getenv("ENCLAVE_PLUGIN_PATH");
    if (!path || !*path) {
        return 0;
    }
    char *list = strdup(path);
    if (!list) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
    }
    for (char *c = list; *c; c++) { /* colons, as in every PATH */
        *c = *c == ':' ? ',' : *c;
    }
    int32_t r = settings_add(settings, "plugins", "path", list, "environment", 1, err);
    free(list);
    return r;
}

/* "SECTION.KEY=VALUE"; the section may hold spaces, the key no dot. */
static int32_t apply_override(struct settings *settings, const char *text,
                              struct enclave_error *err)
{
    if (utf8_valid_prefix(text, strlen(text)) < strlen(text)) {
        return enclave_error_set(err, ENCLAVE_ECONFIG, "option: not valid UTF-8 at byte %zu",
                                 utf8_valid_prefix(text, strlen(text)));
    }
    const char *equals = strchr(text, '=');
    const char *dot = equals ? memrchr(text, '.', (size_t)(equals - text)) : NULL;
    if (!dot || dot == text || dot + 1 == equals) {
        return enclave_error_set(err, ENCLAVE_ECONFIG, "option '%.80s': expected SECTION.KEY=VALUE",
                                 text);
    }
    char *section = strndup(text, (size_t)(dot - text));
    char *key = strndup(dot + 1, (size_t)(equals - dot - 1));
    int32_t r = ENCLAVE_ENOMEM;
    if (section && key) {
        r = settings_add(settings, section, key, equals + 1, "option", 1, err);
    } else {
        enclave_error_set(err, r, "out of memory");
    }
    free(section);
    free(key);
    return r;
}

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

static int32_t unknown_key(const struct setting *s, const char *near, struct enclave_error *err)
{
    return enclave_error_set(err, ENCLAVE_ECONFIG, "%s: unknown key '%s' in [%s]%s%s%s", s->source,
                             s->key, s->section, near ? "; did you mean '" : "", near ? near : "",
                             near ? "'?" : "; 'enclave config' lists the keys");
}

/* The place in front of what was wrong with the value. */
static int32_t bad_value(const struct setting *s, struct enclave_error *err)
{
    return enclave_error_prefix(err, ENCLAVE_ECONFIG, "%s: [%s] %s: ", s->source, s->section,
                                s->key);
}

static int32_t check_sandbox_setting(struct config *config, const struct setting *s,
                                     struct enclave_error *err)
{
    const struct field *field = field_find(s->key);
    if (!field) {
        const char *near = NULL;
        for (size_t i = 0; i < field_count() && !near; i++) {
            near = option_similar(s->key, field_at(i)->name) ? field_at(i)->name : NULL;
        }
        return unknown_key(s, near, err);
    }
    json_object *value = field_from_text(field, s->value, err);
    if (!value) {
        return bad_value(s, err);
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
    const struct enclave_option *table = table_of(s->section);
    if (!table) {
        return enclave_error_set(
            err, ENCLAVE_ECONFIG,
            "%s: unknown section [%s]; expected [enclave], [plugins], [sandbox], "
            "[backend NAME] or [tool NAME]",
            s->source, s->section);
    }
    if (!s->key[0]) {
        return 0;
    }
    const struct enclave_option *option = option_find(table, s->key);
    if (!option) {
        return unknown_key(s, option_suggest(table, s->key), err);
    }
    json_object *value = option_from_text(option->type, s->value, err);
    if (!value) {
        return bad_value(s, err);
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

/* A key that has, in this version, one value only. */
static int32_t expect_only(const struct config *config, const char *key, const char *only,
                           struct enclave_error *err)
{
    const char *text = text_of(config, "enclave", key);
    if (strcmp(text, only) == 0) {
        return 0;
    }
    return enclave_error_set(
        err, ENCLAVE_ECONFIG,
        "%s: [enclave] %s: expected '%s', the only choice of this version, got '%s'",
        source_of(config, "enclave", key), key, only, text);
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
    double interval = 0, running = 0, stopped = 0;
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
        (r = expect_only(config, "on_free", "delete", err)) < 0 ||
        (r = expect_only(config, "on_restart", "reap", err)) < 0 ||
        (r = take_instance(config, err)) < 0 ||
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
    return 0;
}

static int32_t gather(struct config *config, const struct enclave_manager_options *options,
                      struct enclave_error *err)
{
    int32_t r = read_files(&config->settings, options ? options->config_path : NULL, err);
    if (r == 0) {
        r = apply_environment(&config->settings, err);
    }
    for (const char *const *o = options ? options->overrides : NULL; r == 0 && o && *o; o++) {
        r = apply_override(&config->settings, *o, err);
    }
    if (r == 0 && !settings_find(&config->settings, "plugins", "path")) {
        r = default_plugin_path(&config->settings, err);
    }
    return r;
}

int32_t config_load(struct config *config, const struct enclave_manager_options *options,
                    struct enclave_error *err)
{
    *config = (struct config){.sandbox = json_object_new_object()};
    int32_t r = config->sandbox ? gather(config, options, err)
                                : enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
    for (size_t i = 0; r == 0 && i < config->settings.count; i++) {
        r = check_setting(config, &config->settings.items[i], err);
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
            unknown_key(s, option_suggest(table, s->key), err);
        } else if (!(value = option_from_text(option->type, s->value, err))) {
            bad_value(s, err);
        }
        if (!value || json_set(values, s->key, value) < 0) {
            json_object_put(values);
            return NULL;
        }
    }
    return values;
}

/* ------------------------------------------------------------------------------------ describing */

static int32_t add_row(json_object *rows, const char *section, const char *key, const char *value,
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
        r = add_row(rows, section, o->name, value, s ? s->source : "default", o->help);
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
        r = add_row(rows, "sandbox", field->name, value, s ? s->source : "default", field->help);
        free(plain);
    }
    return r;
}
