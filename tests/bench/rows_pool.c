/*
 * rows_pool.c - a call in a sandbox that is lent by a pool, beside the same call in one of the caller's own: what is over is the
 * borrowing and the giving back.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "rows.h"

#include <string.h>

/* More than one, so that what a reset leaves to the background is done before its sandbox has its turn. */
enum { MEMBERS = 4 };

struct lent {
    const struct bench *bench;
    const char *pool;
    char id[ENCLAVE_ID_SIZE]; /* the caller's own */
};

static const char tools[] = "{\"shell_executor\": {}}";
static const char params[] = "{\"command\": \"echo hi\"}";

static int32_t sample_lent(void *ctx, double *ret_ms, struct enclave_error *err)
{
    const struct lent *lent = ctx;
    struct enclave_result *result = NULL;
    double start = now_ms();
    int32_t r = enclave_manager_execute_tool_in_pool(
        lent->bench->manager, lent->pool, "shell_executor", params, NULL, -1, &result, err);
    *ret_ms = now_ms() - start;
    r = r < 0 ? r : check_result(result, err);
    enclave_result_free(result);
    return r;
}

static int32_t sample_own(void *ctx, double *ret_ms, struct enclave_error *err)
{
    const struct lent *lent = ctx;

    return box_call(lent->bench, lent->id, "shell_executor", params, "hi\n", ret_ms, err);
}

static int32_t measure(struct lent *lent, uint32_t reuse, struct row *row,
                       struct enclave_error *err)
{
    struct enclave_pool_options options = ENCLAVE_POOL_OPTIONS_INIT;

    options.reuse = reuse;
    int32_t r = enclave_manager_initialize_pool(
        lent->bench->manager, lent->pool, MEMBERS, NULL,
        "{\"tools_config\": [\"shell_executor\"], \"cpu_limit\": 2, \"memory_limit\": \"2g\","
        " \"pids_limit\": 1024}",
        &options, NULL, err);
    if (r == 0) {
        r = take_turns(&(struct turns){.measured = sample_lent,
                                       .floor = sample_own,
                                       .ctx = lent,
                                       .rounds = lent->bench->rounds * QUICK},
                       row, err);
    }
    report_row(lent->bench->json, row);
    return r;
}

int32_t rows_pool(struct bench *bench, struct enclave_error *err)
{
    static const struct {
        const char *key, *what;
        uint32_t reuse;
    } rows[] = {
        {"pool-dirty", "'echo hi' in a sandbox of a pool, given back as is", ENCLAVE_POOL_DIRTY},
        {"pool-reset", "the same, and the sandbox reset", ENCLAVE_POOL_RESET},
    };
    struct lent lent = {.bench = bench};
    int32_t r = box_create(bench, tools, lent.id, err);

    for (size_t i = 0; r == 0 && i < sizeof rows / sizeof *rows; i++) {
        struct row row = {.key = rows[i].key,
                          .what = rows[i].what,
                          .floor_is = "in a sandbox of one's own",
                          .unit = "ms"};
        lent.pool = rows[i].key;
        r = measure(&lent, rows[i].reuse, &row, err);
    }
    if (lent.id[0]) {
        box_delete(bench, lent.id);
    }
    return r;
}
