/*
 * rows_many.c - many running sandboxes under one manager: what they take of it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "crowd.h"
#include "rows.h"

#include <stdlib.h>

/* More at once would not be made any faster: the engine is what takes its time. */
enum { CREATORS = 8 };

struct many {
    const struct bench *bench;
    char (*ids)[ENCLAVE_ID_SIZE];
};

static int32_t create_one(void *ctx, uint64_t number, struct enclave_error *err)
{
    struct many *many = ctx;
    static const char config[] = "{\"tools_config\": [\"shell_executor\"]}";

    return enclave_manager_create_sandbox(many->bench->manager, NULL, config, NULL,
                                          many->ids[number], err);
}

static int32_t delete_one(void *ctx, uint64_t number, struct enclave_error *err)
{
    struct many *many = ctx;

    return enclave_manager_delete_sandbox(many->bench->manager, many->ids[number], err);
}

static int32_t echo_one(void *ctx, uint64_t number, struct enclave_error *err)
{
    struct many *many = ctx;

    return box_call(many->bench, many->ids[number], "shell_executor", "{\"command\": \"echo hi\"}",
                    "hi\n", NULL, err);
}

/* One number as a row. */
static void report_number(const struct bench *bench, const char *key, const char *what,
                          const char *unit, double value)
{
    struct row row = {.key = key, .what = what, .unit = unit};

    series_add(&row.measured, value);
    row_fact(&row, "sandboxes", bench->sandboxes);
    report_row(bench->json, &row);
}

static int32_t measure_many(struct many *many, struct enclave_error *err)
{
    const struct bench *bench = many->bench;
    struct crowd_plan plan = {
        .callers = CREATORS, .total = (uint64_t)bench->sandboxes, .call = create_one, .ctx = many};
    struct row calls = {.key = "many-shell", .what = "'echo hi' once in each, one after another"};
    double rate, before = process_rest_mb();
    int32_t r = crowd_run(&plan, &rate, err);

    if (r < 0 || bench_interrupted()) {
        return r;
    }
    report_number(bench, "many-create", "sandboxes created, 8 at once", "boxes/s", rate);
    report_number(bench, "many-memory", "growth of the manager's resident memory for them", "MB",
                  process_resident_mb() - before);
    report_number(bench, "many-threads", "threads of the whole process, main() included", "threads",
                  (double)process_status("Threads"));
    plan.callers = 1;
    plan.call = echo_one;
    plan.took = &calls.measured;
    r = crowd_run(&plan, &rate, err);
    calls.unit = "ms";
    report_row(bench->json, &calls);
    if (r == 0 && !bench_interrupted()) {
        plan.callers = CREATORS;
        plan.call = delete_one;
        plan.took = NULL;
        r = crowd_run(&plan, &rate, err);
    }
    if (r == 0 && !bench_interrupted()) {
        report_number(bench, "many-delete", "sandboxes deleted, 8 at once", "boxes/s", rate);
    }
    return r;
}

int32_t rows_many(struct bench *bench, struct enclave_error *err)
{
    struct many many = {.bench = bench, .ids = calloc((size_t)bench->sandboxes, sizeof *many.ids)};

    if (!many.ids) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
    }
    int32_t r = measure_many(&many, err);
    if (r < 0 || bench_interrupted()) { /* some are left */
        (void)enclave_manager_cleanup_all_sandboxes(bench->manager, NULL);
    }
    free(many.ids);
    return r;
}
