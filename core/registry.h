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

enum plugin_state { PLUGIN_LOADED, PLUGIN_DISABLED, PLUGIN_REFUSED };

struct plugin {
    uint32_t kind;
    enum plugin_state state;
    char *name;
    char *path;   /* of the file */
    char *reason; /* of a refusal */
    struct loaded loaded;
    struct enclave_host host; /* what it was given */
    json_object *options;     /* of its section, with defaults */
    json_object *schema;      /* tools: of the parameters */
    void *backend;            /* backends: what open() returned */
};

struct registry {
    struct plugin **plugins;
    size_t count;
};

/*
 * Load what the configuration enables from its folders. A plugin enabled by name and missing or refused
 * fails with PLUGIN or CONFIG; one found by `*` and refused is kept with its reason and reported to
 * `log`. `host` is copied for each plugin. [loader]
 */
int32_t registry_load(struct registry *registry, const struct config *config,
                      const struct enclave_host *host, struct enclave_error *err);
/* Closes the backends. [loader] */
void registry_free(struct registry *registry);

/* A loaded plugin by kind and name, or NULL. */
struct plugin *registry_find(const struct registry *registry, uint32_t kind, const char *name);

/* Names of the loaded plugins of a kind, for messages: "a, b"; "none". */
void registry_names(const struct registry *registry, uint32_t kind, char *ret_text, size_t size);

#endif
