/*
 * sandbox.h - one sandbox of the manager: its state, its tools, who is using it; and the map of them.
 *
 * Life of the struct: it is made with one reference for the map and one for each thread that uses it. A
 * thread that needs the backend's handle enters and leaves; stop and delete wait until all have left.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CORE_SANDBOX_H
#define CORE_SANDBOX_H

#include "registry.h"

#include <enclave/enclave.h>

#include <pthread.h>

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
    char id[ENCLAVE_ID_SIZE];
    struct plugin *backend;
    json_object *config; /* complete; not changed once it runs */
    char *config_text;   /* the same as JSON text */
    char *working_dir;
    int64_t timeout_ms; /* of the configuration; 0: none */
    int64_t created_us; /* UTC */
    int64_t created_s;  /* the manager's clock */
    struct sandbox_tool *tools;
    size_t tool_count;
    json_object *metadata; /* from the backend */
    uint64_t unenforced;

    pthread_mutex_t lock; /* guards all below; taken inside the map's lock, never around it */
    pthread_cond_t left;  /* users became 0, or the command exited */
    unsigned references;
    unsigned users; /* threads that use the handle */
    void *handle;   /* the backend's; NULL before it runs and after it is gone */
    uint32_t status;
    int64_t updated_us;                      /* UTC: last change of status */
    int64_t updated_s;                       /* the manager's clock */
    char reason[ENCLAVE_ERROR_MESSAGE_SIZE]; /* of an error */
    struct startup_command command;

    struct sandbox *next; /* in its bucket of the map; guarded by the map's lock */
};

/* With one reference, the caller's. NULL without memory. */
struct sandbox *sandbox_new(const char *id);
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

/* Use the handle: only when it is running (idle, busy). STATE otherwise; `what` for the message. */
int32_t sandbox_enter(struct sandbox *sandbox, const char *what, int64_t now_s,
                      struct enclave_error *err);
void sandbox_leave(struct sandbox *sandbox);

/* An enabled tool by name, or NULL. */
struct sandbox_tool *sandbox_find_tool(const struct sandbox *sandbox, const char *name);

/* ------------------------------------------------------------------------------------------ map */

struct sandbox_map {
    pthread_mutex_t lock; /* guards all below, and `next` of the sandboxes */
    struct sandbox **buckets;
    size_t bucket_count; /* a power of two */
    size_t count;
};

int32_t sandbox_map_init(struct sandbox_map *map);
void sandbox_map_destroy(struct sandbox_map *map);
/* The map takes a reference of its own. EXISTS when the id is taken, NOMEM. */
int32_t sandbox_map_add(struct sandbox_map *map, struct sandbox *sandbox);
/* With a reference for the caller; NULL when there is none. */
struct sandbox *sandbox_map_find(struct sandbox_map *map, const char *id);
/* Take it out; the map's reference becomes the caller's. 0 when it is not (any more) there, also when another
 * has its id meanwhile. */
int sandbox_map_remove(struct sandbox_map *map, struct sandbox *sandbox);
/* All of them, in order of creation, each with a reference for the caller. NULL without memory. */
struct sandbox **sandbox_map_snapshot(struct sandbox_map *map, size_t *ret_count);
void sandbox_snapshot_free(struct sandbox **all, size_t count);

#endif
