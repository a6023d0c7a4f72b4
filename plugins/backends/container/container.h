/*
 * container.h - what is said to the engine about one container: make, fill, attach, start, wait,
 * remove, and what became of it. Names are ours ([a-z0-9_-]), so they need no escaping.
 *
 * Does not own: what a sandbox is, or when any of this is to be done (sandbox.h).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_CONTAINER_CONTAINER_H
#define ENCLAVE_CONTAINER_CONTAINER_H

#include "agent.h"
#include "engine.h"

#define CONTAINER_NAME_SIZE 96
#define CONTAINER_ID_SIZE 80

/* An engine, and how long it may take for one request. */
struct container_api {
    struct engine *engine;
    int64_t timeout_ms;
};

/* A missing image is NOTFOUND with *ret_no_image 1. An end of TIMEOUT, UNREACHABLE or CANCELLED may
 * have left a container all the same, or leave one later. */
int32_t container_create(const struct container_api *api, const char *name, const char *platform,
                         json_object *body, int cancel_fd, char ret_id[CONTAINER_ID_SIZE],
                         int *ret_no_image, struct enclave_error *err);

/* Unpack a tar into a directory of it that is on a volume. */
int32_t container_upload(const struct container_api *api, const char *name, const char *directory,
                         const void *tar, size_t length, int cancel_fd, struct enclave_error *err);

/* Its attach stream, as what an agent is connected by. */
int32_t container_attach(const struct container_api *api, const char *name, int cancel_fd,
                         struct agent_transport *ret_transport, struct enclave_error *err);

/* The same by a relay in it, to an agent whose own stream has ended (agent/init/relay.h). */
int32_t container_relay(const struct container_api *api, const char *name, int cancel_fd,
                        struct agent_transport *ret_transport, struct enclave_error *err);

int32_t container_start(const struct container_api *api, const char *name, int cancel_fd,
                        struct enclave_error *err);

/* Wait until it has ended, and with `removed` until it is gone. One that is not there has. */
int32_t container_wait(const struct container_api *api, const char *name, int removed,
                       struct enclave_error *err);

/* End it at once. One that is not there or not running has ended. */
int32_t container_kill(const struct container_api *api, const char *name,
                       struct enclave_error *err);

/* End it and remove it with its volumes; returns when it is gone. */
int32_t container_remove(const struct container_api *api, const char *name,
                         struct enclave_error *err);

/* Remove it if it has ended; one that runs, or is being removed, is left alone, which is no error.
 */
int32_t container_tidy(const struct container_api *api, const char *name, int *ret_removed,
                       struct enclave_error *err);

/* What became of a container whose stream has ended: one line. `hint` is what the stream said,
 * `deadline_ms` on the monotonic clock for all that is asked. Errors: TIMEOUT, UNREACHABLE; there is
 * a line then too. */
int32_t container_explain(struct engine *engine, const char *name, int podman, const char *hint,
                          int64_t deadline_ms, char *ret_text, size_t size);

#endif
