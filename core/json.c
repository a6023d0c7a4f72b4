/*
 * json.c - see json.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "json.h"

#include "utf8.h"

#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void free_tokener(json_tokener **tokener)
{
    if (*tokener) {
        json_tokener_free(*tokener);
    }
}

/* json-c takes NaN, Infinity and 1e999, none of which a reader of our JSON could take. */
static int all_finite(json_object *value)
{
    if (json_object_is_type(value, json_type_double)) {
        return isfinite(json_object_get_double(value));
    }
    if (json_object_is_type(value, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(value); i++) {
            if (!all_finite(json_object_array_get_idx(value, i))) {
                return 0;
            }
        }
    }
    if (json_object_is_type(value, json_type_object)) {
        json_object_object_foreach(value, key, member)
        {
            (void)key;
            if (!all_finite(member)) {
                return 0;
            }
        }
    }
    return 1;
}

/* Levels that a tokener needs for a text, at most `limit`. It clears memory for each, which for a short text
 * costs more than parsing it. */
static int depth_of(const char *text, size_t length, int limit)
{
    int depth = 2;
    for (size_t i = 0; i < length && depth < limit; i++) {
        depth += text[i] == '{' || text[i] == '[';
    }
    return depth;
}

json_object *json_parse(const char *text, size_t length, const char *what,
                        struct enclave_error *err)
{
    if (length > JSON_TEXT_MAX) {
        enclave_error_set(err, ENCLAVE_ETOOBIG, "%s: %zu bytes of JSON; at most %u are accepted",
                          what, length, JSON_TEXT_MAX);
        return NULL;
    }
    size_t valid = utf8_valid_prefix(text, length);
    if (valid < length) {
        enclave_error_set(err, ENCLAVE_EINVALID, "%s: not valid UTF-8 at byte %zu", what, valid);
        return NULL;
    }
    __attribute__((cleanup(free_tokener))) json_tokener *tokener =
        json_tokener_new_ex(depth_of(text, length, JSON_DEPTH_MAX));
    if (!tokener) {
        enclave_error_set(err, ENCLAVE_ENOMEM, "%s: out of memory", what);
        return NULL;
    }
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
    /* With its NUL, so that a number at the very end is known to be complete. */
    json_object *value = json_tokener_parse_ex(tokener, text, (int)length + 1);
    enum json_tokener_error error = json_tokener_get_error(tokener);
    size_t end = json_tokener_get_parse_end(tokener);
    if (error != json_tokener_success || end < length) {
        json_object_put(value);
        enclave_error_set(err, ENCLAVE_EINVALID, "%s: not valid JSON: %s at byte %zu", what,
                          error == json_tokener_success    ? "text behind the value"
                          : error == json_tokener_continue ? "unexpected end"
                                                           : json_tokener_error_desc(error),
                          end);
        return NULL;
    }
    if (!all_finite(value)) {
        json_object_put(value);
        enclave_error_set(err, ENCLAVE_EINVALID, "%s: not valid JSON: a number that is not finite",
                          what);
        return NULL;
    }
    return value;
}

json_object *json_parse_own(const char *text)
{
    size_t length = strlen(text);
    __attribute__((cleanup(free_tokener))) json_tokener *tokener =
        length < INT_MAX ? json_tokener_new_ex(depth_of(text, length, 2 * JSON_DEPTH_MAX)) : NULL;
    return tokener ? json_tokener_parse_ex(tokener, text, (int)length + 1) : NULL;
}

json_object *json_quote_own(const char *text)
{
    json_object *member = json_object_new_int(0); /* whatever, it is written as its user data */
    if (member) {
        json_object_set_serializer(member, json_object_userdata_to_json_string,
                                   (void *)(uintptr_t)text, NULL);
    }
    return member;
}

json_object *json_copy(json_object *value)
{
    json_object *copy = NULL;
    return value && json_object_deep_copy(value, &copy, NULL) == 0 ? copy : NULL;
}

json_object *json_parse_object(const char *text, const char *what, struct enclave_error *err)
{
    if (!text || !*text) {
        text = "{}";
    }
    struct enclave_error local = ENCLAVE_ERROR_INIT;
    json_object *value = json_parse(text, strlen(text), what, &local);
    if (!value && local.code != 0) {
        if (err) {
            *err = local;
        }
        return NULL;
    }
    if (!json_object_is_type(value, json_type_object)) {
        enclave_error_set(err, ENCLAVE_EINVALID, "%s: expected an object, got %s", what,
                          json_type_word(value));
        json_object_put(value);
        return NULL;
    }
    return value;
}

const char *json_type_word(const json_object *value)
{
    switch (json_object_get_type(value)) {
    case json_type_null:
        return "null";
    case json_type_boolean:
        return "a boolean";
    case json_type_double:
        return "a number";
    case json_type_int:
        return "an integer";
    case json_type_object:
        return "an object";
    case json_type_array:
        return "an array";
    case json_type_string:
        return "a string";
    }
    return "something else";
}

char *json_text(json_object *value)
{
    const char *text = json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN |
                                                                 JSON_C_TO_STRING_NOSLASHESCAPE);
    return text ? strdup(text) : NULL;
}

int32_t json_hand_out(json_object *value, const char *what, char **ret_json,
                      struct enclave_error *err)
{
    char *text = value ? json_text(value) : NULL;
    if (!text) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "%s: out of memory", what);
    }
    *ret_json = text;
    return 0;
}

int32_t json_set(json_object *object, const char *key, json_object *value)
{
    if (!object || !value || json_object_object_add(object, key, value) != 0) {
        json_object_put(value);
        return ENCLAVE_ENOMEM;
    }
    return 0;
}

int32_t json_set_string(json_object *object, const char *key, const char *text)
{
    return json_set(object, key, json_object_new_string(text));
}

int32_t json_set_int(json_object *object, const char *key, int64_t number)
{
    return json_set(object, key, json_object_new_int64(number));
}

int32_t json_set_null(json_object *object, const char *key)
{
    return object && json_object_object_add(object, key, NULL) == 0 ? 0 : ENCLAVE_ENOMEM;
}

json_object *json_seconds(int64_t us)
{
    char text[40]; /* not by %f: the locale of the program might put a comma into it */
    (void)snprintf(text, sizeof text, "%" PRId64 ".%06d", us / 1000000, (int)(us % 1000000));
    return json_object_new_double_s((double)us / 1e6, text);
}

json_object *json_string_lossy(const char *text, size_t length)
{
    if (utf8_valid_prefix(text, length) == length) {
        return json_object_new_string_len(text, (int)length);
    }
    struct buffer buffer = BUFFER_INIT(SIZE_MAX / 2);
    json_object *value = NULL;
    if (utf8_append_lossy(&buffer, text, length) == 0) {
        value = json_object_new_string_len(buffer.data, (int)buffer.length);
    }
    buffer_free(&buffer);
    return value;
}
