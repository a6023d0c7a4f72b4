/*
 * run_options.h - the command lines of `enclave run`, and of its halves: `create` and `exec`.
 *
 * Owns: their options and the checks of them, the help of `run`. Does not own: what they lead to
 * (creation.c, execution.c, run_request.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_APP_RUN_OPTIONS_H
#define ENCLAVE_APP_RUN_OPTIONS_H

#include "args.h"
#include "input.h"

#include <stddef.h>
#include <stdint.h>

extern const struct arg_option run_option_table[], create_option_table[], exec_option_table[];
extern const char run_help[];

/* Values of an option that may be given several times; borrowed from argv. */
struct values {
    const char **items;
    size_t count;
};

struct run_options {
    const char *verb;  /* for messages */
    const char *tool;  /* the last that was given */
    const char *image; /* NULL: not given, as below */
    const char *memory;
    double cpus;                /* 0: not given */
    int64_t timeout_ms;         /* -1: not given; 0: none */
    int64_t sandbox_timeout_ms; /* create: of executions that give none; the same */
    const char *id, *type;      /* create */
    const char *sandbox;        /* exec: the first operand */
    bool network;
    bool with_stdin;
    const char *code_file;                     /* -f; "-": stdin */
    const char *operand;                       /* CODE; "-": stdin */
    struct values params, env, volumes, tools; /* the items end with NULL */
    struct input code;                         /* data NULL: none given */
    struct input stdin_data;
};

/* Make room for what `argc` arguments can hold. 0, or -1 after reporting an error. */
int run_options_init(struct run_options *options, const char *verb, int argc);
void run_options_clear(struct run_options *options);

/* The `take` of struct arg_parser; `ctx` is a struct run_options. */
int run_options_take(void *ctx, int id, const char *value);

/* After parsing: check what belongs together, read the code and stdin. 0, or -1 after reporting. */
int run_options_complete(struct run_options *options);

/* The value of `--param NAME=VALUE`, NULL when it is not given. */
const char *run_options_param(const struct run_options *options, const char *name);

/* The parameter that CODE is, of the tools that come with enclave; NULL: the schema tells. */
const char *run_main_parameter(const char *tool);

#endif
