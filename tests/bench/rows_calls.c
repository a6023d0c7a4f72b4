/*
 * rows_calls.c - one call of a tool, one whole run of the command, and 64 callers at once.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "crowd.h"
#include "floors.h"
#include "native.h"
#include "rows.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static const char *const native_shell[] = {"/bin/sh", "-c", "echo hi", NULL};
static const char *const native_python[] = {"/usr/bin/python3", "-c", "print(42)", NULL};

/* -------------------------------------------------------------------------------- one whole run */

static int32_t sample_run(void *ctx, double *ret_ms, struct enclave_error *err)
{
    const struct bench *bench = ctx;
    const char *argv[] = {bench->program, "run",           "--backend",
                          bench->backend, "print(40 + 2)", NULL};

    return native_run(argv, "42\n", ret_ms, err);
}

static int32_t sample_run_floor(void *ctx, double *ret_ms, struct enclave_error *err)
{
    return floor_run(ctx, ret_ms, err);
}

int32_t rows_run(struct bench *bench, struct enclave_error *err)
{
    struct row row = {.key = "run",
                      .what = "enclave run 'print(40 + 2)', from nothing to nothing",
                      .floor_is = floor_run_name(bench),
                      .unit = "ms"};
    int32_t r = take_turns(&(struct turns){.measured = sample_run,
                                           .floor = sample_run_floor,
                                           .ctx = bench,
                                           .rounds = bench->rounds},
                           &row, err);

    report_row(bench->json, &row);
    return r;
}

/* ------------------------------------------------------------------------------ one call of a tool */

struct call {
    const struct bench *bench;
    const char *tool;
    const char *params;
    const char *expected;
    const char *const *native;
    char id[ENCLAVE_ID_SIZE];
    char container[CONTAINER_ID_SIZE]; /* for the engine's own exec */
};

static int32_t sample_call(void *ctx, double *ret_ms, struct enclave_error *err)
{
    struct call *call = ctx;

    return box_call(call->bench, call->id, call->tool, call->params, call->expected, ret_ms, err);
}

static int32_t sample_native(void *ctx, double *ret_ms, struct enclave_error *err)
{
    struct call *call = ctx;

    return native_run(call->native, call->expected, ret_ms, err);
}

static int32_t sample_exec(void *ctx, double *ret_ms, struct enclave_error *err)
{
    struct call *call = ctx;
    double start = now_ms();
    int32_t r = engine_api_exec_echo(call->bench->engine, call->container, err);

    *ret_ms = now_ms() - start;
    return r;
}

static int32_t call_against_native(struct call *call, struct row *row, struct enclave_error *err)
{
    int32_t r = take_turns(&(struct turns){.measured = sample_call,
                                           .floor = sample_native,
                                           .ctx = call,
                                           .rounds = call->bench->rounds * QUICK},
                           row, err);

    report_row(call->bench->json, row);
    return r;
}

int32_t rows_shell(struct bench *bench, struct enclave_error *err)
{
    struct call call = {.bench = bench,
                        .tool = "shell_executor",
                        .params = "{\"command\": \"echo hi\"}",
                        .expected = "hi\n",
                        .native = native_shell};
    struct row row = {.key = "shell",
                      .what = "shell_executor 'echo hi'",
                      .floor_is = "native sh -c 'echo hi'",
                      .unit = "ms"};
    int32_t r = box_create(bench, "[\"shell_executor\"]", call.id, err);

    if (r == 0) {
        r = call_against_native(&call, &row, err);
        box_delete(bench, call.id);
    }
    return r;
}

int32_t rows_shell_engine(struct bench *bench, struct enclave_error *err)
{
    struct call call = {.bench = bench,
                        .tool = "shell_executor",
                        .params = "{\"command\": \"echo hi\"}",
                        .expected = "hi\n"};
    struct row row = {.key = "shell-engine",
                      .what = "shell_executor 'echo hi'",
                      .floor_is = "the engine's own exec API, sh -c 'echo hi'",
                      .unit = "ms"};
    if (!bench->engine) {
        report_missing(bench->json, row.key, "no engine on a Unix socket");
        return 0;
    }
    int32_t r = box_create(bench, "[\"shell_executor\"]", call.id, err);
    if (r < 0) {
        return r;
    }
    r = engine_api_start(bench->engine, bench->image, NULL, call.container, err);
    if (r == 0) {
        r = take_turns(&(struct turns){.measured = sample_call,
                                       .floor = sample_exec,
                                       .ctx = &call,
                                       .rounds = bench->rounds * 2,
                                       .per_floor = 10},
                       &row, err);
        (void)engine_api_remove(bench->engine, call.container, NULL);
    }
    box_delete(bench, call.id);
    if (row.measured.count > 0) {
        row_fact(&row, "times_faster",
                 series_quantile(&row.floor, 0.5) / series_quantile(&row.measured, 0.5));
    }
    report_row(bench->json, &row);
    return r;
}

static int32_t python_row(struct bench *bench, struct row *row, const char *tools,
                          struct enclave_error *err)
{
    struct call call = {.bench = bench,
                        .tool = "python_executor",
                        .params = "{\"code\": \"print(42)\"}",
                        .expected = "42\n",
                        .native = native_python};
    int32_t r = box_create(bench, tools, call.id, err);

    if (r == ENCLAVE_EINVALID) { /* this build does not know the option */
        report_missing(bench->json, row->key, err->message);
        return 0;
    }
    if (r == 0) {
        row->floor_is = "native /usr/bin/python3 -c 'print(42)'";
        row->unit = "ms";
        r = call_against_native(&call, row, err);
        box_delete(bench, call.id);
    }
    return r;
}

int32_t rows_python(struct bench *bench, struct enclave_error *err)
{
    struct row row = {.key = "python", .what = "python_executor 'print(42)', as it comes"};

    return python_row(bench, &row, "[\"python_executor\"]", err);
}

int32_t rows_python_cold(struct bench *bench, struct enclave_error *err)
{
    struct row row = {.key = "python-cold", .what = "python_executor 'print(42)', warm = false"};

    return python_row(bench, &row, "{\"python_executor\": {\"warm\": false}}", err);
}

/* ----------------------------------------------------------------------------- 64 callers at once */

enum { CALLERS = 64, NATIVE_CALLERS = 4, BOXES_MAX = 8 };

static const double batch_ms = 1000;

struct many_calls {
    const struct bench *bench;
    int boxes;
    char ids[BOXES_MAX][ENCLAVE_ID_SIZE];
    atomic_ulong calls, lost, crossed;
};

/* Prints what no other call prints. A call that fails is lost, another's output is crossed. */
static int32_t call_with_nonce(void *ctx, uint64_t number, struct enclave_error *err)
{
    struct many_calls *many = ctx;
    struct enclave_result *result = NULL;
    char nonce[64], params[128];

    (void)err;
    (void)snprintf(nonce, sizeof nonce, "%llu-%.6f\n", (unsigned long long)number, now_ms());
    (void)snprintf(params, sizeof params, "{\"code\": \"print('%.*s')\"}", (int)strlen(nonce) - 1,
                   nonce);
    int32_t r = enclave_manager_execute_tool(many->bench->manager,
                                             many->ids[number % (uint64_t)many->boxes],
                                             "python_executor", params, NULL, &result, NULL);
    many->calls++;
    if (r < 0 || check_result(result, NULL) < 0) {
        many->lost++;
    } else if (strcmp(result->output, nonce) != 0) {
        many->crossed++;
    }
    enclave_result_free(result);
    return 0;
}

static int32_t call_native(void *ctx, uint64_t number, struct enclave_error *err)
{
    double took;

    (void)ctx, (void)number;
    return native_run(native_python, "42\n", &took, err);
}

static int32_t sample_many(void *ctx, double *ret_rate, struct enclave_error *err)
{
    return crowd_run(
        &(struct crowd_plan){
            .callers = CALLERS, .for_ms = batch_ms, .call = call_with_nonce, .ctx = ctx},
        ret_rate, err);
}

static int32_t sample_many_native(void *ctx, double *ret_rate, struct enclave_error *err)
{
    return crowd_run(
        &(struct crowd_plan){
            .callers = NATIVE_CALLERS, .for_ms = batch_ms / 2, .call = call_native, .ctx = ctx},
        ret_rate, err);
}

static int32_t many_calls_row(struct bench *bench, int boxes, struct row *row,
                              struct enclave_error *err)
{
    struct many_calls many = {.bench = bench, .boxes = boxes};
    int made = 0;
    int32_t r = 0;

    while (r == 0 && made < boxes) {
        r = box_create(bench, "[\"python_executor\"]", many.ids[made], err);
        made += r == 0;
    }
    if (r == 0) {
        r = take_turns(&(struct turns){.measured = sample_many,
                                       .floor = sample_many_native,
                                       .ctx = &many,
                                       .rounds = bench->rounds / HEAVY + 2},
                       row, err);
    }
    while (made > 0) {
        box_delete(bench, many.ids[--made]);
    }
    row->floor_is = "native python3 -c 'print(42)', 4 at once";
    row->unit = "calls/s";
    row_fact(row, "calls", (double)many.calls);
    row_fact(row, "lost", (double)many.lost);
    row_fact(row, "crossed", (double)many.crossed);
    report_row(bench->json, row);
    return r;
}

int32_t rows_python_64_in_1(struct bench *bench, struct enclave_error *err)
{
    struct row row = {.key = "python-64-in-1", .what = "64 concurrent Python calls in one sandbox"};

    return many_calls_row(bench, 1, &row, err);
}

int32_t rows_python_64_in_8(struct bench *bench, struct enclave_error *err)
{
    struct row row = {.key = "python-64-in-8", .what = "64 concurrent Python calls in 8 sandboxes"};

    return many_calls_row(bench, BOXES_MAX, &row, err);
}
