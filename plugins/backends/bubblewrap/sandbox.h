/*
 * sandbox.h - one sandbox: making it, ending it, and what its state is.
 *
 * Owns: the agent's stream, the pipe that tells the end, the uids. What it is made of is
 * command.h's, who makes it the launcher.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_BUBBLEWRAP_SANDBOX_H
#define ENCLAVE_BUBBLEWRAP_SANDBOX_H

#include "backend.h"

/* Make one of defaults only, and end it: the proof that sandboxes can be made here. */
int32_t sandbox_try(struct backend *backend, struct enclave_error *err);

#endif
