/*
 * backend.h - what all sandboxes of one backend share: the engine, the event loop, the worker, the
 * uids, the agent's program. Made cheaply; the engine is first spoken to when it is needed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_CONTAINER_BACKEND_H
#define ENCLAVE_CONTAINER_BACKEND_H

#include "container.h"
#include "reconcile.h"
#include "sandbox_ops.h"
#include "uid_range.h"
#include "worker.h"

#include <enclave/backend.h>

/* How the agent gets into containers. */
enum agent_mount {
    AGENT_MOUNT_AUTO, /* not known yet: try to bind it, else upload it */
    AGENT_MOUNT_BIND,
    AGENT_MOUNT_UPLOAD
};

/* A kind of engine. */
struct backend_brand {
    struct engine_options engine; /* what the options say comes on top */
    /* Where it is when no option says so, free(); NULL: as engine.h has it. */
    char *(*find_host)(void);
};

struct backend {
    const struct enclave_host *host;
    const struct backend_brand *brand;
    json_object *options;
    struct engine *engine;
    struct container_api api;
    int pull_missing;
    struct worker worker;
    struct reconcile reconcile;
    int64_t mute_until_ms; /* the engine is not asked about losses before; the worker's alone */

    pthread_mutex_t lock; /* guards the members below until `ready`, and `agent_mount` */
    int ready;
    enum agent_mount agent_mount;
    char *agent_path;
    struct agent_loop *loop;
    struct uid_range uids;
};

int32_t backend_open(const struct enclave_host *host, const char *options,
                     const struct backend_brand *brand, struct backend **ret_backend,
                     struct enclave_error *err);

int32_t backend_probe(struct backend *backend, const struct enclave_sink *report,
                      struct enclave_error *err);

/* What the engine can enforce, of ENCLAVE_CAN_... */
uint64_t backend_bits(const struct engine_facts *facts);

/* As the ops of <enclave/backend.h>. */
void backend_tidy(struct backend *backend);
int32_t backend_adopt(struct backend *backend, const struct enclave_adoption *adoption,
                      struct enclave_error *err); /* adopt.c */

/* Make ready what sandboxes need: facts, agent, uids, loop, worker. */
int32_t backend_prepare(struct backend *backend, int cancel_fd, struct engine_facts *ret_facts,
                        struct enclave_error *err);

enum agent_mount backend_agent_mount(struct backend *backend);
/* What AGENT_MOUNT_AUTO came to. */
void backend_settle_agent_mount(struct backend *backend, enum agent_mount mount);

#endif
