/*
 * version.c - which version of its API to speak with an engine.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "version.h"

#include "clock.h"
#include "json.h"
#include "state.h"
#include "text.h"

#include <stdio.h>
#include <string.h>

/* Older engines lack what sandboxes are made with; newer ones are spoken to in the newest version
 * that this code was read against (https://docs.docker.com/reference/api/engine/version-history/).
 */
static const struct api_version oldest = {1, 41};
static const struct api_version newest = {1, 55};

/* An engine that works answers these questions at once. */
#define NEGOTIATION_MS 10000

static int parse_number(const char **text, unsigned *ret_number)
{
    unsigned number = 0;
    int digits = 0;

    for (; **text >= '0' && **text <= '9'; (*text)++) {
        number = number * 10 + (unsigned)(**text - '0');
        if (++digits > 4) {
            return -1;
        }
    }
    *ret_number = number;
    return digits > 0 ? 0 : -1;
}

int api_version_parse(const char *text, struct api_version *ret_version)
{
    struct api_version version;

    if (parse_number(&text, &version.major) || *text++ != '.' ||
        parse_number(&text, &version.minor) || *text || version.major == 0) {
        return -1;
    }
    *ret_version = version;
    return 0;
}

int api_version_compare(struct api_version a, struct api_version b)
{
    unsigned left = a.major != b.major ? a.major : a.minor;
    unsigned right = a.major != b.major ? b.major : b.minor;

    return left < right ? -1 : left > right;
}

static int32_t not_an_engine(const struct engine *engine, struct enclave_error *err)
{
    return enclave_error_set(err, ENCLAVE_EPROTOCOL,
                             "what answers at %s tells no API version: it is not %s",
                             engine->client.address.text, engine->client.name);
}

/* An answer without JSON, outside the versioned part of the API. */
static int32_t ask(struct engine *engine, const char *path, int64_t deadline, int cancel_fd,
                   struct http_response *ret_response, struct enclave_error *err)
{
    struct http_request request = {
        .method = "GET", .path = path, .deadline = deadline, .cancel_fd = cancel_fd};
    char text[TEXT_SIZE];
    int32_t code = http_exchange(&engine->client, &request, ret_response, err);

    if (code || ret_response->status < 300) {
        return code;
    }
    text_from_body(text, sizeof text, ret_response->body.data, ret_response->body.length);
    return enclave_error_set(err,
                             ret_response->status < 400 ? ENCLAVE_EPROTOCOL
                                                        : engine_status_code(ret_response->status),
                             "%s at %s answered %ld to GET %s: %s", engine->client.name,
                             engine->client.address.text, ret_response->status, path, text);
}

/* The newest version of the engine, from the header of a cheap answer. */
static int32_t ask_newest(struct engine *engine, int64_t deadline, int cancel_fd,
                          struct api_version *ret_newest, int *ret_podman,
                          struct enclave_error *err)
{
    struct http_response response;
    int32_t code = ask(engine, "/_ping", deadline, cancel_fd, &response, err);

    if (!code && api_version_parse(response.api_version, ret_newest) != 0) {
        code = not_an_engine(engine, err);
    }
    *ret_podman = response.podman;
    buffer_free(&response.body);
    return code;
}

/* The oldest one: only GET /version tells, which costs the engine some milliseconds. */
static int32_t ask_oldest(struct engine *engine, int64_t deadline, int cancel_fd,
                          struct api_version *ret_oldest, struct enclave_error *err)
{
    struct http_response response;
    json_object *json = NULL;
    int32_t code = ask(engine, "/version", deadline, cancel_fd, &response, err);

    if (!code) {
        code =
            json_parse(response.body.data ? response.body.data : "", response.body.length, &json);
        const char *text = code ? NULL : json_text(json, "MinAPIVersion");
        if (code == ENCLAVE_ENOMEM) {
            code = http_error_stopped(&engine->client, "GET /version", code, err);
        } else if (!text) {
            *ret_oldest = oldest; /* Podman and old engines tell none */
            code = code ? not_an_engine(engine, err) : 0;
        } else if (api_version_parse(text, ret_oldest) != 0) {
            code = not_an_engine(engine, err);
        }
    }
    json_object_put(json);
    buffer_free(&response.body);
    return code;
}

static int32_t choose_requested(const struct engine *engine, struct api_version theirs,
                                struct enclave_error *err)
{
    struct api_version wanted = engine->requested;

    if (api_version_compare(wanted, theirs) <= 0) {
        return 0;
    }
    return enclave_error_set(err, ENCLAVE_EBACKEND,
                             "%s at %s speaks API %u.%u; DOCKER_API_VERSION asks for %u.%u",
                             engine->client.name, engine->client.address.text, theirs.major,
                             theirs.minor, wanted.major, wanted.minor);
}

static int32_t negotiate(struct engine *engine, int64_t deadline, int cancel_fd,
                         struct api_version *ret_version, int *ret_podman,
                         struct enclave_error *err)
{
    struct api_version wanted = engine->requested.major ? engine->requested : newest;
    struct api_version high, low;
    int32_t code = ask_newest(engine, deadline, cancel_fd, &high, ret_podman, err);

    if (code) {
        return code;
    }
    if (api_version_compare(high, oldest) < 0) {
        return enclave_error_set(err, ENCLAVE_EBACKEND,
                                 "%s at %s speaks API %u.%u; %u.%u or newer is needed: upgrade it",
                                 engine->client.name, engine->client.address.text, high.major,
                                 high.minor, oldest.major, oldest.minor);
    }
    if (engine->requested.major) {
        code = choose_requested(engine, high, err);
    }
    if (code || api_version_compare(high, wanted) <= 0) {
        *ret_version = high;
        return code;
    }
    code = ask_oldest(engine, deadline, cancel_fd, &low, err);
    if (!code && api_version_compare(low, wanted) > 0) {
        code = enclave_error_set(err, ENCLAVE_EBACKEND,
                                 "%s at %s speaks API %u.%u to %u.%u; this version of Enclave "
                                 "speaks %u.%u at most%s",
                                 engine->client.name, engine->client.address.text, low.major,
                                 low.minor, high.major, high.minor, wanted.major, wanted.minor,
                                 engine->requested.major ? ", as DOCKER_API_VERSION says" : "");
    }
    *ret_version = wanted;
    return code;
}

void engine_forget(struct engine *engine)
{
    pthread_mutex_lock(&engine->lock);
    engine->version = (struct api_version){0, 0};
    engine->have_facts = 0;
    pthread_mutex_unlock(&engine->lock);
}

int32_t engine_version(struct engine *engine, int64_t deadline, int cancel_fd,
                       struct api_version *ret_version, struct enclave_error *err)
{
    struct api_version version;
    int podman;
    int32_t code;

    pthread_mutex_lock(&engine->lock);
    version = engine->version;
    pthread_mutex_unlock(&engine->lock);
    if (version.major == 0) {
        /* Threads that come here at once all ask; none has to wait for another's deadline. */
        code = negotiate(engine, clock_sooner(deadline, NEGOTIATION_MS), cancel_fd, &version,
                         &podman, err);
        if (code) {
            return code;
        }
        pthread_mutex_lock(&engine->lock);
        engine->version = version;
        engine->podman = podman;
        pthread_mutex_unlock(&engine->lock);
    }
    *ret_version = version;
    return 0;
}
