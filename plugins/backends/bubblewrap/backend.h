/*
 * backend.h - what all sandboxes of one backend share: the launcher, the event loop, the worker, the
 * uids, the agent's program. Made cheaply; nothing is started before it is needed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_BUBBLEWRAP_BACKEND_H
#define ENCLAVE_BUBBLEWRAP_BACKEND_H

#include "agent.h"
#include "launcher_client.h"
#include "plan.h"
#include "sandbox_ops.h"
#include "uid_range.h"
#include "worker.h"

#include <enclave/backend.h>

#include <json-c/json.h>

struct backend {
    const struct enclave_host *host;
    json_object *options;
    int share_network;
    struct worker worker;

    pthread_mutex_t lock; /* guards the members below; once set, only `launcher` changes */
    char *bwrap;
    char *launcher_path;
    int agent_fd;
    struct agent_loop *loop;
    struct uid_range uids;
    struct launcher *launcher; /* NULL: not started; replaced when it ended */
};

int32_t backend_open(const struct enclave_host *host, const char *options,
                     struct backend **ret_backend, struct enclave_error *err);

/* What can be done about limits, with a launcher that says this. */
struct sandbox_limits backend_limits(const struct launcher_hello *hello);
/* Of ENCLAVE_CAN_..., with a launcher that says this. */
uint64_t backend_bits(const struct backend *backend, const struct launcher_hello *hello);

/* Make ready what sandboxes need. `*ret_launcher` is the caller's to free. */
int32_t backend_prepare(struct backend *backend, struct launcher **ret_launcher,
                        struct enclave_error *err);
/* What it says of itself, for probe's report. */
int32_t backend_describe(struct backend *backend, json_object *report, struct enclave_error *err);

#endif
