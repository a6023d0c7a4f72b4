/*
 * plugins.c - `enclave plugins`: the plugin files found, those refused among them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "session.h"
#include "table.h"
#include "verbs.h"

#include <stdio.h>
#include <string.h>

static const char help[] =
    "List the plugins found: loaded, disabled, and refused with the reason.\n\n"
    "Usage: enclave plugins [--json]\n\n"
    "Plugins are looked for in the folders of $ENCLAVE_PLUGIN_PATH, else of the\n"
    "key 'path' in section [plugins]; that section also says which are enabled.\n\n"
    "Examples:\n"
    "  enclave plugins\n"
    "  ENCLAVE_PLUGIN_PATH=~/mine:$(pkg-config --variable=plugindir enclave) \\\n"
    "      enclave plugins\n"
    "  enclave plugins --json | jq '.[] | select(.state == \"refused\")'\n";

static void row(void *ctx, size_t index, const char **cells)
{
    struct json_object *plugin = json_object_array_get_idx(ctx, index);

    cells[0] = json_text(plugin, "kind", "-");
    cells[1] = json_text(plugin, "name", "-");
    cells[2] = json_text(plugin, "version", "-");
    cells[3] = json_text(plugin, "state", "-");
    cells[4] = json_text(plugin, "file", "-");
    cells[5] = json_text(plugin, "reason", json_text(plugin, "summary", "-"));
}

static void show(struct json_object *plugins)
{
    static const char *const headings[] = {"KIND", "NAME", "VERSION", "STATE", "FILE", "ABOUT"};

    table_print(stdout, headings, 6, json_object_array_length(plugins), row, plugins);
}

static int run(struct globals *globals, int argc, char **argv, int first)
{
    int code = verb_parse_plain(&verb_plugins, globals, argc, argv, first);

    return code >= 0 ? code : session_ask(globals, enclave_manager_get_plugins, show);
}

const struct verb verb_plugins = {"plugins", "List plugins, also those refused, and why", help,
                                  run};
