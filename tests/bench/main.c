/*
 * main.c - enclave-bench: the command line, and which rows are measured. Asserts nothing.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "rows.h"

#include <curl/curl.h>
#include <fnmatch.h>
#include <getopt.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 15, ROUNDS_MAX = 500, BOXES = 50, BOXES_FULL = 500, BOXES_MAX = 5000 };

static const struct measurement {
    const char *name;
    const char *what;
    rows_fn rows;
    int growth; /* only with --growth, --full, or when --only names it */
} measurements[] = {
    {"run", "the command `enclave run`, from start to end", rows_run, 0},
    {"shell", "shell_executor 'echo hi' beside a native sh", rows_shell, 0},
    {"shell-engine", "the same beside the engine's own exec API", rows_shell_engine, 0},
    {"remote-shell", "the same through `enclave serve` beside this process", rows_remote_shell, 0},
    {"python", "python_executor 'print(42)' beside a native python3", rows_python, 0},
    {"python-cold", "the same with warm = false", rows_python_cold, 0},
    {"python-64-in-1", "64 concurrent Python calls in one sandbox", rows_python_64_in_1, 0},
    {"python-64-in-8", "64 concurrent Python calls in 8 sandboxes", rows_python_64_in_8, 0},
    {"stdout", "1 GiB of stdout through the callback, and memory meanwhile", rows_stdout, 0},
    {"flood", "'echo hi' next to a sandbox that floods", rows_flood, 0},
    {"file", "put_file and get_file of 1 MiB", rows_file, 0},
    {"dir", "put_dir and get_archive of 10,000 files of 1 KiB", rows_dir, 0},
    {"life", "create and delete beside the engine's API alone", rows_life, 0},
    {"cycle", "create, 'echo hi', delete; beside bwrap alone", rows_cycle, 0},
    {"burst", "100 created at once by bubblewrap, beside bwrap alone", rows_burst, 0},
    {"pool", "'echo hi' in a sandbox of a pool beside one of one's own", rows_pool, 0},
    {"many", "--sandboxes N under one manager: memory, threads, rates", rows_many, 0},
    {"core", "the core alone, with 10,000 sandboxes of a backend that does nothing", rows_core, 0},
    {"growth-callers", "'echo hi' by 1, 8, 64, 256 callers at once", rows_growth_callers, 1},
    {"growth-boxes", "'echo hi' over 1, 10, 100 sandboxes", rows_growth_sandboxes, 1},
    {"growth-bytes", "1 KiB to 16 MiB of stdout captured", rows_growth_bytes, 1},
};
static const size_t measurement_count = sizeof measurements / sizeof *measurements;

static atomic_int interrupted; /* lock-free: set by a signal handler, read by any thread */

int bench_interrupted(void)
{
    return interrupted;
}

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

/* The second signal ends us at once; sandboxes end with their manager all the same. */
static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};

    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

/* ------------------------------------------------------------------------------ the command line */

struct arguments {
    const char *only; /* NULL: all */
    int growth;
    int help;
};

static void print_help(void)
{
    puts("Measure Enclave, each row beside a floor that is measured in the same run, in turns.\n"
         "\n"
         "Usage: enclave-bench [OPTION]...\n"
         "\n"
         "  --only PATTERN    only measurements of that name; * and ? stand for others: 'python*'\n"
         "  --growth          also how cost grows with callers, sandboxes and bytes\n"
         "  --full            everything, 500 sandboxes, more rounds: takes long\n"
         "  --rounds N        rounds of slow rows (default 15); quick rows take 20 N, heavy N / 5\n"
         "  --sandboxes N     sandboxes of the row `many` (default 50)\n"
         "  --json            one JSON object on each line: first the machine, then the rows\n"
         "  --backend NAME    where sandboxes live (default docker)\n"
         "  --image NAME      image of sandboxes and of floors (default python:3.11-slim; with\n"
         "                    bubblewrap the host's files)\n"
         "  --program FILE    the `enclave` command (default: the one in PATH)\n"
         "  --help            this\n"
         "\n"
         "Measurements:");
    for (size_t i = 0; i < measurement_count; i++) {
        printf("  %-16s  %s\n", measurements[i].name, measurements[i].what);
    }
    puts("\n"
         "Reading a row: n values; their median; p95, which 95 of 100 are no worse than; the\n"
         "floor's median; ratio = median / floor. For times less is better, for rates (.../s) "
         "more.\n"
         "\n"
         "Examples:\n"
         "  enclave-bench --only 'shell*' --rounds 50\n"
         "  enclave-bench --only many --sandboxes 500\n"
         "  enclave-bench --full --json > result.jsonl");
}

/* A number of 1 to `max`. */
static int take_number(const char *name, const char *text, int max, int *ret)
{
    char *end;
    long value = strtol(text, &end, 10);

    if (end == text || *end || value < 1 || value > max) {
        fprintf(stderr, "enclave-bench: --%s '%s' must be a number from 1 to %d\n", name, text,
                max);
        return -1;
    }
    *ret = (int)value;
    return 0;
}

static int parse(int argc, char **argv, struct bench *bench, struct arguments *arguments)
{
    static const struct option options[] = {{"only", required_argument, NULL, 'o'},
                                            {"growth", no_argument, NULL, 'g'},
                                            {"full", no_argument, NULL, 'f'},
                                            {"rounds", required_argument, NULL, 'r'},
                                            {"sandboxes", required_argument, NULL, 's'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"backend", required_argument, NULL, 'b'},
                                            {"image", required_argument, NULL, 'i'},
                                            {"program", required_argument, NULL, 'p'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    int full = 0;
    int r = 0;

    for (int c; r == 0 && (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        switch (c) {
        case 'o':
            arguments->only = optarg;
            break;
        case 'g':
            arguments->growth = 1;
            break;
        case 'f':
            full = 1;
            break;
        case 'r':
            r = take_number("rounds", optarg, ROUNDS_MAX, &bench->rounds);
            break;
        case 's':
            r = take_number("sandboxes", optarg, BOXES_MAX, &bench->sandboxes);
            break;
        case 'j':
            bench->json = 1;
            break;
        case 'b':
            bench->backend = optarg;
            break;
        case 'i':
            bench->image = optarg;
            break;
        case 'p':
            bench->program = optarg;
            break;
        case 'h':
            arguments->help = 1;
            break;
        default:
            r = -1;
            break;
        }
    }
    if (r == 0 && optind < argc) {
        fprintf(stderr, "enclave-bench: '%s' is not an option\n", argv[optind]);
        r = -1;
    }
    arguments->growth |= full;
    bench->rounds = bench->rounds ? bench->rounds : full ? 2 * ROUNDS : ROUNDS;
    bench->sandboxes = bench->sandboxes ? bench->sandboxes : full ? BOXES_FULL : BOXES;
    return r;
}

/* ------------------------------------------------------------------------------------- the rows */

static int is_wanted(const struct measurement *measurement, const struct arguments *arguments)
{
    if (arguments->only) {
        return fnmatch(arguments->only, measurement->name, 0) == 0;
    }
    return !measurement->growth || arguments->growth;
}

static int is_any_wanted(const struct arguments *arguments)
{
    for (size_t i = 0; i < measurement_count; i++) {
        if (is_wanted(&measurements[i], arguments)) {
            return 1;
        }
    }
    return 0;
}

/* How many failed. */
static int measure(struct bench *bench, const struct arguments *arguments)
{
    int failed = 0;

    for (size_t i = 0; i < measurement_count && !interrupted; i++) {
        struct enclave_error err = ENCLAVE_ERROR_INIT;

        if (!is_wanted(&measurements[i], arguments)) {
            continue;
        }

        if (measurements[i].rows(bench, &err) < 0 && !interrupted) {
            fprintf(stderr, "enclave-bench: %s: %s\n", measurements[i].name, err.message);
            failed++;
        }
    }
    return failed;
}

static int32_t open_manager(struct bench *bench, struct enclave_error *err)
{
    char backend[128], image[256];
    const char *overrides[] = {backend, bench->image ? image : NULL, NULL};
    struct enclave_manager_options options = ENCLAVE_MANAGER_OPTIONS_INIT;

    (void)snprintf(backend, sizeof backend, "enclave.backend=%s", bench->backend);
    (void)snprintf(image, sizeof image, "sandbox.image=%s", bench->image ? bench->image : "");
    options.overrides = overrides;
    return enclave_manager_new(&options, &bench->manager, err);
}

/* What is measured beside what: the engine of the backend, or none. */
static void choose_floors(struct bench *bench)
{
    int is_podman = strcmp(bench->backend, "podman") == 0;
    struct enclave_error err = ENCLAVE_ERROR_INIT;

    if (strcmp(bench->backend, "bubblewrap") == 0) {
        bench->kind = BENCH_NO_ENGINE;
        return;
    }
    bench->kind = is_podman ? BENCH_PODMAN : BENCH_DOCKER;
    bench->image = bench->image ? bench->image : "python:3.11-slim";
    if (engine_api_new(is_podman ? "CONTAINER_HOST" : "DOCKER_HOST",
                       is_podman ? "/run/podman/podman.sock" : "/var/run/docker.sock",
                       &bench->engine, &err) < 0) {
        fprintf(stderr, "enclave-bench: no floors of the engine: %s\n", err.message);
    }
}

static int run(struct bench *bench, const struct arguments *arguments)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct machine machine;

    choose_floors(bench);
    if (open_manager(bench, &err) < 0) {
        fprintf(stderr, "enclave-bench: %s\n", err.message);
        engine_api_free(bench->engine);
        return 1;
    }
    machine_look(&machine);
    report_begin(bench->json, &machine, bench->backend,
                 bench->engine ? engine_api_version(bench->engine) : "no engine",
                 bench->image ? bench->image : "the host's files");
    int failed = measure(bench, arguments);

    enclave_manager_free(bench->manager);
    engine_api_free(bench->engine);
    return interrupted ? 130 : failed != 0;
}

int main(int argc, char **argv)
{
    struct bench bench = {.program = "enclave", .backend = "docker"};
    struct arguments arguments = {0};

    if (parse(argc, argv, &bench, &arguments) < 0) {
        fputs("enclave-bench: --help shows the options\n", stderr);
        return 2;
    }
    if (arguments.help) {
        print_help();
        return 0;
    }
    if (!is_any_wanted(&arguments)) {
        fprintf(stderr, "enclave-bench: no measurement is called '%s'; --help lists them\n",
                arguments.only);
        return 2;
    }
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0) {
        fputs("enclave-bench: libcurl cannot be used\n", stderr);
        return 1;
    }
    catch_signals();
    int code = run(&bench, &arguments);
    curl_global_cleanup();
    return code;
}
