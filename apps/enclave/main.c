/*
 * main.c - the `enclave` command: finds the verb, prints help and version.
 *
 * Owns: the list of verbs and what they have in common. Does not own: what a verb does.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "report.h"
#include "text.h"
#include "verbs.h"

#include <enclave/enclave.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct verb *const verbs[] = {
    &verb_run, &verb_serve, &verb_create, &verb_exec,  &verb_ps,      &verb_info,   &verb_tools,
    &verb_cp,  &verb_stop,  &verb_rm,     &verb_stats, &verb_plugins, &verb_config, &verb_doctor};
#define VERBS (sizeof verbs / sizeof verbs[0])

static void print_overview(FILE *file)
{
    fputs("Run untrusted code in sandboxes.\n\n"
          "Usage: enclave [OPTION]... VERB [ARGUMENT]...\n\n"
          "Verbs:\n",
          file);
    for (size_t i = 0; i < VERBS; i++) {
        fprintf(file, "  %-10s %s\n", verbs[i]->name, verbs[i]->summary);
    }
    fputs("  help       Show help for a verb: enclave help run\n\n"
          "Options, before or after the verb:\n"
          "  -c, --config FILE    read this INI file instead of the usual one\n"
          "  -b, --backend NAME   where sandboxes live: docker, ..., or auto\n"
          "      --server URL     on that server; without: $ENCLAVE_SERVER\n"
          "      --key-file FILE  file with the key for that server\n"
          "      --json           print JSON, for programs\n"
          "  -v, --verbose        say what is done, and how long it takes; -vv: more\n"
          "  -q, --quiet          errors only: no warnings, no progress\n"
          "  -h, --help           show help\n"
          "  -V, --version        show the version\n\n"
          "Examples:\n"
          "  enclave run 'print(40 + 2)'\n"
          "  enclave run --tool shell_executor 'ls -l /'\n"
          "  enclave doctor\n"
          "  enclave serve    # then, elsewhere: enclave ps --server URL\n",
          file);
}

static const struct verb *find_verb(const char *name)
{
    for (size_t i = 0; i < VERBS; i++) {
        if (strcmp(verbs[i]->name, name) == 0) {
            return verbs[i];
        }
    }
    return NULL;
}

static int complain_verb(const char *name)
{
    const char *names[VERBS + 2] = {NULL};
    const char *close;

    for (size_t i = 0; i < VERBS; i++) {
        names[i] = verbs[i]->name;
    }
    names[VERBS] = "help";
    close = text_closest(name, names);
    if (close) {
        report_error("unknown verb '%s'; did you mean '%s'?", name, close);
    } else {
        report_error("unknown verb '%s'; try 'enclave --help'", name);
    }
    return EXIT_ENCLAVE;
}

int verb_finish(int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout)) {
        return code;
    }
    if (errno == EPIPE) {
        return EXIT_SIGNAL + SIGPIPE;
    }
    report_error("cannot write to standard output: %s", strerror(errno));
    return EXIT_ENCLAVE;
}

static int print_version(void)
{
    printf("enclave %s\n", enclave_version());
    return verb_finish(EXIT_OK);
}

static int print_help(const struct verb *verb)
{
    if (verb) {
        fputs(verb->help, stdout);
    } else {
        print_overview(stdout);
    }
    return verb_finish(EXIT_OK);
}

int verb_parse(const struct verb *verb, struct arg_parser *parser, int argc, char **argv, int first)
{
    parser->verb = verb->name;
    if (args_parse(parser, argc, argv, first) < 0) {
        return EXIT_ENCLAVE;
    }
    if (parser->globals->help) {
        return print_help(verb);
    }
    if (parser->globals->version) {
        return print_version();
    }
    report_set_level(parser->globals->level);
    return -1;
}

static int refuse_operand(void *ctx, int id, const char *value)
{
    const struct verb *verb = ctx;

    (void)id;
    report_error("unexpected argument '%s'; try 'enclave %s --help'", value, verb->name);
    return -1;
}

int verb_parse_plain(const struct verb *verb, struct globals *globals, int argc, char **argv,
                     int first)
{
    struct verb copy = *verb;
    struct arg_parser parser = {.globals = globals, .take = refuse_operand, .ctx = &copy};

    return verb_parse(verb, &parser, argc, argv, first);
}

static int help_verb(int argc, char **argv, int first)
{
    const struct verb *verb;

    if (first >= argc || strcmp(argv[first], "help") == 0) {
        return print_help(NULL);
    }
    verb = find_verb(argv[first]);
    return verb ? print_help(verb) : complain_verb(argv[first]);
}

/*
 * A program may be started with 0, 1 or 2 closed; then the next file opened would become its
 * stdout. Opened for the wrong direction, so that using them still fails.
 */
static int fill_standard_fds(void)
{
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd) {
            return -1;
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct globals globals = {0};
    struct arg_parser parser = {.globals = &globals, .stop_at_operand = true};
    const struct verb *verb;
    int first;

    if (fill_standard_fds() != 0) {
        return EXIT_ENCLAVE;
    }
    first = args_parse(&parser, argc, argv, 1);
    if (first < 0) {
        return EXIT_ENCLAVE;
    }
    if (first < argc) {
        if (strcmp(argv[first], "help") == 0) {
            return help_verb(argc, argv, first + 1);
        }
        verb = find_verb(argv[first]);
        return verb ? verb->run(&globals, argc, argv, first + 1) : complain_verb(argv[first]);
    }
    if (globals.help) {
        return print_help(NULL);
    }
    if (globals.version) {
        return print_version();
    }
    report_error("no verb given; try 'enclave --help'");
    return EXIT_ENCLAVE;
}
