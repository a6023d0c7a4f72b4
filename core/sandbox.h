/*
 * sandbox.h - one sandbox of the manager: its state, its tools, who is using it.
 *
 * Life of the struct: it is made with one reference for the map and one for each thread that uses it. A
 * thread that needs the backend's handle enters and leaves; stop and delete wait until all have left.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CORE_SANDBOX_H
#define CORE_SANDBOX_H

#include "clock.h"
#include "registry.h"
#include "turn.h"

#include <enclave/enclave.h>

#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

struct job;
struct request;

/* A tool that is enabled in a sandbox. */
struct sandbox_tool {
    struct plugin *plugin;
    void *tool;         /* what open() returned */
    int64_t timeout_ms; /* of its option `timeout`; -1: not set */
};

/* The `command` of the configuration, started with the sandbox. Guarded by the sandbox's lock. */
struct startup_command {
    void *process; /* NULL: none, or released */
    int exited;
    struct enclave_exit end;
    char reason[160];
};

struct sandbox {
    /* What each execution reads comes first, and together. */
    char id[ENCLAVE_ID_SIZE];
    struct sandbox *next; /* in its bucket of the map, guarded there; later the reaper's */
    struct plugin *backend;
    struct sandbox_tool *tools;
    size_t tool_count;
    int64_t timeout_ms; /* of the configuration; 0: none */
    atomic_uint references;
    char *type; /* that was asked for, while it is created; NULL: not created here */

    pthread_mutex_t lock; /* guards the next ones, up to the command; a leaf */
    uint32_t status;
    unsigned users;      /* threads that use the handle */
    int soiled;          /* entered by its id since the pool has made or reset it */
    void *handle;        /* the backend's; NULL before it runs and after it is gone */
    pthread_cond_t left; /* users became 0, or the command exited */
    int64_t used_s;      /* the manager's clock: last end of a use of the handle, or the creation */
    int64_t updated_s;   /* of the status, on the manager's clock */
    char updated[CLOCK_TEXT_SIZE];           /* the same, UTC */
    char reason[ENCLAVE_ERROR_MESSAGE_SIZE]; /* of an error */
    struct startup_command command;
    struct pool *pool;    /* whose member it is, with a reference; NULL: nobody's */
    int64_t kept_until_s; /* the manager's clock: no ttl counts before */
    int borrowed;         /* another manager's, and not ours to delete: not made by us, or gone */

    json_object *config; /* complete; while it is being created */
    char *config_text;   /* the same as JSON text; not changed */
    char *working_dir;
    int64_t ttl_s;      /* of the configuration; 0: none */
    int64_t created_us; /* UTC */
    char created[CLOCK_TEXT_SIZE];
    int64_t created_s; /* the manager's clock */
    char *metadata; /* from the backend, and what is enforced and not: a JSON object with members */
    pthread_mutex_t saving;  /* of what is kept for the next manager; before the lock */
    int transient;           /* not for the next manager */
    char *owner;             /* whose it is; NULL: nobody's */
    uint64_t wanted;         /* ENCLAVE_CAN_... that its configuration asks for */
    uint64_t unenforced;     /* those of them that it does not have */
    struct turns turns;      /* of commands */
    struct request *request; /* that made it; NULL: it had no key */

    TAILQ_HEAD(, job) jobs;    /* submitted ones that wait; guarded by the submitter's lock */
    TAILQ_ENTRY(sandbox) lane; /* with the other sandboxes that have some; likewise */
    const char *buried_for;    /* guarded by the reaper's lock */
    struct sandbox *pool_next; /* guarded by the pool's lock */
};

/* With one reference, the caller's. `type` may be NULL. NULL without memory. */
struct sandbox *sandbox_new(const char *id, const char *type);
void sandbox_ref(struct sandbox *sandbox);
/* Frees it with the last reference; the handle must be gone by then. Accepts NULL. */
void sandbox_unref(struct sandbox *sandbox);

/* Change the status; `now_s` is the manager's clock. The lock is held. */
void sandbox_set_status(struct sandbox *sandbox, uint32_t status, int64_t now_s);

/*
 * Ask the backend, from memory, whether it still runs, and say so in the status. Then the status. The lock is
 * held.
 */
uint32_t sandbox_refresh(struct sandbox *sandbox, int64_t now_s);

/* Use the handle: only when it is running (idle, busy); in another manager's in any state, as that one knows better.
 * STATE otherwise; `what` for the message. */
int32_t sandbox_enter(struct sandbox *sandbox, const char *what, int64_t now_s,
                      struct enclave_error *err);
void sandbox_leave(struct sandbox *sandbox, int64_t now_s);

/* Use the handle in whatever state it is, for what changes nothing in the sandbox. 0: it is not there (yet, or any
 * more). */
int sandbox_hold(struct sandbox *sandbox);
/* After sandbox_hold(); sandbox_leave() is one that counts as a use. */
void sandbox_unhold(struct sandbox *sandbox);

/* With the contents of `from`, under another id and with one reference, the caller's; `from`, which is still being
 * created, is empty then. NULL without memory. */
struct sandbox *sandbox_renamed(struct sandbox *from, const char *id);

/* An enabled tool by name, or NULL. */
struct sandbox_tool *sandbox_find_tool(const struct sandbox *sandbox, const char *name);

#endif
