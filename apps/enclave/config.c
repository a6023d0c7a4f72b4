/*
 * config.c - `enclave config`: the configuration in effect, and where each value came from.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "report.h"
#include "session.h"
#include "text.h"
#include "verbs.h"

#include <stdio.h>
#include <string.h>

/* Column in which "; from" stands when the setting is not longer. */
#define SOURCE_COLUMN 40

/* What the library shows for the value of a secret. */
#define HIDDEN "***"

static const char help[] =
    "Show the configuration in effect, each value with where it came from.\n\n"
    "Usage: enclave config [-v] [--json]\n\n"
    "The output is an INI file itself; with -v it also says what each key means.\n"
    "Values of secrets show as ***.\n\n"
    "The file is the one given with --config, else $ENCLAVE_CONFIG, else\n"
    "~/.config/enclave/enclave.ini, else the system's. Defaults fill the gaps.\n\n"
    "Examples:\n"
    "  enclave config\n"
    "  enclave --config other.ini config --json\n";

static void show_setting(struct json_object *setting)
{
    const char *about = json_text(setting, "help", NULL);
    struct json_object *member = NULL;
    const char *value;
    size_t used = 0;

    json_object_object_get_ex(setting, "value", &member);
    value = json_object_get_string(member); /* NULL for null */
    if (about && report_level() >= REPORT_VERBOSE) {
        fputs("; ", stdout);
        text_print(stdout, about);
        putchar('\n');
    }
    /* What has no value, or a hidden one, is a comment: read back, it would be something else. */
    if (!value || strcmp(value, HIDDEN) == 0) {
        fputs("; ", stdout);
        used += 2;
    }
    used += text_print(stdout, json_text(setting, "key", "?"));
    fputs(" = ", stdout);
    used += 3 + text_print(stdout, value ? value : "");
    printf("%*s ; from ", used < SOURCE_COLUMN ? (int)(SOURCE_COLUMN - used) : 0, "");
    text_print(stdout, json_text(setting, "source", "?"));
    putchar('\n');
}

/* Is this the first setting of its section? */
static bool begins_section(struct json_object *settings, size_t index, const char *section)
{
    for (size_t i = 0; i < index; i++) {
        if (strcmp(json_text(json_object_array_get_idx(settings, i), "section", ""), section) ==
            0) {
            return false;
        }
    }
    return true;
}

static void show(struct json_object *settings)
{
    size_t count = json_object_array_length(settings);

    for (size_t i = 0; i < count; i++) {
        const char *section = json_text(json_object_array_get_idx(settings, i), "section", "");
        if (!begins_section(settings, i, section)) {
            continue;
        }
        fputs(i > 0 ? "\n[" : "[", stdout);
        text_print(stdout, section);
        fputs("]\n", stdout);
        for (size_t j = i; j < count; j++) { /* wherever they stand: INI wants them together */
            struct json_object *setting = json_object_array_get_idx(settings, j);
            if (strcmp(json_text(setting, "section", ""), section) == 0) {
                show_setting(setting);
            }
        }
    }
}

static int run(struct globals *globals, int argc, char **argv, int first)
{
    int code = verb_parse_plain(&verb_config, globals, argc, argv, first);

    return code >= 0 ? code : session_ask(globals, enclave_manager_get_config, show);
}

const struct verb verb_config = {"config", "Show the configuration, and where it came from", help,
                                 run};
