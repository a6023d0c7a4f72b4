/*
 * fields.c - see fields.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fields.h"

#include "../text.h"
#include "answer.h"

#include <stdlib.h>
#include <string.h>

/* More than any body of ours has, and nothing for the stack. */
#define DEPTH 64
#define NUMBER_MAX 1e9

static void refuse_json(struct request *request, enum json_tokener_error error)
{
    if (error == json_tokener_error_depth) {
        answer_fail(request, ENCLAVE_EINVALID, "the body: JSON that is nested more than %d deep",
                    DEPTH);
    } else {
        answer_misfit(request, "json_invalid", "body", NULL, "JSON decode error",
                      json_object_new_object());
    }
}

bool fields_body(struct request *request, bool required, struct json_object **ret_object)
{
    struct json_tokener *tokener;
    struct json_object *object;
    enum json_tokener_error error;
    bool whole;

    *ret_object = NULL;
    if (request->body.length == 0) {
        if (required) {
            answer_misfit(request, "missing", "body", NULL, "Field required", NULL);
        }
        return !required;
    }
    tokener = json_tokener_new_ex(DEPTH);
    if (!tokener) {
        answer_fail(request, ENCLAVE_ENOMEM, "out of memory");
        return false;
    }
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    object = json_tokener_parse_ex(tokener, request->body.data, (int)request->body.length);
    error = json_tokener_get_error(tokener);
    if (error == json_tokener_continue) { /* a number, which could go on */
        object = json_tokener_parse_ex(tokener, "", 1);
        error = json_tokener_get_error(tokener);
        whole = error == json_tokener_success;
    } else {
        whole = json_tokener_get_parse_end(tokener) == request->body.length;
    }
    json_tokener_free(tokener);
    if (error != json_tokener_success || !whole) {
        json_object_put(object);
        refuse_json(request, error);
        return false;
    }
    if (!object && !required) {
        return true; /* null */
    }
    if (!json_object_is_type(object, json_type_object)) {
        answer_misfit(request, "dict_type", "body", NULL, "Input should be a valid dictionary",
                      object);
        return false;
    }
    *ret_object = object;
    return true;
}

/* Of a member that is there and not null. */
static struct json_object *member(struct json_object *body, const char *name)
{
    struct json_object *value = NULL;

    (void)json_object_object_get_ex(body, name, &value);
    return value;
}

static bool missing(struct request *request, struct json_object *body, const char *name)
{
    struct json_object *unused;

    if (json_object_object_get_ex(body, name, &unused)) {
        return false; /* null, which is a wrong type */
    }
    answer_misfit(request, "missing", "body", name, "Field required", json_object_get(body));
    return true;
}

bool fields_text(struct request *request, struct json_object *body, const char *name, bool required,
                 const char **ret_text)
{
    struct json_object *value = member(body, name);

    *ret_text = NULL;
    if (!value && (!required || missing(request, body, name))) {
        return !required;
    }
    if (!json_object_is_type(value, json_type_string)) {
        answer_misfit(request, "string_type", "body", name, "Input should be a valid string",
                      json_object_get(value));
        return false;
    }
    *ret_text = json_object_get_string(value);
    if (strlen(*ret_text) != (size_t)json_object_get_string_len(value)) {
        answer_fail(request, ENCLAVE_EINVALID, "%s: there is a NUL in it", name);
        return false;
    }
    return true;
}

bool fields_object(struct request *request, struct json_object *body, const char *name,
                   struct json_object **ret_object)
{
    *ret_object = member(body, name);
    if (*ret_object && !json_object_is_type(*ret_object, json_type_object)) {
        answer_misfit(request, "dict_type", "body", name, "Input should be a valid dictionary",
                      json_object_get(*ret_object));
        return false;
    }
    return true;
}

bool fields_number(struct request *request, struct json_object *body, const char *name, double *ret)
{
    struct json_object *value = member(body, name);
    double number;

    if (!value) {
        return true;
    }
    number = json_object_get_double(value);
    if (!json_object_is_type(value, json_type_int) &&
        !json_object_is_type(value, json_type_double)) {
        answer_misfit(request, "float_type", "body", name, "Input should be a valid number",
                      json_object_get(value));
        return false;
    }
    if (!(number >= 0 && number <= NUMBER_MAX)) {
        answer_misfit(request, "greater_than_equal", "body", name,
                      "Input should be between 0 and 1000000000", json_object_get(value));
        return false;
    }
    *ret = number;
    return true;
}

bool fields_query(struct request *request, const char *name, const char **ret_text)
{
    *ret_text = request_parameter(request, name);
    if (!*ret_text) {
        answer_misfit(request, "missing", "query", name, "Field required", NULL);
    }
    return *ret_text != NULL;
}

bool fields_query_integer(struct request *request, const char *name, uint64_t max, uint64_t *ret)
{
    const char *text = request_parameter(request, name);
    size_t digits = text ? strspn(text, "0123456789") : 0;

    if (!text) {
        return true;
    }
    if (digits == 0 || text[digits] != '\0' || digits > 18 || strtoull(text, NULL, 10) > max) {
        answer_misfit(request, "int_parsing", "query", name,
                      "Input should be a valid integer that is not negative and not too large",
                      json_object_new_string(text));
        return false;
    }
    *ret = strtoull(text, NULL, 10);
    return true;
}

bool fields_query_number(struct request *request, const char *name, double *ret)
{
    const char *text = request_parameter(request, name);

    if (!text) {
        return true;
    }
    if (!text_number(text, 0, NUMBER_MAX, ret)) {
        answer_misfit(request, "float_parsing", "query", name,
                      "Input should be a number from 0 to 1000000000",
                      json_object_new_string(text));
        return false;
    }
    return true;
}
