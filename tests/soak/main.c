/*
 * main.c - enclave-soak: a manager under load for long, some of it from payloads that misbehave. It fails when a call does
 * not come to what it must, or when the manager has grown: resident memory, descriptors, threads.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "watch.h"
#include "work.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    SAMPLES_MIN = 6,
    SAMPLES_MAX = 36,
    SAMPLES_A_MINUTE = 6,
    DRIFT_MAX_KIB = 2048,
    SKIPPED = 77
};

struct arguments {
    const char *backend;
    double minutes;
    int any_drift;
    int help;
};

static void print_help(void)
{
    puts("Keep a manager under load, and see whether it grows.\n"
         "\n"
         "Usage: enclave-soak [OPTION]...\n"
         "\n"
         "  --minutes N       how long (default 30)\n"
         "  --backend NAME    where sandboxes live (default docker)\n"
         "  --callers N       threads that call (default 4)\n"
         "  --misbehaving N   of a hundred payloads (default 5): bombs of forks and of memory, "
         "daemons,\n"
         "                    floods, endless loops, signals to everything\n"
         "  --any-drift       memory may have grown: for runs of less than ten minutes\n"
         "  --help            this\n"
         "\n"
         "Samples are taken when no call is under way; the first sixth warms up. Exit code 0: "
         "every call came\n"
         "to what it must; since then resident memory has grown by 2 MiB at most (the last third "
         "of the samples\n"
         "over the first), descriptors and threads not at all. 1: not so. 77: the backend is not "
         "to be had.");
}

static int parse(int argc, char **argv, struct work *work, struct arguments *arguments)
{
    static const struct option options[] = {{"minutes", required_argument, NULL, 'm'},
                                            {"backend", required_argument, NULL, 'b'},
                                            {"callers", required_argument, NULL, 'c'},
                                            {"misbehaving", required_argument, NULL, 'x'},
                                            {"any-drift", no_argument, NULL, 'd'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};

    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        switch (c) {
        case 'm':
            arguments->minutes = strtod(optarg, NULL);
            break;
        case 'b':
            arguments->backend = optarg;
            break;
        case 'c':
            work->callers = atoi(optarg);
            break;
        case 'x':
            work->misbehaving = strtod(optarg, NULL);
            break;
        case 'd':
            arguments->any_drift = 1;
            break;
        case 'h':
            arguments->help = 1;
            break;
        default:
            return -1;
        }
    }
    return optind == argc && arguments->minutes > 0 && work->callers > 0 &&
                   work->callers <= WORK_CALLERS_MAX
               ? 0
               : -1;
}

/* -------------------------------------------------------------------------------------- the run */

static double minutes_now(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return ((double)now.tv_sec + (double)now.tv_nsec / 1e9) / 60;
}

static void sleep_minutes(double minutes)
{
    struct timespec left = {(time_t)(minutes * 60), (long)(minutes * 60e9) % 1000000000};

    while (nanosleep(&left, &left) != 0) {
    }
}

static void print_sample(const struct work *work, const struct sample *sample)
{
    printf("%7.1f  %8lu  %11lu  %6lu  %9lu  %12.1f  %11d  %7d\n", sample->minutes, work->calls,
           work->misbehaved, work->failed, work->sandboxes, (double)sample->resident_kib / 1024,
           sample->descriptors, sample->threads);
    (void)fflush(stdout);
}

static size_t samples_wanted(double minutes)
{
    double wanted = minutes * SAMPLES_A_MINUTE;

    return wanted < SAMPLES_MIN ? SAMPLES_MIN : wanted > SAMPLES_MAX ? SAMPLES_MAX : (size_t)wanted;
}

/* Returns how many samples there are; fewer than wanted when the manager did not come to rest. */
static size_t run(struct work *work, double minutes, struct sample samples[SAMPLES_MAX])
{
    size_t count = 0, wanted = samples_wanted(minutes);
    double start = minutes_now();

    puts("minutes     calls  misbehaving  failed  sandboxes  resident MiB  descriptors  threads");
    while (count < wanted) {
        work_go_on(work);
        sleep_minutes(minutes / (double)wanted);
        work_pause(work);
        if (watch_take(work->manager, WORK_POOL, WORK_POOL_SIZE, &samples[count]) < 0) {
            break;
        }
        samples[count].minutes = minutes_now() - start;
        print_sample(work, &samples[count++]);
    }
    return count;
}

/* How many things are wrong. */
static int judge(const struct work *work, const struct arguments *arguments,
                 const struct sample *samples, size_t count)
{
    int wrong = 0, more_descriptors = 0, more_threads = 0;

    if (work->failed) {
        printf("%lu calls failed, the first: %s\n", work->failed, work->first_failure);
        wrong++;
    }
    if (count < samples_wanted(arguments->minutes)) {
        puts("the manager did not come to rest: something is left");
        return wrong + 1;
    }
    size_t warm_up = count / 6;
    const struct sample *warm = samples + warm_up;
    long drift = watch_drift_kib(warm, count - warm_up);
    for (size_t i = warm_up; i < count; i++) {
        int descriptors = samples[i].descriptors - warm->descriptors;
        int threads = samples[i].threads - warm->threads;

        more_descriptors = descriptors > more_descriptors ? descriptors : more_descriptors;
        more_threads = threads > more_threads ? threads : more_threads;
    }
    printf("after warming up: resident memory %+.2f MiB, descriptors +%d, threads +%d\n",
           (double)drift / 1024, more_descriptors, more_threads);
    return wrong + (drift > DRIFT_MAX_KIB && !arguments->any_drift) + (more_descriptors > 0) +
           (more_threads > 0);
}

/* To skip, unless ENCLAVE_TEST_REQUIRE has it. */
static int is_required(const char *backend)
{
    const char *list = getenv("ENCLAVE_TEST_REQUIRE");

    return list && strstr(list, backend);
}

static int soak(struct work *work, const struct arguments *arguments)
{
    struct enclave_manager_options options = ENCLAVE_MANAGER_OPTIONS_INIT;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    static struct sample samples[SAMPLES_MAX];
    char backend[128];
    const char *overrides[] = {backend, NULL};
    size_t count = 0;

    (void)snprintf(backend, sizeof backend, "enclave.backend=%s", arguments->backend);
    options.config_path = "";
    options.overrides = overrides;
    if (enclave_manager_new(&options, &work->manager, &err) < 0) {
        fprintf(stderr, "enclave-soak: %s\n", err.message);
        return 1;
    }
    int begun = work_begin(work, &err) == 0;
    if (begun) {
        count = run(work, arguments->minutes, samples);
    } else {
        fprintf(stderr, "enclave-soak: %s\n", err.message);
    }
    work_end(work);
    int wrong = begun ? judge(work, arguments, samples, count) : 1;
    enclave_manager_free(work->manager);
    return !begun && !is_required(arguments->backend) ? SKIPPED : wrong != 0;
}

int main(int argc, char **argv)
{
    static struct work work = {.callers = 4, .misbehaving = 5};
    struct arguments arguments = {.backend = "docker", .minutes = 30};

    if (parse(argc, argv, &work, &arguments) < 0) {
        fputs("enclave-soak: --help shows the options\n", stderr);
        return 2;
    }
    if (arguments.help) {
        print_help();
        return 0;
    }
    return soak(&work, &arguments);
}
