/*
 * container_spec.h - the request that makes a container of a sandbox's configuration.
 *
 * Owns: the body of POST /containers/create (Engine API, ContainerCreate), which Podman takes too.
 * Does not own: the configuration's meaning (sandbox_config.h), the sending.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_CONTAINER_CONTAINER_SPEC_H
#define ENCLAVE_CONTAINER_CONTAINER_SPEC_H

#include "plan.h"

struct container_plan {
    struct sandbox_plan sandbox;
    int podman; /* the engine is Podman */
    const char
        *agent_source;   /* file of the host to bind; NULL: a volume that is filled before start */
    json_object *labels; /* of the owner; copied */
    int outlives;        /* the end of the stream is not to end the sandbox */
};

/* 1 when the engine makes the working directory root's, and the agent is to give it to the payload. */
int container_spec_gives_working_dir(const struct container_plan *plan);

/* `*ret_body` is put by the caller. Errors: INVALID (ports), NOMEM. */
int32_t container_spec_build(const struct container_plan *plan, json_object **ret_body,
                             struct enclave_error *err);

#endif
