/*
 * sandbox_object.h - the object behind a sandbox's handle, for sandbox.c (its life) and launch.c
 * (its making). Nobody else includes it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_CONTAINER_SANDBOX_OBJECT_H
#define ENCLAVE_CONTAINER_SANDBOX_OBJECT_H

#include "container_spec.h"
#include "sandbox.h"

struct sandbox {
    struct backend *backend;
    struct sandbox_config config; /* once it runs: remove_on_exit only */
    struct sandbox_limits limits;
    int podman; /* the engine is Podman */
    char *id;
    char name[CONTAINER_NAME_SIZE];
    char container_id[CONTAINER_ID_SIZE];
    uint32_t uid;
    uint32_t gid;
    int owns_uid;                     /* from the backend's range */
    uint32_t lease_ms;                /* 0: it ends with its manager */
    char token[AGENT_TOKEN_SIZE + 1]; /* "": nobody can adopt it */

    pthread_mutex_t stop_lock; /* one stop at a time; taken before `lock` */
    int closed;                /* agent_close() has been called; guarded by stop_lock */
    int detached;              /* so that it goes on; guarded by stop_lock */
    pthread_mutex_t lock;      /* guards the members below */
    struct agent *agent;       /* set once */
    int lost;                  /* the stream has ended by itself */
    int stopped;
    int64_t lost_at_ms; /* on the monotonic clock */
    char hint[256];     /* what the stream said at its end */
    struct worker_job explain;
};

/* The agent's stream has ended by itself. On the loop's thread, once; possibly before
 * agent_connect() has returned the agent. `ctx` is the sandbox. */
void sandbox_on_lost(void *ctx, const char *reason);
void sandbox_set_agent(struct sandbox *sandbox, struct agent *agent);
/* The agent's stream is ended and its handle freed: for an attempt that failed. */
void sandbox_drop_agent(struct sandbox *sandbox);

/* Its container may still run: nobody else is to get its uid. */
void sandbox_lose_uid(struct sandbox *sandbox);

/* An object without a container; NULL without memory. */
struct sandbox *sandbox_alloc(struct backend *backend, const char *id);
/* The stream has ended. Accepts NULL. */
void sandbox_free(struct sandbox *sandbox);

/* A new name for its container, which is not made yet. The random part keeps names apart across managers, and across lives
 * of one id. */
void sandbox_assign_name(struct sandbox *sandbox);

/* By which the engine is asked for the container: its id, once it is known. An engine that was killed in the middle of a
 * removal keeps a container whose name is nobody's any more, and would say of the name that there is none. */
const char *sandbox_container(const struct sandbox *sandbox);

#endif
