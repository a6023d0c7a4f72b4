/*
 * answer.c - see answer.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "answer.h"

#include "../session.h"

#include <stdarg.h>
#include <string.h>

#define TO_STRING (JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)

static void set(struct request *request, unsigned status, const char *type,
                struct MHD_Response *response)
{
    if (request->response) {
        MHD_destroy_response(request->response);
    }
    request->response = response;
    request->status = status;
    if (!response) {
        return; /* the connection is closed without an answer: there is no memory for one */
    }
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_SERVER,
                                  "enclave/" ENCLAVE_VERSION_STRING);
    (void)MHD_add_response_header(response, "X-Request-Id", request->id);
    if (status == MHD_HTTP_TOO_MANY_REQUESTS || status == MHD_HTTP_SERVICE_UNAVAILABLE) {
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, "1");
    }
}

void answer_response(struct request *request, unsigned status, const char *type,
                     struct MHD_Response *response)
{
    set(request, status, type, response);
}

void answer_bytes(struct request *request, const char *type, void *data, size_t length,
                  void (*free_data)(void *owner), void *owner)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer_with_free_callback_cls(length, data, free_data, owner);

    if (!response) {
        free_data(owner);
    }
    set(request, MHD_HTTP_OK, type, response);
}

void answer_text(struct request *request, unsigned status, char *text)
{
    answer_bytes(request, "application/json", text, strlen(text), enclave_free, text);
    request->status = status;
}

static void put_object(void *object)
{
    json_object_put(object);
}

void answer_json(struct request *request, unsigned status, struct json_object *object)
{
    size_t length = 0;
    const char *text =
        object ? json_object_to_json_string_length(object, TO_STRING, &length) : NULL;
    struct MHD_Response *response = text ? MHD_create_response_from_buffer_with_free_callback_cls(
                                               length, (void *)(uintptr_t)text, put_object, object)
                                         : NULL;

    if (!response) {
        json_object_put(object);
    }
    set(request, status, "application/json", response);
}

void answer_message(struct request *request, const char *text)
{
    struct json_object *object = json_object_new_object();

    json_object_object_add(object, "message", json_object_new_string(text));
    answer_json(request, MHD_HTTP_OK, object);
}

/* Which of the causes that results have an error stands for. */
static const char *cause_of(int32_t code)
{
    switch (code) {
    case ENCLAVE_ELOST:
        return "backend_lost";
    case ENCLAVE_ETIMEOUT:
        return "timeout";
    case ENCLAVE_ECANCELLED:
        return "cancelled";
    default:
        return NULL;
    }
}

static void add_code(struct json_object *object, int32_t code)
{
    const char *cause = cause_of(code);

    json_object_object_add(object, "code", json_object_new_string(enclave_error_name(code)));
    json_object_object_add(object, "cause", cause ? json_object_new_string(cause) : NULL);
}

struct json_object *answer_error_object(const char *detail, const struct enclave_error *err)
{
    struct json_object *object = json_object_new_object();

    json_object_object_add(object, "detail",
                           json_object_new_string(detail ? detail : err->message));
    add_code(object, err->code);
    if (detail && strcmp(detail, err->message) != 0) {
        json_object_object_add(object, "message", json_object_new_string(err->message));
    }
    return object;
}

void answer_error_as(struct request *request, unsigned status, const char *detail,
                     const struct enclave_error *err)
{
    answer_json(request, status, answer_error_object(detail, err));
}

void answer_error(struct request *request, const struct enclave_error *err)
{
    answer_error_as(request, (unsigned)enclave_error_http_status(err->code), NULL, err);
}

void answer_fail(struct request *request, int32_t code, const char *format, ...)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char message[ENCLAVE_ERROR_MESSAGE_SIZE];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(message, sizeof message, format, args);
    va_end(args);
    (void)enclave_error_set(&err, code, "%s", message);
    answer_error(request, &err);
}

void answer_overload(struct request *request, const char *what)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;

    (void)enclave_error_set(&err, ENCLAVE_EBUSY, "%s; try again in a second", what);
    answer_error_as(request, MHD_HTTP_SERVICE_UNAVAILABLE, NULL, &err);
}

void answer_no_path(struct request *request)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;

    (void)enclave_error_set(&err, ENCLAVE_ENOTFOUND, "Not Found");
    answer_error(request, &err);
}

void answer_no_method(struct request *request, const char *allowed)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;

    (void)enclave_error_set(&err, ENCLAVE_ENOTSUP, "Method Not Allowed");
    answer_error_as(request, MHD_HTTP_METHOD_NOT_ALLOWED, NULL, &err);
    if (request->response) {
        (void)MHD_add_response_header(request->response, MHD_HTTP_HEADER_ALLOW, allowed);
    }
}

void answer_misfit_as(struct request *request, const struct enclave_error *err, const char *type,
                      const char *where, const char *name, const char *message,
                      struct json_object *input)
{
    struct json_object *answer = json_object_new_object(), *detail = json_object_new_array();
    struct json_object *entry = json_object_new_object(), *loc = json_object_new_array();

    json_object_array_add(loc, json_object_new_string(where));
    if (name) {
        json_object_array_add(loc, json_object_new_string(name));
    }
    json_object_object_add(entry, "type", json_object_new_string(type));
    json_object_object_add(entry, "loc", loc);
    json_object_object_add(entry, "msg", json_object_new_string(message));
    json_object_object_add(entry, "input", input);
    json_object_array_add(detail, entry);
    json_object_object_add(answer, "detail", detail);
    add_code(answer, err->code);
    json_object_object_add(answer, "message", json_object_new_string(err->message));
    answer_json(request, MHD_HTTP_UNPROCESSABLE_CONTENT, answer);
}

void answer_misfit(struct request *request, const char *type, const char *where, const char *name,
                   const char *message, struct json_object *input)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;

    (void)enclave_error_set(&err, ENCLAVE_EINVALID, "%s%s%s: %s", where, name ? "." : "",
                            name ? name : "", message);
    answer_misfit_as(request, &err, type, where, name, message, input);
}
