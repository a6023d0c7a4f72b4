/*
 * verbs.h - the verbs of the command; each has its file.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_APP_VERBS_H
#define ENCLAVE_APP_VERBS_H

#include "args.h"

/* Exit codes that are our own; a program's exit code passes through `run` and `exec` as it is. */
enum {
    EXIT_OK = 0,
    EXIT_FAULT = 1,       /* doctor: nothing works; run, exec: a tool that is no program failed */
    EXIT_TIMED_OUT = 124, /* as timeout(1) */
    EXIT_ENCLAVE = 125,   /* an error of enclave itself, as with `docker run` */
    EXIT_SIGNAL = 128     /* and the signal's number */
};

struct verb {
    const char *name;
    const char *summary;
    const char *help;
    /* Arguments from argv[first] on belong to the verb. Returns the exit code. */
    int (*run)(struct globals *globals, int argc, char **argv, int first);
};

extern const struct verb verb_run, verb_serve, verb_plugins, verb_config, verb_doctor;
/* Those of a server's sandboxes. */
extern const struct verb verb_create, verb_exec, verb_ps, verb_info, verb_tools, verb_cp, verb_stop,
    verb_rm, verb_stats;

/* Parse what belongs to a verb. Returns -1 when it shall go on, else the exit code: help was asked
 * for (and printed), or there is a mistake (and was reported). */
int verb_parse(const struct verb *verb, struct arg_parser *parser, int argc, char **argv,
               int first);

/* The same for a verb with neither own options nor operands. */
int verb_parse_plain(const struct verb *verb, struct globals *globals, int argc, char **argv,
                     int first);

/* Flush stdout. Returns `code`, or the exit code for output that went nowhere. */
int verb_finish(int code);

#endif
