/*
 * sandbox.h - the life of one sandbox: a container, the agent in it, and what becomes of both.
 *
 * Owns: the order in which they are made, checked and ended, and the undoing of what failed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_CONTAINER_SANDBOX_H
#define ENCLAVE_CONTAINER_SANDBOX_H

#include "backend.h"

/* As the op of <enclave/backend.h>. */
int32_t sandbox_detach(struct sandbox *sandbox, struct enclave_error *err);

#endif
