/*
 * enforce.c - see enforce.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "enforce.h"

#include <enclave/types.h>

#include <stdio.h>

static const struct {
    uint64_t bit;
    const char *key;
} names[] = {
    {ENCLAVE_CAN_MEMORY, "memory_limit"},
    {ENCLAVE_CAN_CPU, "cpu_limit"},
    {ENCLAVE_CAN_PIDS, "pids_limit"},
    {ENCLAVE_CAN_PRIVILEGED, "privileged"},
};

static uint64_t used_bits(const struct sandbox_config *config)
{
    uint64_t bits = ENCLAVE_CAN_MEMORY | ENCLAVE_CAN_CPU | ENCLAVE_CAN_PIDS;

    return config->privileged ? bits | ENCLAVE_CAN_PRIVILEGED : bits;
}

int32_t enforce_check(const struct sandbox_config *config, uint64_t capable, uint64_t explicit_bits,
                      uint64_t *ret_unenforced, struct enclave_error *err)
{
    uint64_t lacking = used_bits(config) & ~capable;

    if (lacking & ENCLAVE_CAN_PRIVILEGED) {
        return enclave_error_set(err, ENCLAVE_ENOTSUP,
                                 "privileged is not possible: the engine remaps users");
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (lacking & explicit_bits & names[i].bit) {
            return enclave_error_set(err, ENCLAVE_EUNENFORCED,
                                     "%s cannot be enforced here: the engine's cgroups do not offer"
                                     " it; leave it out to run without",
                                     names[i].key);
        }
    }
    *ret_unenforced = lacking;
    return 0;
}

/* 1 also when it cannot be read, for then it is not known that there is none. */
static int host_has_swap(void)
{
    FILE *file = fopen("/proc/meminfo", "re");
    char line[128];
    unsigned long long total = 1;

    while (file && fgets(line, sizeof line, file) && sscanf(line, "SwapTotal: %llu", &total) != 1) {
    }
    if (file) {
        (void)fclose(file);
    }
    return total > 0;
}

int32_t enforce_check_swap(const struct sandbox_limits *limits, int is_local,
                           uint64_t explicit_bits, uint64_t *unenforced, struct enclave_error *err)
{
    /* Version 1 can do without: container_spec.c sets the swappiness to 0. */
    if (!limits->memory || limits->swap || limits->cgroup_version == 1 || !is_local ||
        !host_has_swap()) {
        return 0;
    }
    if (explicit_bits & ENCLAVE_CAN_MEMORY) {
        return enclave_error_set(err, ENCLAVE_EUNENFORCED,
                                 "memory_limit cannot be enforced here: the host has swap, and the"
                                 " engine cannot limit it; turn swap off, or leave memory_limit out"
                                 " to run without");
    }
    *unenforced |= ENCLAVE_CAN_MEMORY;
    return 0;
}
