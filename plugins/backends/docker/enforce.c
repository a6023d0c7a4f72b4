/*
 * enforce.c - see enforce.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "enforce.h"

#include <enclave/types.h>

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
