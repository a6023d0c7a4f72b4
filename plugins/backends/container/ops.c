/*
 * ops.c - see ops.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ops.h"

#include "sandbox.h"

int32_t ops_open(const struct enclave_host *host, const char *options,
                 const struct backend_brand *brand, void **ret_backend, struct enclave_error *err)
{
    struct backend *backend;
    int32_t rc = backend_open(host, options, brand, &backend, err);

    if (!rc) {
        *ret_backend = backend;
    }
    return rc;
}

int32_t ops_probe(void *backend, const struct enclave_sink *report, struct enclave_error *err)
{
    return backend_probe(backend, report, err);
}

void ops_tidy(void *backend)
{
    backend_tidy(backend);
}

int32_t ops_adopt(void *backend, const struct enclave_adoption *host_adoption,
                  struct enclave_error *err)
{
    struct enclave_adoption adoption;

    ops_copy_sized(&adoption, sizeof adoption, host_adoption, host_adoption->size);
    return backend_adopt(backend, &adoption, err);
}

int32_t ops_set_state(void *sandbox, const void *data, uint64_t length, struct enclave_error *err)
{
    return agent_set_state(sandbox_agent(sandbox), data, length, err);
}

int32_t ops_detach(void *sandbox, struct enclave_error *err)
{
    return sandbox_detach(sandbox, err);
}
