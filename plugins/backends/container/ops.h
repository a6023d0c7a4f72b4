/*
 * ops.h - what the descriptors of backends for container engines have in common: options, and the ops
 * that come on top of those of sandbox_ops.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_CONTAINER_OPS_H
#define ENCLAVE_CONTAINER_OPS_H

#include "backend.h"

#include <enclave/plugin.h>

#define CONTAINER_OPTIONS                                                                          \
    ENCLAVE_OPTION("pull", ENCLAVE_OPTION_STRING, "missing",                                       \
                   "missing: pull an image that the engine does not have; never: refuse"),         \
        ENCLAVE_OPTION("uid_range", ENCLAVE_OPTION_STRING, UID_RANGE_DEFAULT,                      \
                       "uids of payloads, FIRST-LAST, one for each sandbox; the default "          \
                       "becomes " UID_RANGE_MAPPED                                                 \
                       " where the engine is rootless or remaps users"),                           \
        ENCLAVE_OPTION("agent_path", ENCLAVE_OPTION_STRING, NULL,                                  \
                       "the agent's program; else enclave-agent in the folder of this plugin"),    \
        ENCLAVE_OPTION(                                                                            \
            "agent_mount", ENCLAVE_OPTION_STRING, "auto",                                          \
            "how the agent gets into a container: bind, upload, or auto: bind where the "          \
            "engine sees our files"),                                                              \
        ENCLAVE_OPTION("request_timeout", ENCLAVE_OPTION_SECONDS, "60",                            \
                       "seconds that the engine may take for one request, pulls aside")

int32_t ops_open(const struct enclave_host *host, const char *options,
                 const struct backend_brand *brand, void **ret_backend, struct enclave_error *err);
int32_t ops_probe(void *backend, const struct enclave_sink *report, struct enclave_error *err);
void ops_tidy(void *backend);
int32_t ops_adopt(void *backend, const struct enclave_adoption *host_adoption,
                  struct enclave_error *err);
int32_t ops_set_state(void *sandbox, const void *data, uint64_t length, struct enclave_error *err);
int32_t ops_detach(void *sandbox, struct enclave_error *err);

/* The table of a backend that differs in how it is opened. */
#define CONTAINER_OPS(open_function, rank)                                                         \
    {                                                                                              \
        SANDBOX_OPS, .auto_rank = (rank), .open = (open_function), .probe = ops_probe,             \
                     .tidy = ops_tidy, .adopt = ops_adopt, .set_state = ops_set_state,             \
                     .detach = ops_detach,                                                         \
    }

#endif
