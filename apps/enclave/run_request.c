/*
 * run_request.c - see run_request.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "run_request.h"

#include "report.h"
#include "session.h"
#include "text.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VALUE_DEPTH_MAX 64

/* Add a member; takes `value`. 0, or -1 after reporting that there is no memory. */
static int put(struct json_object *object, const char *key, struct json_object *value)
{
    if (!value || json_object_object_add(object, key, value) != 0) {
        json_object_put(value);
        report_error("out of memory");
        return -1;
    }
    return 0;
}

/* Add an empty object as a member and return it (borrowed). */
static struct json_object *put_object(struct json_object *object, const char *key)
{
    struct json_object *member = json_object_new_object();

    return put(object, key, member) == 0 ? member : NULL;
}

/* ------------------------------------------------------------------------- the sandbox's config */

static int put_env(struct json_object *env, const char *setting)
{
    size_t length = strcspn(setting, "=");
    AUTO_FREE char *key = strndup(setting, length);
    const char *value = setting[length] == '=' ? setting + length + 1 : key ? getenv(key) : NULL;

    if (!key) {
        report_error("out of memory");
        return -1;
    }
    if (!value) {
        report_error("--env '%s': there is no such variable to pass on; set it, or give %s=VALUE",
                     key, key);
        return -1;
    }
    if (text_utf8_prefix(value, strlen(value)) < strlen(value)) {
        report_error("--env '%s': its value is not valid UTF-8", key);
        return -1;
    }
    return put(env, key, json_object_new_string(value));
}

/* The absolute form of a path of this machine. One that does not exist is for the library to
 * refuse, by a name that can be recognised. */
static char *absolute(const char *path)
{
    char folder[PATH_MAX];
    char *full = NULL;

    if (path[0] == '/') {
        return strdup(path);
    }
    full = realpath(path, NULL);
    if (full || !getcwd(folder, sizeof folder)) {
        return full;
    }
    return asprintf(&full, "%s/%s", folder, path) < 0 ? NULL : full;
}

static int put_volume(struct json_object *volumes, const char *volume)
{
    const char *colon = strchr(volume, ':');
    const char *target = colon ? colon + 1 : "";
    size_t length = strcspn(target, ":");
    const char *mode = target[length] == ':' ? target + length + 1 : "rw";
    AUTO_FREE char *given = colon ? strndup(volume, (size_t)(colon - volume)) : NULL;
    AUTO_FREE char *host = given ? absolute(given) : NULL;
    struct json_object *entry;

    if (!colon || colon == volume || target[0] != '/' ||
        (strcmp(mode, "ro") != 0 && strcmp(mode, "rw") != 0)) {
        report_error("--volume '%s' is not HOST:PATH[:ro], with PATH absolute", volume);
        return -1;
    }
    if (!host) {
        report_error("--volume '%s': the folder's path cannot be resolved", volume);
        return -1;
    }
    entry = put_object(volumes, host);
    return entry && put(entry, "bind", json_object_new_string_len(target, (int)length)) == 0 &&
                   put(entry, "mode", json_object_new_string(mode)) == 0
               ? 0
               : -1;
}

static int put_all(struct json_object *config, const char *key, const struct values *values,
                   int (*put_one)(struct json_object *, const char *))
{
    struct json_object *object = values->count > 0 ? put_object(config, key) : NULL;

    if (values->count > 0 && !object) {
        return -1;
    }
    for (size_t i = 0; i < values->count; i++) {
        if (put_one(object, values->items[i]) != 0) {
            return -1;
        }
    }
    return 0;
}

static int put_number(struct json_object *config, const char *key, double number)
{
    char text[32];

    (void)snprintf(text, sizeof text, "%.10g", number); /* 0.1, not 0.10000000000000001 */
    return put(config, key, json_object_new_double_s(number, text));
}

static int put_tools(struct json_object *config, const char *const *tools)
{
    struct json_object *object = put_object(config, "tools_config");

    for (; object && *tools; tools++) {
        if (!put_object(object, *tools)) {
            return -1;
        }
    }
    return object ? 0 : -1;
}

static int fill_config(struct json_object *config, const struct run_options *options,
                       const char *const *tools)
{
    if (put_tools(config, tools) != 0) {
        return -1;
    }
    if (options->sandbox_timeout_ms >= 0 &&
        put_number(config, "timeout", (double)options->sandbox_timeout_ms / 1000) != 0) {
        return -1;
    }
    if (options->image && put(config, "image", json_object_new_string(options->image)) != 0) {
        return -1;
    }
    if (options->memory &&
        put(config, "memory_limit", json_object_new_string(options->memory)) != 0) {
        return -1;
    }
    if (options->cpus > 0 && put_number(config, "cpu_limit", options->cpus) != 0) {
        return -1;
    }
    if (options->network && put(config, "network_enabled", json_object_new_boolean(1)) != 0) {
        return -1;
    }
    return put_all(config, "env_vars", &options->env, put_env) == 0 &&
                   put_all(config, "volumes", &options->volumes, put_volume) == 0
               ? 0
               : -1;
}

struct json_object *run_request_config(const struct run_options *options, const char *const *tools)
{
    struct json_object *config = json_object_new_object();

    if (!config) {
        report_error("out of memory");
        return NULL;
    }
    if (fill_config(config, options, tools) != 0) {
        json_object_put(config);
        return NULL;
    }
    return config;
}

/* ------------------------------------------------------------------------ the tool's parameters */

/* JSON types that a schema allows. */
enum {
    TYPE_STRING = 1 << 0,
    TYPE_INTEGER = 1 << 1,
    TYPE_NUMBER = 1 << 2,
    TYPE_BOOLEAN = 1 << 3,
    TYPE_ARRAY = 1 << 4,
    TYPE_OBJECT = 1 << 5
};

static const struct {
    const char *name;
    const char *text;
    unsigned bit;
} types[] = {
    {"string", "text", TYPE_STRING},       {"integer", "an integer", TYPE_INTEGER},
    {"number", "a number", TYPE_NUMBER},   {"boolean", "true or false", TYPE_BOOLEAN},
    {"array", "a JSON array", TYPE_ARRAY}, {"object", "a JSON object", TYPE_OBJECT},
};

static unsigned type_bit(struct json_object *name)
{
    const char *text = json_object_get_string(name);

    for (size_t i = 0; text && i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(types[i].name, text) == 0) {
            return types[i].bit;
        }
    }
    return 0;
}

/* What "type" names: one, or a list of them. */
static unsigned own_types(struct json_object *schema)
{
    struct json_object *type = NULL;
    unsigned bits = 0;

    json_object_object_get_ex(schema, "type", &type);
    if (!json_object_is_type(type, json_type_array)) {
        return type ? type_bit(type) : 0;
    }
    for (size_t i = 0; i < json_object_array_length(type); i++) {
        bits |= type_bit(json_object_array_get_idx(type, i));
    }
    return bits;
}

/* All types of a property's schema. One that names none is taken as text. */
static unsigned allowed_types(struct json_object *schema)
{
    static const char *const unions[] = {"anyOf", "oneOf"};
    unsigned bits;

    if (!json_object_is_type(schema, json_type_object)) {
        return TYPE_STRING;
    }
    bits = own_types(schema);
    for (size_t u = 0; u < 2; u++) {
        struct json_object *list = NULL;
        json_object_object_get_ex(schema, unions[u], &list);
        if (!json_object_is_type(list, json_type_array)) {
            continue;
        }
        for (size_t i = 0; i < json_object_array_length(list); i++) {
            struct json_object *one = json_object_array_get_idx(list, i);
            bits |= json_object_is_type(one, json_type_object) ? own_types(one) : 0;
        }
    }
    return bits ? bits : TYPE_STRING;
}

static unsigned type_of(struct json_object *value)
{
    switch (json_object_get_type(value)) {
    case json_type_int:
        return TYPE_INTEGER | TYPE_NUMBER;
    case json_type_double:
        return TYPE_NUMBER;
    case json_type_boolean:
        return TYPE_BOOLEAN;
    case json_type_array:
        return TYPE_ARRAY;
    case json_type_object:
        return TYPE_OBJECT;
    case json_type_string: /* text is taken as it is, not in quotes */
    case json_type_null:
    default:
        return 0;
    }
}

/* `text` as one JSON value and nothing behind it, NULL when it is not. */
static struct json_object *parse_json(const char *text)
{
    struct json_tokener *tokener = json_tokener_new_ex(VALUE_DEPTH_MAX);
    struct json_object *value;
    size_t length = strlen(text);

    if (!tokener || length >= INT_MAX) {
        json_tokener_free(tokener);
        return NULL;
    }
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
    value = json_tokener_parse_ex(tokener, text, (int)length + 1); /* the NUL ends a number */
    if (json_tokener_get_error(tokener) != json_tokener_success ||
        json_tokener_get_parse_end(tokener) < length) {
        json_object_put(value);
        value = NULL;
    }
    json_tokener_free(tokener);
    return value;
}

static struct json_object *complain_type(const char *name, const char *text, unsigned allowed)
{
    const char *wanted = "something else";

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (allowed & types[i].bit) {
            wanted = types[i].text;
            break;
        }
    }
    report_error("--param %s: '%.60s' is not %s", name, text, wanted);
    return NULL;
}

/* `--param NAME=TEXT` as the JSON value that the schema wants. */
static struct json_object *convert(const char *name, const char *text, struct json_object *schema)
{
    unsigned allowed = allowed_types(schema);
    struct json_object *value = NULL;

    if (allowed != TYPE_STRING) {
        value = parse_json(text);
        if (type_of(value) & allowed) {
            return value;
        }
        json_object_put(value);
    }
    if (!(allowed & TYPE_STRING)) {
        return complain_type(name, text, allowed);
    }
    value = json_object_new_string(text);
    if (!value) {
        report_error("out of memory");
    }
    return value;
}

/* The first required parameter that may be text, in the schema's order; NULL when none is. */
static const char *main_parameter(struct json_object *parameters)
{
    struct json_object *required = json_member(parameters, "required");
    struct json_object *properties = json_member(parameters, "properties");

    if (!json_object_is_type(required, json_type_array)) {
        return NULL;
    }
    for (size_t i = 0; i < json_object_array_length(required); i++) {
        const char *name = json_object_get_string(json_object_array_get_idx(required, i));
        if (name && (allowed_types(json_member(properties, name)) & TYPE_STRING)) {
            return name;
        }
    }
    return NULL;
}

static int put_code(struct json_object *params, const struct run_options *options,
                    struct json_object *parameters)
{
    const char *name = run_main_parameter(options->tool);

    name = name ? name : main_parameter(parameters);
    if (!name) {
        report_error("tool '%s' has no parameter that CODE could be; use --param KEY=VALUE",
                     options->tool);
        return -1;
    }
    if (run_options_param(options, name)) {
        report_error("both CODE and --param %s given; give one of them", name);
        return -1;
    }
    return put(params, name,
               json_object_new_string_len(options->code.data, (int)options->code.length));
}

static int put_param(struct json_object *params, const char *param, struct json_object *properties)
{
    AUTO_FREE char *name = strndup(param, strcspn(param, "="));
    struct json_object *value;

    if (!name) {
        report_error("out of memory");
        return -1;
    }
    if (json_object_object_get_ex(params, name, NULL)) {
        report_error("--param %s is given twice", name);
        return -1;
    }
    /* One that the schema does not know goes as text: the library has the words for it. */
    value = convert(name, param + strlen(name) + 1, json_member(properties, name));
    return value ? put(params, name, value) : -1;
}

bool run_request_needs_schema(const struct run_options *options)
{
    return options->params.count > 0 || (options->code.data && !run_main_parameter(options->tool));
}

struct json_object *run_request_params(const struct run_options *options, struct json_object *tools)
{
    struct json_object *parameters =
        json_member(json_member(json_member(tools, options->tool), "function"), "parameters");
    struct json_object *properties = json_member(parameters, "properties");
    struct json_object *params = json_object_new_object();

    if (!params) {
        report_error("out of memory");
        return NULL;
    }
    for (size_t i = 0; i < options->params.count; i++) {
        if (put_param(params, options->params.items[i], properties) != 0) {
            goto failed;
        }
    }
    if (!options->code.data || put_code(params, options, parameters) == 0) {
        return params;
    }
failed:
    json_object_put(params);
    return NULL;
}
