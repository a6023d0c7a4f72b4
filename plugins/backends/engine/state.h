/*
 * state.h - what a `struct engine` holds.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_ENGINE_STATE_H
#define ENCLAVE_ENGINE_STATE_H

#include "engine.h"
#include "http.h"
#include "version.h"

#include <pthread.h>

struct engine {
    struct http_client client;
    char *login;                  /* "docker login" */
    char *config_folder;          /* of config.json; NULL: there is none */
    struct api_version requested; /* major 0: negotiate */
    /* Guards what follows. Held for a moment only, never during a request; alone. */
    pthread_mutex_t lock;
    struct api_version version; /* major 0: not negotiated */
    int podman;                 /* found then */
    int have_facts;
    struct engine_facts facts;
};

/* The version to use, negotiated when need be. */
int32_t engine_version(struct engine *engine, int64_t deadline, int cancel_fd,
                       struct api_version *ret_version, struct enclave_error *err);
/* The engine could not be reached: it may be another one when it is back. */
void engine_forget(struct engine *engine);

/* As http_exchange(), with the API version put before request->path, and an answer of 400 or more
 * (and a redirect) turned into an error. `ret_response` is to be freed in any case. */
int32_t engine_exchange(struct engine *engine, const struct http_request *request,
                        struct http_response *ret_response, struct enclave_error *err);

/* The code for a status of 400 or more. */
int32_t engine_status_code(long status);

#endif
