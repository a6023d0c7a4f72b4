/*
 * main.c - enclave-conformance: the command line, and what the exit code says.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "groups.h"
#include "hold.h"
#include "subject.h"
#include "tap.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_PASSED = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_ABSENT = 77 };

static const char help[] =
    "Hold a backend of Enclave to what every backend promises.\n\n"
    "Usage: enclave-conformance --backend NAME [OPTIONS]\n\n"
    "Makes sandboxes with the backend, tries what may be relied on, and prints a line\n"
    "for each case in the Test Anything Protocol (TAP 13). A backend is done when all\n"
    "pass. What a backend does not declare that it can do must be refused, or told.\n\n"
    "  --backend NAME   the backend, as in the INI file\n"
    "  --config FILE    the INI file; its [plugins] path has to lead to the backend and to\n"
    "                   the tools. Without: where the enclave command looks\n"
    "  --only PATTERN   cases with this in their name, or fitting it: 'limits.*'\n"
    "  --list           print the cases and what each demands, and run none\n"
    "  --jobs N         cases at once, 8 unless given\n"
    "  --timeout N      seconds that a case may take, 60 unless given\n"
    "  --verbose        what cases note, also of those that pass, and times\n"
    "  --help           this\n\n"
    "The sandboxes need /bin/sh with the usual programs, and python3.\n\n"
    "Exit code: 0 all passed, 1 some failed, 2 nothing could be tested (command line,\n"
    "configuration, no such backend), 77 the backend does not work here. That is 1\n"
    "when $ENCLAVE_TEST_REQUIRE (names and commas) has the backend.\n\n"
    "Examples:\n"
    "  enclave-conformance --backend docker\n"
    "  enclave-conformance --backend mine --config ./mine.ini --only 'lifecycle.*'\n"
    "  ENCLAVE_PLUGIN_PATH=$(pkg-config --variable=plugindir enclave):$PWD/build \\\n"
    "      enclave-conformance --backend mine | tee mine.tap\n";

static const struct tap_group *const groups[] = {
#define GROUP_(name) &name##_group,
    CONFORMANCE_GROUPS(GROUP_)
#undef GROUP_
        NULL,
};

struct arguments {
    struct subject subject;
    struct tap_options tap;
    int list;
    const char *hold; /* not for people: hold.h */
};

static int usage(const char *text, const char *what)
{
    (void)fprintf(stderr, "enclave-conformance: %s%s; 'enclave-conformance --help' explains\n",
                  text, what);
    return EXIT_USAGE;
}

/* A whole number from 1 to `max`; 0 when it is none. */
static unsigned number(const char *text, unsigned max)
{
    char *end = NULL;
    unsigned long n = strtoul(text, &end, 10);

    return *text >= '0' && *text <= '9' && !*end && n <= max ? (unsigned)n : 0;
}

/* -1, or the exit code with which to end. */
static int parse(int argc, char **argv, struct arguments *ret)
{
    static const struct option options[] = {
        {"backend", required_argument, NULL, 'b'}, {"config", required_argument, NULL, 'c'},
        {"only", required_argument, NULL, 'o'},    {"list", no_argument, NULL, 'l'},
        {"jobs", required_argument, NULL, 'j'},    {"timeout", required_argument, NULL, 't'},
        {"verbose", no_argument, NULL, 'v'},       {"help", no_argument, NULL, 'h'},
        {"hold", required_argument, NULL, 'H'},    {NULL, 0, NULL, 0},
    };
    int c;

    while ((c = getopt_long(argc, argv, "b:c:o:lj:t:vh", options, NULL)) != -1) {
        switch (c) {
        case 'b':
            ret->subject.backend = optarg;
            break;
        case 'c':
            ret->subject.config = optarg;
            break;
        case 'o':
            ret->tap.only = optarg;
            break;
        case 'l':
            ret->list = 1;
            break;
        case 'j':
            ret->tap.jobs = number(optarg, 64);
            break;
        case 't':
            ret->tap.deadline_ms = 1000 * (int64_t)number(optarg, 86400);
            break;
        case 'v':
            ret->tap.verbose = 1;
            break;
        case 'H':
            ret->hold = optarg;
            break;
        case 'h':
            (void)fputs(help, stdout);
            return EXIT_PASSED;
        default: /* getopt has said what is wrong */
            return usage("bad command line", "");
        }
    }
    if (optind < argc) {
        return usage("unexpected ", argv[optind]);
    }
    if (!ret->tap.jobs || !ret->tap.deadline_ms) {
        return usage("--jobs takes 1 to 64, --timeout 1 to 86400", "");
    }
    return ret->list || ret->subject.backend ? -1 : usage("--backend NAME is missing", "");
}

static int required(const char *backend)
{
    const char *list = getenv("ENCLAVE_TEST_REQUIRE");
    char *copy = strdup(list ? list : ""), *rest = NULL;
    int found = 0;

    for (char *one = copy ? strtok_r(copy, ", ", &rest) : NULL; one && !found;
         one = strtok_r(NULL, ", ", &rest)) {
        found = strcmp(one, backend) == 0 || strcmp(one, "all") == 0;
    }
    free(copy);
    return found;
}

/* It is not ready: say so, in TAP, and choose the exit code. */
static int not_ready(const struct arguments *arguments, enum subject_state state,
                     const struct enclave_error *err)
{
    const char *backend = arguments->subject.backend;

    if (state == SUBJECT_ABSENT && !required(backend)) {
        (void)printf("TAP version 13\n1..0 # SKIP backend '%s' does not work here: %s\n", backend,
                     err->message);
        return EXIT_ABSENT;
    }
    (void)printf("TAP version 13\nBail out! backend '%s': %s\n", backend, err->message);
    return state == SUBJECT_UNUSABLE ? EXIT_USAGE : EXIT_FAILED;
}

static int run(struct arguments *arguments)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    int64_t began = test_now_ms();
    enum subject_state state = subject_open(&arguments->subject, &err);

    if (state != SUBJECT_READY) {
        int code = not_ready(arguments, state, &err);
        subject_close(&arguments->subject);
        return code;
    }
    arguments->tap.subject = &arguments->subject;
    struct tap_outcome outcome = tap_run(&arguments->tap, groups);
    if (outcome.stuck == 0) {
        subject_close(&arguments->subject);
    }
    (void)printf("# %s: %u cases, %u failed, %u skipped, %.1f s\n", arguments->subject.backend,
                 outcome.run, outcome.failed, outcome.skipped,
                 (double)(test_now_ms() - began) / 1000);
    (void)fflush(stdout);
    if (outcome.stuck > 0) { /* threads left behind go on using what an exit would take down */
        _exit(EXIT_FAILED);
    }
    return outcome.failed ? EXIT_FAILED : EXIT_PASSED;
}

int main(int argc, char **argv)
{
    struct arguments arguments = {
        .tap = {.out = stdout, .jobs = 8, .deadline_ms = 60000},
    };
    int code = parse(argc, argv, &arguments);

    (void)setenv("CONFORMANCE_HOST_SECRET", "seen", 1); /* which no sandbox must see */
    if (code >= 0) {
        return code;
    }
    if (arguments.hold) {
        return hold_main(&arguments.subject, arguments.hold);
    }
    if (arguments.list) {
        return tap_list(stdout, groups, arguments.tap.only) ? EXIT_PASSED
                                                            : usage("no case fits --only", "");
    }
    if (arguments.tap.only && tap_list(NULL, groups, arguments.tap.only) == 0) {
        return usage("no case fits --only ", arguments.tap.only);
    }
    return run(&arguments);
}
