/*
 * agent_volume.h - the agent's program, and how it gets into a container.
 *
 * Owns: finding it, its architecture, the tar for an engine that does not see our files. Does not
 * own: talking to the agent (../agent/client).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_DOCKER_AGENT_VOLUME_H
#define ENCLAVE_DOCKER_AGENT_VOLUME_H

#include <enclave/error.h>

#include <stddef.h>

/* `option` when given, else enclave-agent in the folder of the plugin. free() it. Errors: NOTFOUND,
 * INVALID (not a Linux program), NOMEM. */
int32_t agent_volume_find(const char *option, const char *plugin_path, char **ret_path,
                          struct enclave_error *err);

/* Refuse an agent that the engine's machine could not run. `arch` as engines name it ("amd64" or
 * "x86_64"); one that is not known here passes. Errors: NOTSUP, and those of reading. */
int32_t agent_volume_check_arch(const char *path, const char *arch, struct enclave_error *err);

/* A tar with the program as `name`, mode 0755 of root. free() it. */
int32_t agent_volume_tar(const char *path, const char *name, void **ret_tar, size_t *ret_length,
                         struct enclave_error *err);

#endif
