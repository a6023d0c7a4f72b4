/*
 * engine.c - making an engine from its options, and ending it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine.h"

#include "state.h"

#include <stdlib.h>
#include <string.h>

static int32_t read_version(const struct engine_options *options, struct engine *engine,
                            struct enclave_error *err)
{
    const char *text = options->api_version ? options->api_version : getenv("DOCKER_API_VERSION");

    if (!text || !*text) {
        return 0;
    }
    if (api_version_parse(text, &engine->requested) != 0 ||
        api_version_compare(engine->requested, (struct api_version){1, 41}) < 0) {
        return enclave_error_set(
            err, ENCLAVE_EINVALID,
            "DOCKER_API_VERSION is '%.32s'; expected 1.41 or newer, or nothing", text);
    }
    return 0;
}

static int32_t fill(const struct engine_options *options, struct engine *engine,
                    struct enclave_error *err)
{
    int32_t code = read_version(options, engine, err);

    if (code) {
        return code;
    }
    engine->client.name = strdup(options->name ? options->name : "the engine");
    engine->client.hint = strdup(options->start_hint ? options->start_hint : "");
    engine->client.access_hint = strdup(options->access_hint ? options->access_hint : "");
    engine->login = strdup(options->login ? options->login : "log in");
    /* Without a home there is no file with credentials. */
    engine->config_folder = address_docker_folder(options->config_path, "DOCKER_CONFIG");
    if (!engine->client.name || !engine->client.hint || !engine->client.access_hint ||
        !engine->login) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
    }
    return address_parse(options, &engine->client.address, err);
}

int32_t engine_new(const struct engine_options *options, struct engine **ret_engine,
                   struct enclave_error *err)
{
    struct engine *engine = calloc(1, sizeof *engine);
    int32_t code;

    if (!engine) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
    }
    pthread_mutex_init(&engine->lock, NULL);
    pthread_mutex_init(&engine->client.lock, NULL);
    code = fill(options, engine, err);
    if (code) {
        engine_free(engine);
        return code;
    }
    *ret_engine = engine;
    return 0;
}

void engine_free(struct engine *engine)
{
    if (!engine) {
        return;
    }
    for (size_t i = 0; i < engine->client.idle_count; i++) {
        http_lane_free(engine->client.idle[i]);
    }
    address_free(&engine->client.address);
    free(engine->client.name);
    free(engine->client.hint);
    free(engine->client.access_hint);
    free(engine->login);
    free(engine->config_folder);
    pthread_mutex_destroy(&engine->client.lock);
    pthread_mutex_destroy(&engine->lock);
    free(engine);
}

const char *engine_address(const struct engine *engine)
{
    return engine->client.address.text;
}

int engine_is_local(const struct engine *engine)
{
    return engine->client.address.socket != NULL;
}
