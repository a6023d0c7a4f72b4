/*
 * launch.h - make the container of a sandbox, with an agent in it that is ready and has shown that
 * what was asked for is so.
 *
 * Owns: the request, the pull of a missing image, the two ways of the agent into the container, and
 * the undoing of an attempt that failed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_CONTAINER_LAUNCH_H
#define ENCLAVE_CONTAINER_LAUNCH_H

#include "sandbox.h"

/* On failure nothing is left behind, but the object. `*unenforced` gains the bits that turned out
 * not to be enforced. */
int32_t launch_sandbox(struct sandbox *sandbox, const struct enclave_sandbox_spec *spec,
                       uint64_t *unenforced, struct enclave_error *err);

/* CANCELLED when the caller has given up. */
int32_t launch_check_cancelled(const struct enclave_sandbox_spec *spec, struct enclave_error *err);

#endif
