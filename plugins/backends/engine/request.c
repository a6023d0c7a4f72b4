/*
 * request.c - requests of the Engine API: the version in the path, JSON both ways, errors.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "clock.h"
#include "json.h"
#include "state.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

int32_t engine_status_code(long status)
{
    switch (status) {
    case 400:
        return ENCLAVE_EINVALID;
    case 401:
    case 403:
        return ENCLAVE_EUNAUTHORIZED;
    case 404:
        return ENCLAVE_ENOTFOUND;
    case 409:
        return ENCLAVE_EEXISTS;
    default:
        return ENCLAVE_EBACKEND;
    }
}

static int32_t answer_error(const struct engine *engine, const struct http_request *request,
                            const struct http_response *response, struct enclave_error *err)
{
    char text[TEXT_SIZE];
    int path = (int)strcspn(request->path, "?");

    if (response->status < 400) {
        return enclave_error_set(err, ENCLAVE_EPROTOCOL,
                                 "%s at %s answered %s %.*s with a redirect (%ld), which is not "
                                 "followed",
                                 engine->client.name, engine->client.address.text, request->method,
                                 path, request->path, response->status);
    }
    text_from_body(text, sizeof text, response->body.data, response->body.length);
    return enclave_error_set(err, engine_status_code(response->status), "%s: %s (%ld to %s %.*s)",
                             engine->client.name, text, response->status, request->method,
                             path > 100 ? 100 : path, request->path);
}

/* The engine was replaced by one that refuses the version negotiated with the other. */
static int is_version_refusal(const struct http_response *response)
{
    static const char words[] = "client version ";

    return response->status == 400 && response->body.data &&
           memmem(response->body.data, response->body.length, words, sizeof words - 1) != NULL;
}

static int32_t exchange_once(struct engine *engine, const struct http_request *request,
                             struct http_response *ret_response, struct enclave_error *err)
{
    struct http_request versioned = *request;
    struct api_version version;
    char *path = NULL;
    int32_t code;

    *ret_response = (struct http_response){0};
    code = engine_version(engine, request->deadline, request->cancel_fd, &version, err);
    if (!code && asprintf(&path, "/v%u.%u%s", version.major, version.minor, request->path) < 0) {
        path = NULL;
        code = enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
    }
    if (!code) {
        versioned.path = path;
        code = http_exchange(&engine->client, &versioned, ret_response, err);
    }
    free(path);
    if (code == ENCLAVE_EUNREACHABLE) {
        engine_forget(engine);
    }
    return code;
}

int32_t engine_exchange(struct engine *engine, const struct http_request *request,
                        struct http_response *ret_response, struct enclave_error *err)
{
    int32_t code = exchange_once(engine, request, ret_response, err);

    if (!code && is_version_refusal(ret_response)) {
        engine_forget(engine);
        buffer_free(&ret_response->body);
        code = exchange_once(engine, request, ret_response, err);
    }
    /* 304 is how the engine says that a container is already started or stopped. */
    if (!code && ret_response->status >= 300 && ret_response->status != 304) {
        code = answer_error(engine, request, ret_response, err);
    }
    return code;
}

static int32_t parse_answer(const struct engine *engine, const struct http_request *request,
                            const struct http_response *response, json_object **ret_json,
                            struct enclave_error *err)
{
    json_object *json = NULL;
    int32_t code = 0;

    if (response->body.length > 0) {
        code = json_parse(response->body.data, response->body.length, &json);
    }
    if (code == ENCLAVE_ENOMEM) {
        return enclave_error_set(err, code, "out of memory");
    }
    if (code) {
        return enclave_error_set(err, code,
                                 "%s at %s answered %s %.*s with something that is not JSON, or "
                                 "nested too deeply",
                                 engine->client.name, engine->client.address.text, request->method,
                                 (int)strcspn(request->path, "?"), request->path);
    }
    *ret_json = json;
    return 0;
}

int32_t engine_request(struct engine *engine, const char *method, const char *path,
                       json_object *body, int64_t timeout_ms, int cancel_fd, long *ret_status,
                       json_object **ret_json, struct enclave_error *err)
{
    struct http_request request = {.method = method,
                                   .path = path,
                                   .deadline = clock_deadline(timeout_ms),
                                   .cancel_fd = cancel_fd};
    struct http_response response;
    int32_t code;

    if (body) {
        request.content_type = "application/json";
        request.body =
            json_object_to_json_string_length(body, JSON_C_TO_STRING_PLAIN, &request.length);
        if (!request.body) {
            return enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
        }
    }
    code = engine_exchange(engine, &request, &response, err);
    if (ret_status) {
        *ret_status = response.status;
    }
    if (!code && ret_json) {
        code = parse_answer(engine, &request, &response, ret_json, err);
    }
    buffer_free(&response.body);
    return code;
}

int32_t engine_upload(struct engine *engine, const char *path, const char *content_type,
                      const void *data, size_t length, int64_t timeout_ms, int cancel_fd,
                      struct enclave_error *err)
{
    struct http_request request = {.method = "PUT",
                                   .path = path,
                                   .content_type = content_type,
                                   .body = data ? data : "",
                                   .length = data ? length : 0,
                                   .deadline = clock_deadline(timeout_ms),
                                   .cancel_fd = cancel_fd};
    struct http_response response;
    int32_t code = engine_exchange(engine, &request, &response, err);

    buffer_free(&response.body);
    return code;
}

char *engine_escape(const char *text)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t length = strlen(text), n = 0;
    char *escaped = length < SIZE_MAX / 4 ? malloc(length * 3 + 1) : NULL;

    if (!escaped) {
        return NULL;
    }
    for (const char *p = text; *p; p++) {
        unsigned char c = (unsigned char)*p;
        int plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '-' || c == '_' || c == '.' || c == '~';
        if (plain) {
            escaped[n++] = (char)c;
        } else {
            escaped[n++] = '%';
            escaped[n++] = hex[c >> 4];
            escaped[n++] = hex[c & 15];
        }
    }
    escaped[n] = '\0';
    return escaped;
}
