/*
 * agent_settings.h - what an agent is told about its sandbox, made of the configuration.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_LOCAL_AGENT_SETTINGS_H
#define ENCLAVE_LOCAL_AGENT_SETTINGS_H

#include "agent.h"
#include "verify.h"

/* Members of struct agent_config. */
struct agent_settings {
    const char *checks[VERIFY_MAX_CHECKS];
    struct agent_rlimit rlimits[3];
    char **env; /* NULL-terminated: HOME, unless env_vars has its own, then env_vars */
};

/* It borrows from `config`. Errors: NOMEM. */
int32_t agent_settings_make(const struct sandbox_config *config,
                            struct agent_settings *ret_settings, struct enclave_error *err);
void agent_settings_clear(struct agent_settings *settings);

#endif
