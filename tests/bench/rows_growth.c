/*
 * rows_growth.c - how the cost of a call grows with callers, sandboxes and bytes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "crowd.h"
#include "native.h"
#include "rows.h"

#include <stdio.h>

enum { BATCHES = 3, BOXES_MAX = 100, BOX_CALLERS = 8 };

static const double batch_ms = 700;
static const char *const native_shell[] = {"/bin/sh", "-c", "echo hi", NULL};

struct growth {
    const struct bench *bench;
    int callers;
    int boxes; /* that calls go to, in turn */
    char ids[BOXES_MAX][ENCLAVE_ID_SIZE];
    int warm;                   /* the first round is over */
    struct series *took;        /* of our calls */
    struct series *native_took; /* of native ones */
};

static int32_t grow_to(struct growth *growth, int boxes, struct enclave_error *err)
{
    int32_t r = 0;

    while (r == 0 && growth->boxes < boxes && !bench_interrupted()) {
        r = box_create(growth->bench, "[\"shell_executor\"]", growth->ids[growth->boxes], err);
        growth->boxes += r == 0;
    }
    return r;
}

static void shrink_to_nothing(struct growth *growth)
{
    while (growth->boxes > 0) {
        box_delete(growth->bench, growth->ids[--growth->boxes]);
    }
}

static int32_t call_echo(void *ctx, uint64_t number, struct enclave_error *err)
{
    struct growth *growth = ctx;

    return box_call(growth->bench, growth->ids[number % (uint64_t)growth->boxes], "shell_executor",
                    "{\"command\": \"echo hi\"}", "hi\n", NULL, err);
}

static int32_t call_native(void *ctx, uint64_t number, struct enclave_error *err)
{
    double took;

    (void)ctx, (void)number;
    return native_run(native_shell, "hi\n", &took, err);
}

static int32_t sample_echo(void *ctx, double *ret_rate, struct enclave_error *err)
{
    struct growth *growth = ctx;

    int32_t r = crowd_run(&(struct crowd_plan){growth->callers, 0, batch_ms, call_echo, ctx,
                                               growth->warm ? growth->took : NULL},
                          ret_rate, err);
    growth->warm = 1;
    return r;
}

static int32_t sample_native(void *ctx, double *ret_rate, struct enclave_error *err)
{
    struct growth *growth = ctx;

    return crowd_run(&(struct crowd_plan){growth->callers, 0, batch_ms, call_native, ctx,
                                          growth->warm ? growth->native_took : NULL},
                     ret_rate, err);
}

/* Two rows: time of a call, and calls a second. `name` is the key of the first. */
static int32_t measure_calls(struct growth *growth, const char *name, const char *what,
                             struct enclave_error *err)
{
    char rate_key[64];
    struct row times = {
        .key = name, .what = what, .floor_is = "native sh, as many at once", .unit = "ms"};
    struct row rates = {.key = rate_key,
                        .what = "the same, calls a second",
                        .floor_is = "native sh, as many at once",
                        .unit = "calls/s"};

    (void)snprintf(rate_key, sizeof rate_key, "%s-rate", name);
    growth->warm = 0;
    growth->took = &times.measured;
    growth->native_took = &times.floor;
    int32_t r =
        take_turns(&(struct turns){sample_echo, sample_native, growth, BATCHES, 1}, &rates, err);
    report_row(growth->bench->json, &times);
    report_row(growth->bench->json, &rates);
    return r;
}

int32_t rows_growth_callers(struct bench *bench, struct enclave_error *err)
{
    static const int steps[] = {1, 8, 64, 256};
    struct growth growth = {.bench = bench};
    int32_t r = grow_to(&growth, 1, err);

    for (size_t i = 0; r == 0 && i < sizeof steps / sizeof *steps && !bench_interrupted(); i++) {
        char name[64], what[64];

        growth.callers = steps[i];
        (void)snprintf(name, sizeof name, "growth-callers-%d", steps[i]);
        (void)snprintf(what, sizeof what, "'echo hi', %d at once in one sandbox", steps[i]);
        r = measure_calls(&growth, name, what, err);
    }
    shrink_to_nothing(&growth);
    return r;
}

int32_t rows_growth_sandboxes(struct bench *bench, struct enclave_error *err)
{
    static const int steps[] = {1, 10, 100};
    struct growth growth = {.bench = bench, .callers = BOX_CALLERS};
    int32_t r = 0;

    for (size_t i = 0; r == 0 && i < sizeof steps / sizeof *steps && !bench_interrupted(); i++) {
        char name[64], what[64];

        r = grow_to(&growth, steps[i], err);
        (void)snprintf(name, sizeof name, "growth-boxes-%d", steps[i]);
        (void)snprintf(what, sizeof what, "'echo hi', 8 at once over %d sandboxes", steps[i]);
        if (r == 0 && growth.boxes == steps[i]) {
            r = measure_calls(&growth, name, what, err);
        }
    }
    shrink_to_nothing(&growth);
    return r;
}

/* ---------------------------------------------------------------------------------------- bytes */

struct bytes {
    const struct bench *bench;
    char id[ENCLAVE_ID_SIZE];
    char command[64];
    uint64_t count;
};

static int32_t sample_bytes(void *ctx, double *ret_ms, struct enclave_error *err)
{
    struct bytes *bytes = ctx;
    struct enclave_result *result = NULL;
    char params[128];

    (void)snprintf(params, sizeof params, "{\"command\": \"%s\"}", bytes->command);
    double start = now_ms();
    int32_t r = enclave_manager_execute_tool(bytes->bench->manager, bytes->id, "shell_executor",
                                             params, NULL, &result, err);
    *ret_ms = now_ms() - start;
    if (r == 0) {
        r = check_result(result, err);
    }
    if (r == 0 && result->output_length != bytes->count) {
        r = enclave_error_set(err, ENCLAVE_EIO, "%llu bytes were captured, not %llu",
                              (unsigned long long)result->output_length,
                              (unsigned long long)bytes->count);
    }
    enclave_result_free(result);
    return r;
}

static int32_t sample_bytes_native(void *ctx, double *ret_ms, struct enclave_error *err)
{
    struct bytes *bytes = ctx;
    const char *argv[] = {"/bin/sh", "-c", bytes->command, NULL};

    return native_run(argv, NULL, ret_ms, err);
}

static int32_t bytes_row(struct bytes *bytes, int kib, struct enclave_error *err)
{
    char name[64];
    struct row row = {.key = name,
                      .what = "as many KiB of stdout into the result",
                      .floor_is = "native, through a pipe",
                      .unit = "ms"};

    bytes->count = (uint64_t)kib * 1024;
    (void)snprintf(name, sizeof name, "growth-bytes-%d", kib);
    (void)snprintf(bytes->command, sizeof bytes->command, "head -c %llu /dev/zero",
                   (unsigned long long)bytes->count);
    int32_t r = take_turns(
        &(struct turns){sample_bytes, sample_bytes_native, bytes, bytes->bench->rounds * 2, 1},
        &row, err);
    report_row(bytes->bench->json, &row);
    return r;
}

int32_t rows_growth_bytes(struct bench *bench, struct enclave_error *err)
{
    static const int steps[] = {1, 64, 1024, 16384};
    struct bytes bytes = {.bench = bench};
    int32_t r =
        box_create(bench, "{\"shell_executor\": {\"max_output_size\": \"32m\"}}", bytes.id, err);

    if (r < 0) {
        return r;
    }
    for (size_t i = 0; r == 0 && i < sizeof steps / sizeof *steps && !bench_interrupted(); i++) {
        r = bytes_row(&bytes, steps[i], err);
    }
    box_delete(bench, bytes.id);
    return r;
}
