/*
 * json_build.h - build and read JSON without a check after every line: what is put into an object
 * is owned by it, or freed, and a failure is remembered in one flag. Owns nothing.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_LOCAL_JSON_BUILD_H
#define ENCLAVE_LOCAL_JSON_BUILD_H

#include <enclave/error.h>
#include <enclave/types.h>

#include <json-c/json.h>
#include <stddef.h>
#include <stdint.h>

static inline void json_putp(json_object **json)
{
    json_object_put(*json);
}

#define JSON_CLEANUP __attribute__((cleanup(json_putp)))

/* Put `value`, which it takes over, into `object`; without memory `*failed` becomes 1. */
static inline void json_add(json_object *object, const char *key, json_object *value, int *failed)
{
    if (!object || !value || json_object_object_add(object, key, value) != 0) {
        json_object_put(value);
        *failed = 1;
    }
}

static inline void json_add_string(json_object *object, const char *key, const char *value,
                                   int *failed)
{
    json_add(object, key, json_object_new_string(value), failed);
}

static inline void json_add_int(json_object *object, const char *key, uint64_t value, int *failed)
{
    json_add(object, key, json_object_new_int64((int64_t)value), failed);
}

static inline void json_add_bool(json_object *object, const char *key, int value, int *failed)
{
    json_add(object, key, json_object_new_boolean(value), failed);
}

static inline void json_append(json_object *array, json_object *value, int *failed)
{
    if (!array || !value || json_object_array_add(array, value) != 0) {
        json_object_put(value);
        *failed = 1;
    }
}

static inline void json_append_string(json_object *array, const char *value, int *failed)
{
    json_append(array, json_object_new_string(value), failed);
}

/* The member of `object`, or NULL when it is absent, null, or `object` is no object. */
static inline json_object *json_member(json_object *object, const char *key)
{
    json_object *value = NULL;

    if (!json_object_is_type(object, json_type_object) ||
        !json_object_object_get_ex(object, key, &value)) {
        return NULL;
    }
    return value;
}

/* The text of a string member, else `fallback`. Borrowed from `object`. */
static inline const char *json_text(json_object *object, const char *key, const char *fallback)
{
    json_object *value = json_member(object, key);

    return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : fallback;
}

/* Give an object to a sink, which may be NULL. Errors: NOMEM, also for an object that could not be made; the
 * sink's. */
static inline int32_t json_report(json_object *object, const struct enclave_sink *sink,
                                  struct enclave_error *err)
{
    size_t length;
    const char *text;

    if (!sink || !sink->write) {
        return 0;
    }
    text = object ? json_object_to_json_string_length(
                        object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &length)
                  : NULL;
    return text ? sink->write(sink->ctx, text, length)
                : enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
}

#endif
