/*
 * sandbox_ops.c - see sandbox_ops.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sandbox_ops.h"

#include <string.h>

void ops_copy_sized(void *to, size_t to_size, const void *from, uint32_t from_size)
{
    memset(to, 0, to_size);
    memcpy(to, from, from_size < to_size ? from_size : to_size);
}

void ops_close(void *backend)
{
    backend_close(backend);
}

int32_t ops_capabilities(void *backend, uint64_t *ret_bits, struct enclave_error *err)
{
    return backend_capabilities(backend, ret_bits, err);
}

int32_t ops_create(void *backend, const struct enclave_sandbox_spec *host_spec,
                   struct enclave_sandbox_facts *host_facts, void **ret_sandbox,
                   struct enclave_error *err)
{
    struct enclave_sandbox_spec spec;
    struct enclave_sandbox_facts facts;
    struct sandbox *sandbox;
    uint32_t facts_size = host_facts->size;
    int32_t rc;

    ops_copy_sized(&spec, sizeof spec, host_spec, host_spec->size);
    ops_copy_sized(&facts, sizeof facts, host_facts, facts_size);
    rc = sandbox_create(backend, &spec, &facts, &sandbox, err);
    if (rc) {
        return rc;
    }
    memcpy(host_facts, &facts, facts_size < sizeof facts ? facts_size : sizeof facts);
    *ret_sandbox = sandbox;
    return 0;
}

int32_t ops_stop(void *sandbox, struct enclave_error *err)
{
    return sandbox_stop(sandbox, err);
}

int32_t ops_destroy(void *sandbox, struct enclave_error *err)
{
    return sandbox_destroy(sandbox, err);
}

uint32_t ops_status(void *sandbox)
{
    return sandbox_status(sandbox);
}

int32_t ops_spawn(void *sandbox, const struct enclave_spawn *spawn,
                  const struct enclave_process_events *events, void **ret_process,
                  struct enclave_error *err)
{
    return agent_spawn(sandbox_agent(sandbox), spawn, events, ret_process, err);
}

/* ---------------------------------------------------------------------------------------- files */

int32_t ops_file_read(void *sandbox, const struct enclave_file_request *request, int32_t cancel_fd,
                      const struct enclave_sink *to, struct enclave_error *err)
{
    return agent_file_read(sandbox_agent(sandbox), request, cancel_fd, to, err);
}

int32_t ops_file_write(void *sandbox, const struct enclave_file_request *request, int32_t cancel_fd,
                       const struct enclave_source *from, struct enclave_error *err)
{
    return agent_file_write(sandbox_agent(sandbox), request, cancel_fd, from, err);
}

int32_t ops_file_stat(void *sandbox, const struct enclave_file_request *request, int32_t cancel_fd,
                      const struct enclave_entry_sink *to, struct enclave_error *err)
{
    return agent_file_stat(sandbox_agent(sandbox), request, cancel_fd, to, err);
}

int32_t ops_file_list(void *sandbox, const struct enclave_file_request *request, int32_t cancel_fd,
                      const struct enclave_entry_sink *to, struct enclave_error *err)
{
    return agent_file_list(sandbox_agent(sandbox), request, cancel_fd, to, err);
}

int32_t ops_file_remove(void *sandbox, const struct enclave_file_request *request,
                        int32_t cancel_fd, struct enclave_error *err)
{
    return agent_file_remove(sandbox_agent(sandbox), request, cancel_fd, err);
}

int32_t ops_put_archive(void *sandbox, const struct enclave_file_request *request,
                        int32_t cancel_fd, const struct enclave_source *tar,
                        struct enclave_error *err)
{
    return agent_put_archive(sandbox_agent(sandbox), request, cancel_fd, tar, err);
}

int32_t ops_get_archive(void *sandbox, const struct enclave_file_request *request,
                        int32_t cancel_fd, const struct enclave_sink *tar,
                        struct enclave_error *err)
{
    return agent_get_archive(sandbox_agent(sandbox), request, cancel_fd, tar, err);
}

int32_t ops_reset(void *sandbox, struct enclave_error *err)
{
    return agent_reset(sandbox_agent(sandbox), err);
}
