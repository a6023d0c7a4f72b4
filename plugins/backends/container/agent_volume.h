/*
 * agent_volume.h - the agent's program for an engine that does not see our files: a tar to upload.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_CONTAINER_AGENT_VOLUME_H
#define ENCLAVE_CONTAINER_AGENT_VOLUME_H

#include <enclave/error.h>

#include <stddef.h>

/* A tar with the program as `name`, mode 0755 of root. free() it. */
int32_t agent_volume_tar(const char *path, const char *name, void **ret_tar, size_t *ret_length,
                         struct enclave_error *err);

#endif
