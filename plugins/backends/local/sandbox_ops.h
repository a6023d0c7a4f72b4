/*
 * sandbox_ops.h - the ops that are the same for every backend of this machine, whose sandboxes have an
 * agent: they hand on to the backend's own sandbox, and to the agent's client.
 *
 * Owns nothing: what a backend has to define for them is declared here.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_LOCAL_SANDBOX_OPS_H
#define ENCLAVE_LOCAL_SANDBOX_OPS_H

#include "agent.h"

#include <enclave/backend.h>

/* ------------------------------------------------------------------------ defined by the backend */

struct backend;
struct sandbox;

/* Every sandbox has been destroyed. Accepts NULL. */
void backend_close(struct backend *backend);
int32_t backend_capabilities(struct backend *backend, uint64_t *ret_bits,
                             struct enclave_error *err);

/* As the ops of <enclave/backend.h>; the spec and the facts are as large as this side knows them. */
int32_t sandbox_create(struct backend *backend, const struct enclave_sandbox_spec *spec,
                       struct enclave_sandbox_facts *facts, struct sandbox **ret_sandbox,
                       struct enclave_error *err);
int32_t sandbox_stop(struct sandbox *sandbox, struct enclave_error *err);
int32_t sandbox_destroy(struct sandbox *sandbox, struct enclave_error *err);
uint32_t sandbox_status(struct sandbox *sandbox);

/* Its agent, for all that goes on inside; it lives as long as the sandbox does. */
struct agent *sandbox_agent(struct sandbox *sandbox);

/* --------------------------------------------------------------------------------------- the ops */

void ops_close(void *backend);
int32_t ops_capabilities(void *backend, uint64_t *ret_bits, struct enclave_error *err);
int32_t ops_create(void *backend, const struct enclave_sandbox_spec *host_spec,
                   struct enclave_sandbox_facts *host_facts, void **ret_sandbox,
                   struct enclave_error *err);
int32_t ops_stop(void *sandbox, struct enclave_error *err);
int32_t ops_destroy(void *sandbox, struct enclave_error *err);
uint32_t ops_status(void *sandbox);
int32_t ops_spawn(void *sandbox, const struct enclave_spawn *spawn,
                  const struct enclave_process_events *events, void **ret_process,
                  struct enclave_error *err);
int32_t ops_file_read(void *sandbox, const struct enclave_file_request *request, int32_t cancel_fd,
                      const struct enclave_sink *to, struct enclave_error *err);
int32_t ops_file_write(void *sandbox, const struct enclave_file_request *request, int32_t cancel_fd,
                       const struct enclave_source *from, struct enclave_error *err);
int32_t ops_file_stat(void *sandbox, const struct enclave_file_request *request, int32_t cancel_fd,
                      const struct enclave_entry_sink *to, struct enclave_error *err);
int32_t ops_file_list(void *sandbox, const struct enclave_file_request *request, int32_t cancel_fd,
                      const struct enclave_entry_sink *to, struct enclave_error *err);
int32_t ops_file_remove(void *sandbox, const struct enclave_file_request *request,
                        int32_t cancel_fd, struct enclave_error *err);
int32_t ops_put_archive(void *sandbox, const struct enclave_file_request *request,
                        int32_t cancel_fd, const struct enclave_source *tar,
                        struct enclave_error *err);
int32_t ops_get_archive(void *sandbox, const struct enclave_file_request *request,
                        int32_t cancel_fd, const struct enclave_sink *tar,
                        struct enclave_error *err);
int32_t ops_reset(void *sandbox, struct enclave_error *err);

/* What crosses begins with its size; what the host does not know stays 0 (ABI.md, rule 2). */
void ops_copy_sized(void *to, size_t to_size, const void *from, uint32_t from_size);

/* Members of a backend's table. */
#define SANDBOX_OPS                                                                                \
    .size = sizeof(struct enclave_backend_ops), .close = ops_close,                                \
    .capabilities = ops_capabilities, .create = ops_create, .stop = ops_stop,                      \
    .destroy = ops_destroy, .status = ops_status, .spawn = ops_spawn,                              \
    .process_write = agent_process_write, .process_close_stdin = agent_process_close_stdin,        \
    .process_credit = agent_process_credit, .process_signal = agent_process_signal,                \
    .process_kill = agent_process_kill, .process_release = agent_process_release,                  \
    .file_read = ops_file_read, .file_write = ops_file_write, .file_stat = ops_file_stat,          \
    .file_list = ops_file_list, .file_remove = ops_file_remove, .put_archive = ops_put_archive,    \
    .get_archive = ops_get_archive, .reset = ops_reset

#endif
