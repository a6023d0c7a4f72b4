/*
 * image_config.h - the configuration of an image (OCI image-spec, config.md): what is used of it,
 * and the JSON reading that the manifests share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_IMAGE_CONFIG_H
#define ENCLAVE_IMAGE_CONFIG_H

#include <json-c/json.h>
#include <stddef.h>
#include <stdint.h>

/* One JSON object or array and nothing behind it, at most 32 levels deep. NULL: it is not. */
json_object *image_json_parse(const char *text, size_t length);

/* The variables of the environment, as a NULL-terminated array to be freed by image_env_free().
 * INVALID: one has no name or holds a NUL; NOMEM. */
int32_t image_config_env(json_object *config, char ***ret_env);
void image_env_free(char **env);

/* This machine's architecture as images call it. */
const char *image_machine(void);

#endif
