/*
 * tool_json.c - see tool_json.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tool_json.h"

#include <stdlib.h>
#include <string.h>

struct json_object *tool_json_parse(const char *text, const char *what, struct enclave_error *err)
{
    struct json_object *object = json_tokener_parse(text);

    if (!json_object_is_type(object, json_type_object)) {
        json_object_put(object);
        enclave_error_set(err, ENCLAVE_EINVALID, "%s: not a JSON object", what);
        return NULL;
    }
    return object;
}

void tool_json_drop(struct json_object **object)
{
    json_object_put(*object);
}

static struct json_object *member(struct json_object *object, const char *key, json_type type)
{
    struct json_object *value = NULL;

    if (!json_object_object_get_ex(object, key, &value) || !json_object_is_type(value, type)) {
        return NULL;
    }
    return value;
}

bool tool_json_bool(struct json_object *object, const char *key, bool fallback)
{
    struct json_object *value = member(object, key, json_type_boolean);

    return value ? json_object_get_boolean(value) : fallback;
}

uint64_t tool_json_size(struct json_object *object, const char *key, uint64_t fallback)
{
    struct json_object *value = member(object, key, json_type_int);

    return value ? json_object_get_uint64(value) : fallback;
}

static struct tool_text text_of(struct json_object *value)
{
    return (struct tool_text){json_object_get_string(value),
                              (size_t)json_object_get_string_len(value)};
}

struct tool_text tool_json_text(struct json_object *object, const char *key)
{
    struct json_object *value = member(object, key, json_type_string);

    return value ? text_of(value) : (struct tool_text){NULL, 0};
}

static int32_t c_string(struct tool_text text, const char *key, const char **ret,
                        struct enclave_error *err)
{
    if (memchr(text.data, '\0', text.length)) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "'%s' contains a NUL character", key);
    }
    *ret = text.data;
    return 0;
}

int32_t tool_json_string(struct json_object *object, const char *key, const char **ret,
                         struct enclave_error *err)
{
    struct tool_text text = tool_json_text(object, key);

    if (!text.data) {
        *ret = NULL;
        return 0;
    }
    return c_string(text, key, ret, err);
}

static int32_t fill_list(struct json_object *array, const char *key, size_t count,
                         const char **list, struct enclave_error *err)
{
    for (size_t i = 0; i < count; i++) {
        struct json_object *value = json_object_array_get_idx(array, i);
        int32_t rc;

        if (!json_object_is_type(value, json_type_string)) {
            return enclave_error_set(err, ENCLAVE_EINVALID, "'%s' holds what is not a string", key);
        }
        rc = c_string(text_of(value), key, &list[i], err);
        if (rc < 0) {
            return rc;
        }
    }
    return 0;
}

int32_t tool_json_list(struct json_object *object, const char *key, const char ***ret,
                       struct enclave_error *err)
{
    struct json_object *array = member(object, key, json_type_array);
    size_t count = array ? json_object_array_length(array) : 0;
    const char **list;
    int32_t rc;

    if (count == 0) {
        *ret = NULL;
        return 0;
    }
    list = calloc(count + 1, sizeof *list);
    if (!list) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "read '%s': out of memory", key);
    }
    rc = fill_list(array, key, count, list, err);
    if (rc < 0) {
        free(list);
        return rc;
    }
    *ret = list;
    return 0;
}

int32_t tool_limits_read(struct json_object *options, struct tool_limits *ret,
                         struct enclave_error *err)
{
    const char *action = NULL;
    int32_t rc = tool_json_string(options, "on_output_limit", &action, err);

    if (rc < 0) {
        return rc;
    }
    if (action && strcmp(action, "truncate") != 0 && strcmp(action, "kill") != 0) {
        return enclave_error_set(err, ENCLAVE_EINVALID,
                                 "option on_output_limit is '%s'; expected truncate or kill",
                                 action);
    }
    ret->max_output = tool_json_size(options, "max_output_size", 0);
    ret->flags = action && strcmp(action, "kill") == 0 ? ENCLAVE_COMMAND_KILL_ON_LIMIT : 0;
    return 0;
}

bool tool_text_is_blank(struct tool_text text)
{
    for (size_t i = 0; i < text.length; i++) {
        if (!strchr(" \t\r\n\v\f", text.data[i]) || text.data[i] == '\0') {
            return false;
        }
    }
    return true;
}
