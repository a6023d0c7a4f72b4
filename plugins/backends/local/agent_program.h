/*
 * agent_program.h - the agent's program: where it is, and what machine it is for.
 *
 * Does not own: how it gets into a sandbox, and talking to it (../agent/client).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_LOCAL_AGENT_PROGRAM_H
#define ENCLAVE_LOCAL_AGENT_PROGRAM_H

#include <enclave/error.h>

#include <stddef.h>

/* `option` when given, else enclave-agent in the folder of the plugin. free() it. Errors: NOTFOUND,
 * INVALID (not a Linux program), NOMEM. */
int32_t agent_program_find(const char *option, const char *plugin_path, char **ret_path,
                           struct enclave_error *err);

/* Refuse an agent that a machine could not run. `arch` as engines ("amd64") or uname(2) ("x86_64")
 * name it; one that is not known here passes. Errors: NOTSUP, and those of reading. */
int32_t agent_program_check_arch(const char *path, const char *arch, struct enclave_error *err);

/* Its bytes. free() them. */
int32_t agent_program_load(const char *path, void **ret_data, size_t *ret_length,
                           struct enclave_error *err);

#endif
