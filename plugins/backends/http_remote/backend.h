/*
 * backend.h - the server as a backend: options, and the requests that are about no sandbox in particular.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HTTP_REMOTE_BACKEND_H
#define HTTP_REMOTE_BACKEND_H

#include "exchange.h"

#include <enclave/backend.h>

#include <json-c/json.h>

struct remote {
    const struct enclave_host *host;
    struct exchanger exchanger;
    char *type; /* of sandboxes whose creator names none */
    int64_t retry_timeout_ms;
};

extern const struct enclave_option remote_options[];

int32_t remote_open(const struct enclave_host *host, const char *options, void **ret_backend,
                    struct enclave_error *err);
void remote_close(void *backend);
void remote_ending(void *backend);
int32_t remote_probe(void *backend, const struct enclave_sink *report, struct enclave_error *err);
int32_t remote_capabilities(void *backend, uint64_t *ret_bits, struct enclave_error *err);
int32_t remote_list(void *backend, uint32_t status, const struct enclave_sink *to,
                    struct enclave_error *err);
int32_t remote_sweep(void *backend, const struct enclave_sink *to, struct enclave_error *err);
int32_t remote_stats(void *backend, const struct enclave_sink *to, struct enclave_error *err);

/* SERVER_ENCLAVE or _OTHER; asks when nothing has been answered yet. */
int32_t remote_server(struct remote *remote, int cancel_fd, int *ret_server,
                      struct enclave_error *err);
/* NOTSUP unless the server is one of Enclave's. */
int32_t remote_needs_enclave(struct remote *remote, const char *what, struct enclave_error *err);

#endif
