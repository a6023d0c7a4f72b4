/*
 * container_spec.h - the request that makes a container of a sandbox's configuration.
 *
 * Owns: the body of POST /containers/create (Engine API, ContainerCreate), which Podman takes too.
 * Does not own: the configuration's meaning (config.h), the sending.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_DOCKER_CONTAINER_SPEC_H
#define ENCLAVE_DOCKER_CONTAINER_SPEC_H

#include "config.h"

/* What the engine can do about memory and the like, as far as the request depends on it. */
struct container_limits {
    int memory;
    int swap; /* swap is accounted */
    int cpu;
    int pids;
    int cgroup_version;
};

struct container_plan {
    const struct sandbox_config *config;
    struct container_limits limits;
    const char
        *agent_source; /* file of the host to bind; NULL: a volume that is filled before start */
    uint32_t uid;      /* of payloads: owner of the working directory */
    uint32_t gid;
    json_object *labels; /* of the owner; copied */
};

/* `*ret_body` is put by the caller. Errors: INVALID (ports), NOMEM. */
int32_t container_spec_build(const struct container_plan *plan, json_object **ret_body,
                             struct enclave_error *err);

#endif
