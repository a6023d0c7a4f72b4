/*
 * registry.h - the plugins of a manager: those loaded, those not, and why.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CORE_REGISTRY_H
#define CORE_REGISTRY_H

#include "config.h"
#include "loader.h"

#include <pthread.h>

/* One that waits has passed the checks of its file, and is loaded when it is first asked for. */
enum plugin_state { PLUGIN_LOADED, PLUGIN_DISABLED, PLUGIN_REFUSED, PLUGIN_WAITING };

struct plugin {
    size_t number; /* its place in the registry */
    uint32_t kind;
    _Atomic(enum plugin_state) state; /* of one that waits, changed last */
    char *name;
    char *path;         /* of the file */
    const char *folder; /* the configuration's */
    char *reason;       /* of a refusal */
    struct loaded loaded;
    struct enclave_host host; /* what it was given */
    json_object *options;     /* of its section, with defaults */
    json_object *schema;      /* tools: of the parameters */
    char *described;          /* tools: an OpenAI function schema, as JSON text */
    void *backend;            /* backends: what open() returned */
    struct sandbox *buried;   /* those that no thread has taken yet, oldest first; the reaper's, */
    struct sandbox *buried_last;
    unsigned reapers; /* and so are these, the threads that end them */
    int adopting;     /* backends: see adopt.c; guarded by the manager's lock */
};

/* Whether the sandboxes of a backend are another manager's, where their tools run. */
static inline int backend_delegates(const struct plugin *backend)
{
    return backend->loaded.ops.backend.execute_tool != NULL;
}

struct registry {
    struct plugin **plugins;
    size_t count;
    struct waiting *waiting; /* what loads those that wait; NULL: none does */
};

/*
 * Load what the configuration enables from its folders. A plugin enabled by name and missing or refused
 * fails with PLUGIN or CONFIG; one found by `*` and refused is kept with its reason and reported to
 * `log`. `host` is copied for each plugin. [loader]
 *
 * `lazily`: what is only there to be found, beside a backend that is configured by name, waits: for a program
 * that runs for a moment, the libraries of all the others cost more than what it does. `config` and `host` must
 * then live as long as the registry. One that is enabled by name, or has a section, never waits: whether
 * those are right is known only then.
 */
int32_t registry_load(struct registry *registry, const struct config *config,
                      const struct enclave_host *host, int lazily, struct enclave_error *err);

/* Load those that wait: before all are looked at. [any-thread] */
void registry_complete(const struct registry *registry);

/* Closes the backends. [loader] */
void registry_free(struct registry *registry);

/* A loaded plugin by kind and name, or NULL. One that waits is loaded. [any-thread] */
struct plugin *registry_find(const struct registry *registry, uint32_t kind, const char *name);

/* Names of the loaded plugins of a kind, for messages: "a, b"; "none". */
void registry_names(const struct registry *registry, uint32_t kind, char *ret_text, size_t size);

#endif
