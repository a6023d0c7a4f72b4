/*
 * plan.h - what a sandbox is to be: its configuration, its uid, and which limits are enforceable.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_LOCAL_PLAN_H
#define ENCLAVE_LOCAL_PLAN_H

#include "sandbox_config.h"

/* What can be done here about memory and the like. */
struct sandbox_limits {
    int memory;
    int swap; /* swap is accounted */
    int cpu;
    int pids;
    int cgroup_version;
    int nproc; /* where `pids` is not: RLIMIT_NPROC counts for this sandbox alone, and does it */
};

struct sandbox_plan {
    const struct sandbox_config *config;
    struct sandbox_limits limits;
    uint32_t uid; /* of payloads: owner of the working directory */
    uint32_t gid;
};

#endif
