/* SPDX-License-Identifier: Apache-2.0 */
#include "json.h"

#include <enclave/error.h>

#include <limits.h>

int32_t json_parse(const char *text, size_t length, json_object **ret_json)
{
    json_tokener *tokener;
    json_object *json;
    enum json_tokener_error error;

    if (length >= INT_MAX) {
        return ENCLAVE_EPROTOCOL;
    }
    tokener = json_tokener_new_ex(JSON_MAX_DEPTH);
    if (!tokener) {
        return ENCLAVE_ENOMEM;
    }
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    /* With the terminating NUL, so that a bare number is seen to be complete. */
    json = json_tokener_parse_ex(tokener, text, (int)length + 1);
    error = json_tokener_get_error(tokener);
    if (error == json_tokener_success && json_tokener_get_parse_end(tokener) < length) {
        json_object_put(json);
        error = json_tokener_error_parse_unexpected;
    }
    json_tokener_free(tokener);
    if (error != json_tokener_success) {
        return ENCLAVE_EPROTOCOL;
    }
    *ret_json = json;
    return 0;
}

json_object *json_member(json_object *object, const char *key)
{
    json_object *value = NULL;

    if (!json_object_is_type(object, json_type_object) ||
        !json_object_object_get_ex(object, key, &value)) {
        return NULL;
    }
    return value;
}

const char *json_text(json_object *object, const char *key)
{
    json_object *value = json_member(object, key);

    return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
}

int64_t json_integer(json_object *object, const char *key)
{
    json_object *value = json_member(object, key);

    return json_object_is_type(value, json_type_int) ? json_object_get_int64(value) : 0;
}

int json_true(json_object *object, const char *key)
{
    json_object *value = json_member(object, key);

    return json_object_is_type(value, json_type_boolean) && json_object_get_boolean(value);
}
