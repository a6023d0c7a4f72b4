/*
 * sandbox.h - the life of one sandbox: a container, the agent in it, and what becomes of both.
 *
 * Owns: the order in which they are made, checked and ended, and the undoing of what failed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_DOCKER_SANDBOX_H
#define ENCLAVE_DOCKER_SANDBOX_H

#include "backend.h"

struct sandbox;

/* As the ops of <enclave/backend.h>. */
int32_t sandbox_create(struct backend *backend, const struct enclave_sandbox_spec *spec,
                       struct enclave_sandbox_facts *facts, struct sandbox **ret_sandbox,
                       struct enclave_error *err);
int32_t sandbox_stop(struct sandbox *sandbox, struct enclave_error *err);
int32_t sandbox_destroy(struct sandbox *sandbox, struct enclave_error *err);
uint32_t sandbox_status(struct sandbox *sandbox);

/* Its agent, which lives as long as it does. */
struct agent *sandbox_agent(struct sandbox *sandbox);

#endif
