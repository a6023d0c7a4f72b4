/*
 * agent_settings.c - see agent_settings.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent_settings.h"

#include "json_build.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

static void free_env(char **env)
{
    for (char **e = env; e && *e; e++) {
        free(*e);
    }
    free(env);
}

/* HOME, unless env_vars has its own, then env_vars. NULL without memory. */
static char **make_env(const struct sandbox_config *config)
{
    json_object *vars = config->env_vars;
    size_t count = vars ? (size_t)json_object_object_length(vars) : 0;
    char **env = calloc(count + 2, sizeof *env);
    size_t n = 0;

    if (!env) {
        return NULL;
    }
    if (!json_member(vars, "HOME")) {
        if (asprintf(&env[n], "HOME=%s", config->working_dir) < 0) {
            goto nomem;
        }
        n++;
    }
    if (vars) {
        json_object_object_foreach(vars, name, value)
        {
            if (asprintf(&env[n], "%s=%s", name, json_object_get_string(value)) < 0) {
                goto nomem;
            }
            n++;
        }
    }
    return env;

nomem:
    env[n] = NULL; /* asprintf(3) leaves it undefined */
    free_env(env);
    return NULL;
}

int32_t agent_settings_make(const struct sandbox_config *config,
                            struct agent_settings *ret_settings, struct enclave_error *err)
{
    verify_checks(config, ret_settings->checks);
    ret_settings->rlimits[0] =
        (struct agent_rlimit){RLIMIT_NPROC, config->pids - SANDBOX_AGENT_PIDS};
    ret_settings->rlimits[1] = (struct agent_rlimit){RLIMIT_NOFILE, config->nofile};
    ret_settings->rlimits[2] = (struct agent_rlimit){RLIMIT_CORE, 0};
    ret_settings->env = make_env(config);
    return ret_settings->env ? 0 : enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
}

void agent_settings_clear(struct agent_settings *settings)
{
    free_env(settings->env);
    settings->env = NULL;
}
