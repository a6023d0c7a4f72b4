/*
 * schema.c - see schema.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "schema.h"

#include "json.h"
#include "options.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static int has_type(json_object *value, const char *type)
{
    json_type got = json_object_get_type(value);
    if (strcmp(type, "string") == 0) {
        return got == json_type_string;
    }
    if (strcmp(type, "integer") == 0) {
        return got == json_type_int ||
               (got == json_type_double && isfinite(json_object_get_double(value)) &&
                floor(json_object_get_double(value)) == json_object_get_double(value));
    }
    if (strcmp(type, "number") == 0) {
        return got == json_type_int || got == json_type_double;
    }
    if (strcmp(type, "boolean") == 0) {
        return got == json_type_boolean;
    }
    if (strcmp(type, "array") == 0) {
        return got == json_type_array;
    }
    if (strcmp(type, "object") == 0) {
        return got == json_type_object;
    }
    return strcmp(type, "null") == 0 && got == json_type_null;
}

static int32_t check_type(json_object *type, json_object *value, const char *where,
                          struct enclave_error *err)
{
    char expected[160] = "";
    size_t n = 0, count = 1;

    if (json_object_is_type(type, json_type_array)) {
        count = json_object_array_length(type);
    }
    for (size_t i = 0; i < count; i++) {
        json_object *one =
            json_object_is_type(type, json_type_array) ? json_object_array_get_idx(type, i) : type;
        const char *word = json_object_get_string(one);
        if (!word || has_type(value, word)) {
            return 0;
        }
        if (n < sizeof expected) {
            n += (size_t)snprintf(expected + n, sizeof expected - n, "%s%s", i ? " or " : "", word);
        }
    }
    return enclave_error_set(err, ENCLAVE_EINVALID, "%s: expected %s, got %s", where, expected,
                             json_type_word(value));
}

static int32_t check_enum(json_object *allowed, json_object *value, const char *where,
                          struct enclave_error *err)
{
    for (size_t i = 0; i < json_object_array_length(allowed); i++) {
        if (json_object_equal(json_object_array_get_idx(allowed, i), value)) {
            return 0;
        }
    }
    return enclave_error_set(err, ENCLAVE_EINVALID, "%s: expected one of %.200s", where,
                             json_object_to_json_string(allowed));
}

static int32_t check_value(json_object *schema, json_object *value, const char *where,
                           struct enclave_error *err);

static int32_t check_items(json_object *schema, json_object *array, const char *where,
                           struct enclave_error *err)
{
    for (size_t i = 0; i < json_object_array_length(array); i++) {
        char item[256];
        (void)snprintf(item, sizeof item, "%s[%zu]", where, i);
        int32_t r = check_value(schema, json_object_array_get_idx(array, i), item, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int32_t check_number(json_object *schema, json_object *value, const char *where,
                            struct enclave_error *err)
{
    json_object *bound;
    if (json_object_object_get_ex(schema, "minimum", &bound) &&
        json_object_get_double(value) < json_object_get_double(bound)) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "%s: expected at least %s, got %s", where,
                                 json_object_to_json_string(bound),
                                 json_object_to_json_string(value));
    }
    if (json_object_object_get_ex(schema, "maximum", &bound) &&
        json_object_get_double(value) > json_object_get_double(bound)) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "%s: expected at most %s, got %s", where,
                                 json_object_to_json_string(bound),
                                 json_object_to_json_string(value));
    }
    return 0;
}

static int32_t check_members(json_object *schema, json_object *object, const char *prefix,
                             struct enclave_error *err);

static int32_t check_value(json_object *schema, json_object *value, const char *where,
                           struct enclave_error *err)
{
    json_object *keyword;
    int32_t r = 0;

    if (json_object_object_get_ex(schema, "type", &keyword) &&
        (r = check_type(keyword, value, where, err)) < 0) {
        return r;
    }
    if (json_object_object_get_ex(schema, "enum", &keyword) &&
        (r = check_enum(keyword, value, where, err)) < 0) {
        return r;
    }
    switch (json_object_get_type(value)) {
    case json_type_int:
    case json_type_double:
        return check_number(schema, value, where, err);
    case json_type_string:
        if (json_object_object_get_ex(schema, "minLength", &keyword) &&
            json_object_get_string_len(value) < json_object_get_int(keyword)) {
            return enclave_error_set(err, ENCLAVE_EINVALID, "%s: too short", where);
        }
        return 0;
    case json_type_array:
        return json_object_object_get_ex(schema, "items", &keyword)
                   ? check_items(keyword, value, where, err)
                   : 0;
    case json_type_object:
        return json_object_object_get_ex(schema, "properties", NULL)
                   ? check_members(schema, value, where, err)
                   : 0;
    case json_type_null:
    case json_type_boolean:
        break;
    }
    return 0;
}

static int32_t refuse_unknown(json_object *properties, const char *name, const char *prefix,
                              struct enclave_error *err)
{
    const char *near = NULL;
    if (properties) {
        json_object_object_foreach(properties, known, unused)
        {
            (void)unused;
            near = !near && option_similar(name, known) ? known : near;
        }
    }
    return enclave_error_set(err, ENCLAVE_EINVALID, "unknown parameter '%s%s%.80s'%s%s%s", prefix,
                             *prefix ? "." : "", name, near ? "; did you mean '" : "",
                             near ? near : "", near ? "'?" : "");
}

/* A property, its name and place. `additional` is what the schema says of unknown ones. */
static int32_t check_member(json_object *properties, json_object *additional, const char *name,
                            json_object *member, const char *prefix, struct enclave_error *err)
{
    json_object *schema = NULL;
    char where[256];
    (void)snprintf(where, sizeof where, *prefix ? "%s.%.80s" : "%sparameter '%.80s'", prefix, name);
    if (properties && json_object_object_get_ex(properties, name, &schema)) {
        return check_value(schema, member, where, err);
    }
    if (json_object_is_type(additional, json_type_object)) {
        return check_value(additional, member, where, err);
    }
    return json_object_get_boolean(additional) ? 0 : refuse_unknown(properties, name, prefix, err);
}

static int32_t check_members(json_object *schema, json_object *object, const char *prefix,
                             struct enclave_error *err)
{
    json_object *properties = json_object_object_get(schema, "properties");
    json_object *additional = json_object_object_get(schema, "additionalProperties");
    json_object *required = json_object_object_get(schema, "required");

    json_object_object_foreach(object, name, member)
    {
        int32_t r = check_member(properties, additional, name, member, prefix, err);
        if (r < 0) {
            return r;
        }
    }
    for (size_t i = 0; required && i < json_object_array_length(required); i++) {
        const char *wanted = json_object_get_string(json_object_array_get_idx(required, i));
        if (!json_object_object_get_ex(object, wanted, NULL)) {
            return enclave_error_set(err, ENCLAVE_EINVALID, "parameter '%s%s%s' is missing", prefix,
                                     *prefix ? "." : "", wanted);
        }
    }
    return 0;
}

int32_t schema_check(json_object *schema, json_object *params, struct enclave_error *err)
{
    return check_members(schema, params, "", err);
}
