/*
 * config.h - the effective configuration of a manager: defaults, file, environment, options.
 *
 * Owns the keys of [enclave], [plugins] and [sandbox], and checks the program's own section. The sections of plugins
 * are checked against their option tables when they are loaded.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CORE_CONFIG_H
#define CORE_CONFIG_H

#include "config_file.h"

#include <enclave/enclave.h>
#include <enclave/plugin.h>

#include <json-c/json.h>

/* Names, as in `tools = a, b`. `all`: every plugin that is found. */
struct name_list {
    char **names;
    size_t count;
    int all;
};

struct config {
    struct settings settings; /* all that was set, in order */
    char backend[64];         /* "auto" or a name */
    char instance[64];
    int64_t cleanup_interval_us;
    int64_t running_ttl_s;
    int64_t stopped_ttl_s;
    int64_t idle_ttl_s;      /* 0: none */
    uint64_t max_executions; /* submitted ones that run at once */
    uint64_t max_queued;     /* and that wait */
    uint32_t lease_ms;       /* reconnect_grace with on_restart = adopt; 0 with reap */
    int keep;                /* on_free = keep */
    char *state_dir;         /* NULL: the default */
    struct name_list paths;  /* plugin folders */
    struct name_list backends;
    struct name_list tools;
    char section[64]; /* of the program's own; "": none */
    const struct enclave_option *section_options;
    json_object *sandbox;  /* fields that [sandbox] sets, checked */
    uint64_t sandbox_bits; /* and what they ask for */
};

/* config_sources.c: all that is set, in order. CONFIG, NOMEM. `options` may be NULL. */
int32_t config_gather(struct settings *settings, const struct enclave_manager_options *options,
                      struct enclave_error *err);

/* CONFIG: place and what was expected. On failure `config` is empty. */
int32_t config_load(struct config *config, const struct enclave_manager_options *options,
                    struct enclave_error *err);
void config_free(struct config *config);

/* Whether somebody would find what on_free = keep leaves: the next manager of the instance, or, when the configured
 * backend `delegates`, the manager whose sandboxes they are. CONFIG. */
int32_t config_check_keep(const struct config *config, int delegates, struct enclave_error *err);

/* 1 when the list has the name (or is for all). */
int name_list_has(const struct name_list *list, const char *name);

/* The options of the plugin "KIND NAME" as JSON: defaults and the settings of its section. NULL with an
 * error that tells the place. */
json_object *config_plugin_options(const struct config *config, const char *section,
                                   const struct enclave_option *table, struct enclave_error *err);

/* Errors about a setting: an unknown key, `near` (NULL: none) being one that may be meant; and, in front of what
 * is wrong with its value, the place. */
int32_t config_unknown_key(const struct setting *s, const char *near, struct enclave_error *err);
int32_t config_bad_value(const struct setting *s, struct enclave_error *err);

/* One row of enclave_manager_get_config(). `value` and `help` may be NULL. */
int32_t config_add_row(json_object *rows, const char *section, const char *key, const char *value,
                       const char *source, const char *help);

/* The rows that enclave_manager_get_config() shows for [enclave], [plugins], [sandbox], and the program's section. */
int32_t config_describe(const struct config *config, json_object *rows);
/* And for the section of a plugin. */
int32_t config_describe_plugin(const struct config *config, const char *section,
                               const struct enclave_option *table, json_object *rows);

#endif
