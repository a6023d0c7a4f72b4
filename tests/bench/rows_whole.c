/*
 * rows_whole.c - a sandbox for one command: made, used, deleted, one after another and many at once. Beside
 * bwrap alone, where it is bubblewrap's.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "crowd.h"
#include "floors.h"
#include "rows.h"

enum { AT_ONCE = 100 };

static const char config[] = "{\"tools_config\": [\"shell_executor\"]}";

/* -------------------------------------------------------------------------- one after another */

static int32_t sample_cycle(void *ctx, double *ret_ms, struct enclave_error *err)
{
    const struct bench *bench = ctx;
    char id[ENCLAVE_ID_SIZE];
    double start = now_ms();
    int32_t r = enclave_manager_create_sandbox(bench->manager, NULL, config, NULL, id, err);

    if (r < 0) {
        return r;
    }
    r = box_call(bench, id, "shell_executor", "{\"command\": \"echo hi\"}", "hi\n", NULL, err);
    if (r < 0) {
        box_delete(bench, id);
        return r;
    }
    r = enclave_manager_delete_sandbox(bench->manager, id, err);
    *ret_ms = now_ms() - start;
    return r;
}

static int32_t sample_bwrap(void *ctx, double *ret_ms, struct enclave_error *err)
{
    (void)ctx;
    return floor_bwrap(ret_ms, err);
}

int32_t rows_cycle(struct bench *bench, struct enclave_error *err)
{
    int is_bwrap = bench->kind == BENCH_NO_ENGINE;
    struct row row = {.key = "cycle",
                      .what = "create, 'echo hi', delete",
                      .floor_is = is_bwrap ? FLOOR_BWRAP_NAME : NULL,
                      .unit = "ms"};
    int32_t r = take_turns(&(struct turns){.measured = sample_cycle,
                                           .floor = is_bwrap ? sample_bwrap : NULL,
                                           .ctx = bench,
                                           .rounds = bench->rounds * (is_bwrap ? QUICK / 2 : 1)},
                           &row, err);

    report_row(bench->json, &row);
    return r;
}

/* ------------------------------------------------------------------------------- all at once */

struct burst {
    const struct bench *bench;
    char ids[AT_ONCE][ENCLAVE_ID_SIZE];
};

static int32_t create_one(void *ctx, uint64_t number, struct enclave_error *err)
{
    struct burst *burst = ctx;

    return enclave_manager_create_sandbox(burst->bench->manager, NULL, config, NULL,
                                          burst->ids[number], err);
}

static int32_t run_bwrap(void *ctx, uint64_t number, struct enclave_error *err)
{
    double took;

    (void)ctx;
    (void)number;
    return floor_bwrap(&took, err);
}

static int32_t sample_burst(void *ctx, double *ret_rate, struct enclave_error *err)
{
    struct burst *burst = ctx;
    int32_t r;

    for (int i = 0; i < AT_ONCE; i++) {
        burst->ids[i][0] = '\0';
    }
    r = crowd_run(
        &(struct crowd_plan){
            .callers = AT_ONCE, .total = AT_ONCE, .call = create_one, .ctx = burst},
        ret_rate, err);
    for (int i = 0; i < AT_ONCE; i++) {
        if (burst->ids[i][0]) {
            box_delete(burst->bench, burst->ids[i]);
        }
    }
    return r;
}

/* As many at once as make the most of two processors. */
static int32_t sample_burst_bwrap(void *ctx, double *ret_rate, struct enclave_error *err)
{
    return crowd_run(
        &(struct crowd_plan){.callers = 4, .total = AT_ONCE, .call = run_bwrap, .ctx = ctx},
        ret_rate, err);
}

int32_t rows_burst(struct bench *bench, struct enclave_error *err)
{
    struct burst burst = {.bench = bench};
    struct row row = {.key = "burst",
                      .what = "100 sandboxes created by as many threads",
                      .floor_is = FLOOR_BWRAP_NAME ", 4 at once",
                      .unit = "boxes/s"};
    int32_t r;

    if (bench->kind != BENCH_NO_ENGINE) {
        report_missing(bench->json, row.key, "for bubblewrap");
        return 0;
    }
    r = take_turns(&(struct turns){.measured = sample_burst,
                                   .floor = sample_burst_bwrap,
                                   .ctx = &burst,
                                   .rounds = bench->rounds},
                   &row, err);
    report_row(bench->json, &row);
    return r;
}
