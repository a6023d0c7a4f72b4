/*
 * credentials.h - what the user's config.json has for a registry.
 *
 * Owns: config.json (auths, credsStore, credHelpers) and the value of X-Registry-Auth. Source:
 * https://docs.docker.com/reference/cli/docker/login/ and Engine API, "Authentication".
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_ENGINE_CREDENTIALS_H
#define ENCLAVE_ENGINE_CREDENTIALS_H

#include <enclave/error.h>

#include <stddef.h>

/*
 * The value of the header X-Registry-Auth for `registry` ("docker.io", "host:5000"); NULL when
 * there are no credentials. The caller frees it with credentials_free(). A helper that does not
 * work is no error, since public images need none: `note` (of `note_size` bytes, else empty) then
 * tells of it, for the case that the registry refuses. `folder` may be NULL. Errors: CONFIG (a
 * config.json that cannot be read), CANCELLED, NOMEM.
 */
int32_t credentials_find(const char *folder, const char *registry, int cancel_fd, char **ret_value,
                         char *note, size_t note_size, struct enclave_error *err);
/* Wipes it first. Accepts NULL. */
void credentials_free(char *value);

#endif
