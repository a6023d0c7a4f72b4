/*
 * args.h - the command line: options by table, operands, and what to say about mistakes.
 *
 * Owns: the grammar (`--name value`, `--name=value`, `-n value`, `-nvalue`, `-ab`, `--`, options
 * and operands in any order). Does not own: what an option means.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_APP_ARGS_H
#define ENCLAVE_APP_ARGS_H

#include <stdbool.h>

/* Options that every verb takes, also before it. Others have ids from ARG_OWN on. */
enum {
    ARG_OPERAND = 0,
    ARG_HELP,
    ARG_VERSION,
    ARG_CONFIG,
    ARG_BACKEND,
    ARG_SERVER,
    ARG_KEY_FILE,
    ARG_JSON,
    ARG_VERBOSE,
    ARG_QUIET,
    ARG_OWN
};

struct arg_option {
    const char *name;  /* without "--"; NULL ends a table */
    char letter;       /* of the short form, or '\0' */
    const char *value; /* what the value is, for messages; NULL: takes none */
    int id;
};

extern const struct arg_option global_options[];

/* What the global options say. Strings are borrowed from argv. */
struct globals {
    const char *config;
    const char *backend;
    const char *server;
    const char *key_file;
    bool json;
    bool help;
    bool version;
    int level; /* REPORT_... */
};

struct arg_parser {
    const char *verb;                 /* for messages; NULL before there is one */
    const struct arg_option *options; /* the verb's own; NULL: none */
    struct globals *globals;
    /* Receives the verb's own options and operands; 0, or -1 after reporting an error. */
    int (*take)(void *ctx, int id, const char *value);
    void *ctx;
    bool stop_at_operand; /* end there: what follows belongs to a verb */
};

/* Parse argv from `first` on. Returns the index of the first argument that was not parsed, or -1
 * after reporting an error. */
int args_parse(const struct arg_parser *parser, int argc, char **argv, int first);

#endif
