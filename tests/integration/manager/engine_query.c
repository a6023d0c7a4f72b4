/*
 * engine_query.c - see engine_query.h.
 *
 * Docker Engine API v1.41: Ping, ContainerList, ImageGet, ImageLoad.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine_query.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LARGEST_ANSWER ((size_t)64 << 20)

struct answer {
    char *data;
    size_t length;
};

static size_t collect(char *data, size_t size, size_t count, void *ctx)
{
    struct answer *answer = ctx;
    size_t length = size * count;
    char *grown;

    if (length > LARGEST_ANSWER - answer->length ||
        !(grown = realloc(answer->data, answer->length + length + 1))) {
        return 0;
    }
    memcpy(grown + answer->length, data, length);
    answer->data = grown;
    answer->length += length;
    grown[answer->length] = '\0';
    return length;
}

const char *engine_name(void)
{
    const char *name = getenv("ENCLAVE_TEST_ENGINE");

    return name && *name ? name : "docker";
}

/* The variable, else where scripts/engines.sh puts it. */
static const char *podman_socket(const char *variable, const char *usual)
{
    const char *path = getenv(variable);

    return path && *path ? path : usual;
}

const char *engine_socket(void)
{
    if (strcmp(engine_name(), "podman") == 0) {
        return podman_socket("ENCLAVE_PODMAN_SOCKET", "/var/lib/enclave-engines/podman/socket");
    }
    if (strcmp(engine_name(), "podman-rootless") == 0) {
        return podman_socket("ENCLAVE_PODMAN_ROOTLESS_SOCKET",
                             "/var/lib/enclave-engines/podman-rootless/socket");
    }

    const char *host = getenv("DOCKER_HOST");
    const char *path = getenv("ENCLAVE_DOCKER_SOCKET");

    if (path && *path) {
        return path;
    }
    return host && strncmp(host, "unix://", 7) == 0 ? host + 7 : "/var/run/docker.sock";
}

static CURL *request(const char *socket_path, const char *method, const char *path)
{
    CURL *curl = curl_easy_init();
    char url[1024];

    if (curl) {
        (void)snprintf(url, sizeof url, "http://engine%s", path);
        curl_easy_setopt(curl, CURLOPT_URL, url);
        curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket_path);
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
        curl_easy_setopt(curl, CURLOPT_TIMEOUT, 120L);
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(curl, CURLOPT_PROXY, "");
    }
    return curl;
}

/* Perform and free; the HTTP status, or -1. */
static long perform(CURL *curl)
{
    long status = -1;

    if (curl_easy_perform(curl) != CURLE_OK ||
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK) {
        status = -1;
    }
    curl_easy_cleanup(curl);
    return status;
}

static long exchange(const char *socket_path, const char *method, const char *path,
                     struct answer *answer)
{
    CURL *curl = request(socket_path, method, path);

    if (!curl) {
        return -1;
    }
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, collect);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    return perform(curl);
}

json_object *engine_get(const char *socket_path, const char *path)
{
    struct answer answer = {NULL, 0};
    long status = exchange(socket_path, "GET", path, &answer);
    json_object *value = status == 200 && answer.data ? json_tokener_parse(answer.data) : NULL;

    free(answer.data);
    return value;
}

json_object *engine_post(const char *socket_path, const char *path, json_object *body)
{
    struct answer answer = {NULL, 0};
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    CURL *curl = request(socket_path, "POST", path);
    json_object *value = NULL;
    long status = -1;

    if (curl && headers) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, json_object_to_json_string(body));
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, collect);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
        status = perform(curl);
    }
    if ((status == 200 || status == 201) && answer.data) {
        value = json_tokener_parse(answer.data);
    }
    curl_slist_free_all(headers);
    free(answer.data);
    return value;
}

long engine_do(const char *socket_path, const char *method, const char *path)
{
    struct answer answer = {NULL, 0};
    long status = exchange(socket_path, method, path, &answer);

    free(answer.data);
    return status;
}

int engine_answers(const char *socket_path)
{
    return engine_do(socket_path, "GET", "/_ping") == 200;
}

/* ------------------------------------------------------------------------------------------ image */

static int image_save(const char *socket_path, const char *image, FILE *file)
{
    char path[512];
    CURL *curl;

    (void)snprintf(path, sizeof path, "/images/%s/get", image);
    curl = request(socket_path, "GET", path);
    if (!curl) {
        return -1;
    }
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, file);
    return perform(curl) == 200 && fflush(file) == 0 ? 0 : -1;
}

static int image_load(const char *socket_path, FILE *file)
{
    struct answer answer = {NULL, 0};
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/x-tar");
    CURL *curl = request(socket_path, "POST", "/images/load?quiet=1");
    long status = -1;

    rewind(file);
    if (curl && headers) {
        curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(curl, CURLOPT_READDATA, file);
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, collect);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
        status = perform(curl);
    }
    curl_slist_free_all(headers);
    free(answer.data);
    return status == 200 ? 0 : -1;
}

int engine_copy_image(const char *from_socket, const char *to_socket, const char *image)
{
    FILE *file = tmpfile();
    int result = -1;

    if (file) {
        result = image_save(from_socket, image, file) == 0 ? image_load(to_socket, file) : -1;
        (void)fclose(file);
    }
    return result;
}
