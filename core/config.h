/*
 * config.h - the effective configuration of a manager: defaults, file, environment, options.
 *
 * Owns the keys of [enclave], [plugins] and [sandbox]. The sections of plugins are checked against
 * their option tables when they are loaded.
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
    struct name_list paths; /* plugin folders */
    struct name_list backends;
    struct name_list tools;
    json_object *sandbox;  /* fields that [sandbox] sets, checked */
    uint64_t sandbox_bits; /* and what they ask for */
};

/* CONFIG: place and what was expected. On failure `config` is empty. */
int32_t config_load(struct config *config, const struct enclave_manager_options *options,
                    struct enclave_error *err);
void config_free(struct config *config);

/* 1 when the list has the name (or is for all). */
int name_list_has(const struct name_list *list, const char *name);

/* The options of the plugin "KIND NAME" as JSON: defaults and the settings of its section. NULL with an
 * error that tells the place. */
json_object *config_plugin_options(const struct config *config, const char *section,
                                   const struct enclave_option *table, struct enclave_error *err);

/* The rows that enclave_manager_get_config() shows for [enclave], [plugins], [sandbox]. */
int32_t config_describe(const struct config *config, json_object *rows);
/* And for the section of a plugin. */
int32_t config_describe_plugin(const struct config *config, const char *section,
                               const struct enclave_option *table, json_object *rows);

#endif
