/*
 * json.h - parsing of JSON that others wrote, and small helpers over json-c.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CORE_JSON_H
#define CORE_JSON_H

#include <enclave/error.h>

#include <json-c/json.h>
#include <stddef.h>
#include <stdint.h>

/* Deepest nesting that is accepted, and longest text (a call's parameters may hold a program). */
#define JSON_DEPTH_MAX 64
#define JSON_TEXT_MAX (64u << 20)

static inline void json_put_p(json_object **object)
{
    json_object_put(*object);
}
#define JSON_AUTO __attribute__((cleanup(json_put_p))) json_object *

/* Strict JSON in valid UTF-8, all of `text`. NULL with INVALID: "WHAT: what is wrong, at byte N". */
json_object *json_parse(const char *text, size_t length, const char *what,
                        struct enclave_error *err);

/* The same, and an object; NULL or "" count as {}. */
json_object *json_parse_object(const char *text, const char *what, struct enclave_error *err);

/* A text that json_text() made: not checked again, and it may nest deeper than what others may send,
 * since theirs is a member of ours. NULL for null and without memory. */
json_object *json_parse_own(const char *text);

/* Such a text as a member of what is to be written: without a tree, which would take longer to make and to write than all
 * else. It lives as long as the member. NULL without memory. */
json_object *json_quote_own(const char *text);

/* A copy that shares nothing. The value is only read, so threads may copy one at the same time (even
 * writing one as text would change it). NULL for NULL and without memory. */
json_object *json_copy(json_object *value);

/* What a value is called in messages: "null", "string", "integer", ... */
const char *json_type_word(const json_object *value);

/* Text of a value on one line, the caller's to free(). NULL without memory. */
char *json_text(json_object *value);

/* The value's text to a caller of the library; NOMEM, named after `what`, also for a NULL value. */
int32_t json_hand_out(json_object *value, const char *what, char **ret_json,
                      struct enclave_error *err);

/* Set a member; takes over `value` (also on failure). 0, or ENCLAVE_ENOMEM also for a NULL value that
 * came from a failed allocation; json_set_null() is for null. */
int32_t json_set(json_object *object, const char *key, json_object *value);
int32_t json_set_string(json_object *object, const char *key, const char *text);
int32_t json_set_int(json_object *object, const char *key, int64_t number);
int32_t json_set_null(json_object *object, const char *key);

/* Microseconds as a number of seconds with six decimals. */
json_object *json_seconds(int64_t us);

/* A string that is valid UTF-8 whatever `text` holds. */
json_object *json_string_lossy(const char *text, size_t length);

#endif
