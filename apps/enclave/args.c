/*
 * args.c - see args.h.
 *
 * Not getopt_long(): it takes abbreviations, which break as soon as an option is added, and it
 * cannot say what the user may have meant.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "args.h"

#include "report.h"
#include "text.h"

#include <stdio.h>
#include <string.h>

#define NAMES_MAX 64

const struct arg_option global_options[] = {
    {"help", 'h', NULL, ARG_HELP},       {"version", 'V', NULL, ARG_VERSION},
    {"config", 'c', "FILE", ARG_CONFIG}, {"backend", 'b', "NAME", ARG_BACKEND},
    {"server", '\0', "URL", ARG_SERVER}, {"key-file", '\0', "FILE", ARG_KEY_FILE},
    {"json", '\0', NULL, ARG_JSON},      {"verbose", 'v', NULL, ARG_VERBOSE},
    {"quiet", 'q', NULL, ARG_QUIET},     {NULL, '\0', NULL, 0},
};

static const struct arg_option *find(const struct arg_option *table, const char *name,
                                     size_t length, char letter)
{
    for (; table && table->name; table++) {
        if (name ? strlen(table->name) == length && memcmp(table->name, name, length) == 0
                 : table->letter == letter) {
            return table;
        }
    }
    return NULL;
}

static const struct arg_option *find_any(const struct arg_parser *parser, const char *name,
                                         size_t length, char letter)
{
    const struct arg_option *found = find(parser->options, name, length, letter);
    return found ? found : find(global_options, name, length, letter);
}

static const char *closest_option(const struct arg_parser *parser, const char *name, size_t length)
{
    const struct arg_option *tables[] = {parser->options, global_options};
    const char *names[NAMES_MAX] = {NULL};
    char word[64];
    size_t count = 0;

    if (length >= sizeof word) {
        return NULL;
    }
    memcpy(word, name, length);
    word[length] = '\0';
    for (size_t i = 0; i < 2; i++) {
        for (const struct arg_option *o = tables[i]; o && o->name && count < NAMES_MAX - 1; o++) {
            names[count++] = o->name;
        }
    }
    return text_closest(word, names);
}

static int complain_unknown(const struct arg_parser *parser, const char *arg)
{
    const char *verb = parser->verb ? parser->verb : "";
    const char *gap = parser->verb ? " " : "";
    const char *close = NULL;

    if (arg[0] == '-' && arg[1] == '-') {
        close = closest_option(parser, arg + 2, strcspn(arg + 2, "="));
    }
    if (close) {
        report_error("unknown option '%.*s'; did you mean '--%s'?", (int)strcspn(arg, "="), arg,
                     close);
    } else {
        report_error("unknown option '%s'; try 'enclave%s%s --help'", arg, gap, verb);
    }
    return -1;
}

static int take_global(struct globals *globals, int id, const char *value)
{
    switch (id) {
    case ARG_HELP:
        globals->help = true;
        break;
    case ARG_VERSION:
        globals->version = true;
        break;
    case ARG_CONFIG:
        if (value[0] == '\0') { /* the library takes it as "read no file" */
            report_error("--config: the file's name is empty");
            return -1;
        }
        globals->config = value;
        break;
    case ARG_BACKEND:
        globals->backend = value;
        break;
    case ARG_SERVER:
        if (value[0] == '\0') {
            report_error("--server: the URL is empty; expected http://HOST:PORT or unix:PATH");
            return -1;
        }
        globals->server = value;
        break;
    case ARG_KEY_FILE:
        globals->key_file = value;
        break;
    case ARG_JSON:
        globals->json = true;
        break;
    case ARG_VERBOSE:
        globals->level = globals->level < REPORT_VERBOSE ? REPORT_VERBOSE : REPORT_DEBUG;
        break;
    default:
        globals->level = REPORT_QUIET;
        break;
    }
    return 0;
}

static int take(const struct arg_parser *parser, const struct arg_option *option, const char *value)
{
    if (option->id < ARG_OWN) {
        return take_global(parser->globals, option->id, value);
    }
    return parser->take(parser->ctx, option->id, value);
}

static int take_long(const struct arg_parser *parser, const char *arg, const char *next)
{
    size_t length = strcspn(arg + 2, "=");
    const char *inlined = arg[2 + length] == '=' ? arg + 2 + length + 1 : NULL;
    const struct arg_option *option = find_any(parser, arg + 2, length, '\0');

    if (!option) {
        return complain_unknown(parser, arg);
    }
    if (!option->value) {
        if (inlined) {
            report_error("option '--%s' takes no value", option->name);
            return -1;
        }
        return take(parser, option, NULL) == 0 ? 1 : -1;
    }
    if (!inlined && !next) {
        report_error("option '--%s' needs a value: --%s %s", option->name, option->name,
                     option->value);
        return -1;
    }
    if (take(parser, option, inlined ? inlined : next) != 0) {
        return -1;
    }
    return inlined ? 1 : 2;
}

static int take_short(const struct arg_parser *parser, const char *arg, const char *next)
{
    for (const char *at = arg + 1; *at != '\0'; at++) {
        const struct arg_option *option = find_any(parser, NULL, 0, *at);
        if (!option) {
            return complain_unknown(parser, arg);
        }
        if (!option->value) {
            if (take(parser, option, NULL) != 0) {
                return -1;
            }
            continue;
        }
        if (at[1] == '\0' && !next) {
            report_error("option '-%c' needs a value: -%c %s", *at, *at, option->value);
            return -1;
        }
        if (take(parser, option, at[1] != '\0' ? at + 1 : next) != 0) {
            return -1;
        }
        return at[1] != '\0' ? 1 : 2;
    }
    return 1;
}

/* "-" is an operand (stdin), "-1" would be code. */
static bool is_option(const char *arg)
{
    return arg[0] == '-' && arg[1] != '\0';
}

int args_parse(const struct arg_parser *parser, int argc, char **argv, int first)
{
    bool options_over = false;
    int i = first;

    while (i < argc) {
        const char *arg = argv[i];
        const char *next = i + 1 < argc ? argv[i + 1] : NULL;
        int used = 1;

        if (!options_over && strcmp(arg, "--") == 0) {
            options_over = true;
        } else if (!options_over && is_option(arg)) {
            used = arg[1] == '-' ? take_long(parser, arg, next) : take_short(parser, arg, next);
        } else if (parser->stop_at_operand) {
            break;
        } else {
            used = parser->take(parser->ctx, ARG_OPERAND, arg) == 0 ? 1 : -1;
        }
        if (used < 0) {
            return -1;
        }
        i += used;
    }
    return i;
}
