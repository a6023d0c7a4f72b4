/*
 * engine_api.h - a floor: what the container engine does by itself, asked through its API alone.
 *
 * Docker Engine API 1.41 over a Unix socket, one request at a time, connections kept alive. Knows
 * nothing of Enclave. Containers made here remove themselves and end by themselves after five
 * minutes, whatever becomes of us.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BENCH_ENGINE_API_H
#define BENCH_ENGINE_API_H

#include <enclave/error.h>
#include <json-c/json.h>

enum { CONTAINER_ID_SIZE = 80 };

struct engine_api; /* [per-object] */

/* The engine at the address in that variable of the environment ("DOCKER_HOST"), else at that socket. */
int32_t engine_api_new(const char *variable, const char *socket, struct engine_api **ret_api,
                       struct enclave_error *err);
/* Accepts NULL. */
void engine_api_free(struct engine_api *api);
/* "engine 20.10.24", for people; as long as `api` lives. */
const char *engine_api_version(const struct engine_api *api);

/* The HostConfig of a container, to make others by; freed by the caller. */
int32_t engine_api_host_config(struct engine_api *api, const char *id, json_object **ret_config,
                               struct enclave_error *err);
/* Create a container that sleeps, with that HostConfig (NULL: one without a network), and start it. */
int32_t engine_api_start(struct engine_api *api, const char *image, json_object *host_config,
                         char ret_id[CONTAINER_ID_SIZE], struct enclave_error *err);
int32_t engine_api_remove(struct engine_api *api, const char *id, struct enclave_error *err);
/* `sh -c 'echo hi'` in a container, its output read and checked. */
int32_t engine_api_exec_echo(struct engine_api *api, const char *id, struct enclave_error *err);

#endif
