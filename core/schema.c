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
    JSON_AUTO copy = json_copy(allowed); /* writing it as text changes it; other threads read it */
    return enclave_error_set(err, ENCLAVE_EINVALID, "%s: expected one of %.200s", where,
                             json_object_to_json_string(copy));
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

static int32_t out_of_bounds(const char *how, json_object *bound, json_object *value,
                             const char *where, struct enclave_error *err)
{
    JSON_AUTO copy = json_copy(bound); /* as in check_enum() */
    return enclave_error_set(err, ENCLAVE_EINVALID, "%s: expected %s %s, got %s", where, how,
                             json_object_to_json_string(copy), json_object_to_json_string(value));
}

static int32_t check_number(json_object *schema, json_object *value, const char *where,
                            struct enclave_error *err)
{
    json_object *bound;
    if (json_object_object_get_ex(schema, "minimum", &bound) &&
        json_object_get_double(value) < json_object_get_double(bound)) {
        return out_of_bounds("at least", bound, value, where, err);
    }
    if (json_object_object_get_ex(schema, "maximum", &bound) &&
        json_object_get_double(value) > json_object_get_double(bound)) {
        return out_of_bounds("at most", bound, value, where, err);
    }
    return 0;
}

/* In characters, as JSON Schema counts. */
static int32_t check_length(json_object *schema, json_object *value, const char *where,
                            struct enclave_error *err)
{
    json_object *minimum;
    const char *text = json_object_get_string(value);
    int length = json_object_get_string_len(value), characters = 0;

    if (!json_object_object_get_ex(schema, "minLength", &minimum)) {
        return 0;
    }
    for (int i = 0; i < length; i++) {
        characters += ((unsigned char)text[i] & 0xc0) != 0x80;
    }
    return characters >= json_object_get_int(minimum)
               ? 0
               : enclave_error_set(err, ENCLAVE_EINVALID, "%s: too short", where);
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
        return check_length(schema, value, where, err);
    case json_type_array:
        return json_object_object_get_ex(schema, "items", &keyword)
                   ? check_items(keyword, value, where, err)
                   : 0;
    case json_type_object:
        return check_members(schema, value, where, err);
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
    /* A nested object of which the schema says nothing may have any members. */
    int open = *prefix && !properties && !additional;

    json_object_object_foreach(object, name, member)
    {
        if (open) {
            break;
        }
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

/* ------------------------------------------------------------------------------ the schema itself */

static int is_type_name(json_object *type)
{
    static const char *const names[] = {"string", "integer", "number", "boolean",
                                        "array",  "object",  "null"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (json_object_is_type(type, json_type_string) &&
            strcmp(json_object_get_string(type), names[i]) == 0) {
            return 1;
        }
    }
    return 0;
}

static int is_list_of(json_object *list, int (*fits)(json_object *))
{
    if (!json_object_is_type(list, json_type_array)) {
        return 0;
    }
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        if (!fits(json_object_array_get_idx(list, i))) {
            return 0;
        }
    }
    return 1;
}

static int is_type(json_object *type)
{
    return is_type_name(type) ||
           (is_list_of(type, is_type_name) && json_object_array_length(type) > 0);
}

static int is_string(json_object *value)
{
    return json_object_is_type(value, json_type_string);
}

static int is_names(json_object *value)
{
    return is_list_of(value, is_string);
}

static int is_array(json_object *value)
{
    return json_object_is_type(value, json_type_array);
}

static int is_object(json_object *value)
{
    return json_object_is_type(value, json_type_object);
}

static int is_open(json_object *value)
{
    return json_object_is_type(value, json_type_boolean) || is_object(value);
}

static int is_number(json_object *value)
{
    return has_type(value, "number");
}

static int is_count(json_object *value)
{
    return json_object_is_type(value, json_type_int);
}

static const struct {
    const char *name;
    int (*fits)(json_object *value);
} keywords[] = {
    {"type", is_type},      {"enum", is_array},     {"properties", is_object},
    {"required", is_names}, {"items", is_object},   {"additionalProperties", is_open},
    {"minimum", is_number}, {"maximum", is_number}, {"minLength", is_count},
};

int32_t schema_validate(json_object *schema, struct enclave_error *err)
{
    json_object *part = NULL;
    int32_t r = 0;

    if (!is_object(schema)) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "a schema is not an object");
    }
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++) {
        if (json_object_object_get_ex(schema, keywords[i].name, &part) && !keywords[i].fits(part)) {
            return enclave_error_set(err, ENCLAVE_EINVALID, "a schema has a bad '%s'",
                                     keywords[i].name);
        }
    }
    if (json_object_object_get_ex(schema, "properties", &part)) {
        json_object_object_foreach(part, name, member)
        {
            (void)name;
            r = r < 0 ? r : schema_validate(member, err);
        }
    }
    if (r == 0 && json_object_object_get_ex(schema, "items", &part)) {
        r = schema_validate(part, err);
    }
    if (r == 0 && json_object_object_get_ex(schema, "additionalProperties", &part) &&
        is_object(part)) {
        r = schema_validate(part, err);
    }
    return r;
}
