/*
 * engine_api.c - see engine_api.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine_api.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ANSWER_MAX = 1 << 18, TIMEOUT_S = 60 };

struct engine_api {
    CURL *easy;
    struct curl_slist *headers;
    char socket[256];
    char version[128];
    size_t length;
    char answer[ANSWER_MAX]; /* of the last request, with a NUL */
};

static size_t on_body(char *data, size_t size, size_t count, void *ctx)
{
    struct engine_api *api = ctx;
    size_t length = size * count;

    if (length >= ANSWER_MAX - api->length) {
        return 0; /* ends the request */
    }
    memcpy(api->answer + api->length, data, length);
    api->length += length;
    api->answer[api->length] = '\0';
    return length;
}

/* The answer is in api->answer. An answer of 400 and more is an error. */
static int32_t request(struct engine_api *api, const char *method, const char *path,
                       const char *body, struct enclave_error *err)
{
    char url[256];
    long status = 0;

    (void)snprintf(url, sizeof url, "http://localhost%s", path);
    api->length = 0;
    api->answer[0] = '\0';
    curl_easy_reset(api->easy); /* the connection is kept */
    curl_easy_setopt(api->easy, CURLOPT_UNIX_SOCKET_PATH, api->socket);
    curl_easy_setopt(api->easy, CURLOPT_URL, url);
    curl_easy_setopt(api->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(api->easy, CURLOPT_TIMEOUT, (long)TIMEOUT_S);
    curl_easy_setopt(api->easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(api->easy, CURLOPT_WRITEDATA, api);
    curl_easy_setopt(api->easy, CURLOPT_HTTPHEADER, api->headers);
    if (strcmp(method, "POST") == 0) {
        curl_easy_setopt(api->easy, CURLOPT_POSTFIELDS, body ? body : "");
    }
    curl_easy_setopt(api->easy, CURLOPT_CUSTOMREQUEST, method);
    CURLcode code = curl_easy_perform(api->easy);
    curl_easy_getinfo(api->easy, CURLINFO_RESPONSE_CODE, &status);
    if (code != CURLE_OK) {
        return enclave_error_set(err, ENCLAVE_EUNREACHABLE, "%s %s at '%s': %s", method, path,
                                 api->socket, curl_easy_strerror(code));
    }
    if (status >= 400) {
        return enclave_error_set(err, ENCLAVE_EBACKEND, "%s %s: %ld %s", method, path, status,
                                 api->answer);
    }
    return 0;
}

/* A text member of the last answer. */
static int32_t take_member(struct engine_api *api, const char *name, char *text, size_t size,
                           struct enclave_error *err)
{
    json_object *answer = json_tokener_parse(api->answer);
    json_object *member = NULL;
    int32_t r = 0;

    if (json_object_object_get_ex(answer, name, &member)) {
        (void)snprintf(text, size, "%s", json_object_get_string(member));
    } else {
        r = enclave_error_set(err, ENCLAVE_EBACKEND, "the engine's answer has no '%s'", name);
    }
    json_object_put(answer);
    return r;
}

/* ----------------------------------------------------------------------------------- connection */

static int32_t find_socket(struct engine_api *api, const char *variable, const char *socket,
                           struct enclave_error *err)
{
    static const char scheme[] = "unix://";
    const char *host = getenv(variable);

    if (host && *host && strncmp(host, scheme, sizeof scheme - 1) != 0) {
        return enclave_error_set(err, ENCLAVE_ENOTSUP,
                                 "%s is '%s': floors need an engine on a Unix socket", variable,
                                 host);
    }
    (void)snprintf(api->socket, sizeof api->socket, "%s",
                   host && *host ? host + sizeof scheme - 1 : socket);
    return 0;
}

int32_t engine_api_new(const char *variable, const char *socket, struct engine_api **ret_api,
                       struct enclave_error *err)
{
    struct engine_api *api = calloc(1, sizeof *api);
    char number[64] = "";

    if (!api || !(api->easy = curl_easy_init()) ||
        !(api->headers = curl_slist_append(NULL, "Content-Type: application/json"))) {
        engine_api_free(api);
        return enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
    }
    int32_t r = find_socket(api, variable, socket, err);
    if (r == 0) {
        r = request(api, "GET", "/version", NULL, err);
    }
    if (r == 0) {
        r = take_member(api, "Version", number, sizeof number, err);
    }
    if (r < 0) {
        engine_api_free(api);
        return r;
    }
    (void)snprintf(api->version, sizeof api->version, "engine %s", number);
    *ret_api = api;
    return 0;
}

void engine_api_free(struct engine_api *api)
{
    if (api) {
        curl_easy_cleanup(api->easy);
        curl_slist_free_all(api->headers);
        free(api);
    }
}

const char *engine_api_version(const struct engine_api *api)
{
    return api->version;
}

/* ----------------------------------------------------------------------------------- containers */

int32_t engine_api_host_config(struct engine_api *api, const char *id, json_object **ret_config,
                               struct enclave_error *err)
{
    json_object *config = NULL;
    char path[128];

    (void)snprintf(path, sizeof path, "/containers/%s/json", id);
    int32_t r = request(api, "GET", path, NULL, err);
    if (r < 0) {
        return r;
    }
    json_object *answer = json_tokener_parse(api->answer);
    if (json_object_object_get_ex(answer, "HostConfig", &config)) {
        *ret_config = json_object_get(config);
    } else {
        r = enclave_error_set(err, ENCLAVE_EBACKEND, "container '%s' has no HostConfig", id);
    }
    json_object_put(answer);
    return r;
}

static int32_t create(struct engine_api *api, const char *image, json_object *host_config,
                      char ret_id[CONTAINER_ID_SIZE], struct enclave_error *err)
{
    json_object *body = json_tokener_parse("{\"Entrypoint\": [\"sleep\"], \"Cmd\": [\"300\"],"
                                           " \"HostConfig\": {\"AutoRemove\": true,"
                                           " \"NetworkMode\": \"none\", \"LogConfig\":"
                                           " {\"Type\": \"none\"}}}");

    if (!body) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
    }
    json_object_object_add(body, "Image", json_object_new_string(image));
    if (host_config) {
        json_object_object_add(body, "HostConfig", json_object_get(host_config));
    }
    int32_t r = request(api, "POST", "/containers/create",
                        json_object_to_json_string_ext(body, JSON_C_TO_STRING_PLAIN), err);
    json_object_put(body);
    return r < 0 ? r : take_member(api, "Id", ret_id, CONTAINER_ID_SIZE, err);
}

int32_t engine_api_start(struct engine_api *api, const char *image, json_object *host_config,
                         char ret_id[CONTAINER_ID_SIZE], struct enclave_error *err)
{
    char path[128];
    int32_t r = create(api, image, host_config, ret_id, err);

    if (r < 0) {
        return r;
    }
    (void)snprintf(path, sizeof path, "/containers/%s/start", ret_id);
    r = request(api, "POST", path, NULL, err);
    if (r < 0) { /* one that never ran does not remove itself */
        (void)engine_api_remove(api, ret_id, NULL);
    }
    return r;
}

int32_t engine_api_remove(struct engine_api *api, const char *id, struct enclave_error *err)
{
    char path[128];

    (void)snprintf(path, sizeof path, "/containers/%s?force=1&v=1", id);
    return request(api, "DELETE", path, NULL, err);
}

int32_t engine_api_exec_echo(struct engine_api *api, const char *id, struct enclave_error *err)
{
    static const char command[] = "{\"AttachStdout\": true, \"AttachStderr\": true,"
                                  " \"Cmd\": [\"sh\", \"-c\", \"echo hi\"]}";
    char path[128], exec[CONTAINER_ID_SIZE];

    (void)snprintf(path, sizeof path, "/containers/%s/exec", id);
    int32_t r = request(api, "POST", path, command, err);
    if (r == 0) {
        r = take_member(api, "Id", exec, sizeof exec, err);
    }
    if (r == 0) {
        (void)snprintf(path, sizeof path, "/exec/%s/start", exec);
        r = request(api, "POST", path, "{\"Detach\": false, \"Tty\": false}", err);
    }
    /* Multiplexed: eight bytes of head, then the output. */
    if (r == 0 && (api->length != 11 || memcmp(api->answer + 8, "hi\n", 3) != 0)) {
        r = enclave_error_set(err, ENCLAVE_EBACKEND, "exec in '%s' printed %zu bytes and not 'hi'",
                              id, api->length);
    }
    return r;
}
