/*
 * openapi.c - see openapi.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "openapi.h"

#include "routes.h"
#include "schemas.h"

#include <stdlib.h>
#include <string.h>

/* Statuses that each route may answer with, beside its own. */
static const char of_all[] = "401 429 500 503";

static struct json_object *text(const char *value)
{
    return json_object_new_string(value);
}

static void set(struct json_object *object, const char *name, struct json_object *value)
{
    json_object_object_add(object, name, value);
}

static struct json_object *reference(const char *schema)
{
    struct json_object *object = json_object_new_object();
    char path[96];

    (void)snprintf(path, sizeof path, "#/components/schemas/%s", schema);
    set(object, "$ref", text(path));
    return object;
}

/* {TYPE: {"schema": SCHEMA}}, added to `content`. */
static void add_content(struct json_object *content, const char *type, struct json_object *schema)
{
    struct json_object *media = json_object_new_object();

    set(media, "schema", schema);
    set(content, type, media);
}

static struct json_object *bytes_schema(void)
{
    struct json_object *schema = json_object_new_object();

    set(schema, "type", text("string"));
    set(schema, "format", text("binary"));
    return schema;
}

static struct json_object *response(const char *description, struct json_object *content)
{
    struct json_object *object = json_object_new_object();

    set(object, "description", text(description));
    set(object, "content", content);
    return object;
}

static struct json_object *success(const struct route *route)
{
    struct json_object *content = json_object_new_object();

    if (route->gives) {
        add_content(content, "application/json", reference(route->gives));
    } else {
        add_content(content, route->gives_type, bytes_schema());
    }
    if (route->streams) {
        add_content(content, "application/x-ndjson", reference("Event"));
        add_content(content, "text/event-stream", reference("Event"));
    }
    return response("Done", content);
}

static void add_error(struct json_object *responses, const char *status, const char *schema)
{
    struct json_object *content = json_object_new_object();
    int32_t code = 0;
    const char *description =
        strcmp(status, "422") == 0 ? "a member or parameter is missing or does not fit" : NULL;

    for (code = -1; !description && code >= ENCLAVE_ERROR_LAST_; code--) {
        if (enclave_error_http_status(code) == atoi(status)) {
            description = enclave_error_text(code);
        }
    }
    add_content(content, "application/json", reference(schema));
    set(responses, status, response(description ? description : "an error", content));
}

static void add_errors(struct json_object *responses, const char *statuses)
{
    char status[4] = "";

    for (const char *at = statuses; at && strlen(at) >= 3; at += at[3] ? 4 : 3) {
        memcpy(status, at, 3);
        add_error(responses, status, "Error");
    }
}

static struct json_object *responses_of(const struct route *route)
{
    struct json_object *responses = json_object_new_object();

    set(responses, "200", success(route));
    add_errors(responses, of_all);
    add_errors(responses, route->errors);
    if (route->body != BODY_NONE) {
        add_error(responses, "400", "Error");
        add_error(responses, "413", "Error");
    }
    if (route->body != BODY_NONE || route->parameters) {
        add_error(responses, "400", "Error");
        add_error(responses, "422", "Invalid");
    }
    return responses;
}

static struct json_object *parameter(const char *name, const char *in, bool required,
                                     const char *schema, const char *description)
{
    struct json_object *object = json_object_new_object();

    set(object, "name", text(name));
    set(object, "in", text(in));
    set(object, "required", json_object_new_boolean(required));
    set(object, "description", text(description));
    set(object, "schema", json_tokener_parse(schema));
    return object;
}

static struct json_object *parameters_of(const struct route *route)
{
    struct json_object *list = json_object_new_array();

    if (route->subject == SUBJECT_SANDBOX) {
        json_object_array_add(
            list, parameter("id", "path", true,
                            "{\"type\": \"string\", \"pattern\": \"^[a-z0-9][a-z0-9_-]{0,62}$\"}",
                            "the sandbox"));
    } else if (route->subject == SUBJECT_EXECUTION) {
        json_object_array_add(
            list, parameter("id", "path", true,
                            "{\"type\": \"string\", \"minLength\": 1, \"maxLength\": 127}",
                            "the execution_id of the request"));
    }
    for (const struct route_parameter *p = route->parameters; p && p->name; p++) {
        json_object_array_add(list, parameter(p->name, p->in, p->required, p->schema, p->text));
    }
    return list;
}

static struct json_object *body_of(const struct route *route)
{
    struct json_object *body = json_object_new_object(), *content = json_object_new_object();

    set(body, "required", json_object_new_boolean(route->body == BODY_JSON));
    if (route->body == BODY_BYTES) {
        add_content(content, "application/octet-stream", bytes_schema());
        add_content(content, "application/x-tar", bytes_schema());
    } else {
        add_content(content, "application/json", reference(route->takes));
    }
    set(body, "content", content);
    return body;
}

static struct json_object *operation(const struct route *route)
{
    struct json_object *object = json_object_new_object();

    set(object, "operationId", text(route->operation));
    set(object, "summary", text(route->summary));
    set(object, "parameters", parameters_of(route));
    if (route->body != BODY_NONE) {
        set(object, "requestBody", body_of(route));
    }
    set(object, "responses", responses_of(route));
    return object;
}

static struct json_object *paths(void)
{
    struct json_object *object = json_object_new_object();

    for (size_t i = 0; i < routes_count; i++) {
        struct json_object *path = NULL;
        char method[8] = "";
        for (size_t c = 0; routes[i].method[c] && c + 1 < sizeof method; c++) {
            method[c] = (char)(routes[i].method[c] | 0x20);
        }
        if (!json_object_object_get_ex(object, routes[i].path, &path)) {
            path = json_object_new_object();
            set(object, routes[i].path, path);
        }
        set(path, method, operation(&routes[i]));
    }
    return object;
}

static struct json_object *components(void)
{
    struct json_object *object = json_object_new_object(), *all = json_object_new_object();

    for (const struct schema *schema = schemas; schema->name; schema++) {
        set(all, schema->name, json_tokener_parse(schema->json));
    }
    set(object, "schemas", all);
    set(object, "securitySchemes",
        json_tokener_parse(
            "{\"key\": {\"type\": \"apiKey\", \"in\": \"header\", \"name\": \"X-API-Key\"}}"));
    return object;
}

struct json_object *openapi_make(void)
{
    struct json_object *object = json_object_new_object(), *info = json_object_new_object();

    set(object, "openapi", text("3.1.0"));
    set(info, "title", text("Enclave"));
    set(info, "summary", text("Run untrusted code in sandboxes"));
    set(info, "version", text(enclave_version()));
    set(object, "info", info);
    set(object, "security", json_tokener_parse("[{}, {\"key\": []}]"));
    set(object, "paths", paths());
    set(object, "components", components());
    return object;
}
