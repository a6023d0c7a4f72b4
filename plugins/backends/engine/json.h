/*
 * json.h - JSON from the engine: bounded in depth, strict, and read without trusting its types.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_ENGINE_JSON_H
#define ENCLAVE_ENGINE_JSON_H

#include <json-c/json.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_MAX_DEPTH 64

/* One JSON value and nothing behind it. Errors: PROTOCOL (not JSON, or deeper than
 * JSON_MAX_DEPTH), NOMEM. `*ret_json` is NULL for the value null. */
int32_t json_parse(const char *text, size_t length, json_object **ret_json);

/* Members of an object; `object` may be NULL or of another type. NULL, or 0, when the member is
 * absent or of another type. The string is borrowed from the object. */
const char *json_text(json_object *object, const char *key);
int64_t json_integer(json_object *object, const char *key);
int json_true(json_object *object, const char *key);
json_object *json_member(json_object *object, const char *key);

#endif
