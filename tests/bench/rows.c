/*
 * rows.c - see rows.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "rows.h"

#include <stdio.h>
#include <stdlib.h>

static const char tools_config[] =
    "{\"tools_config\": {\"shell_executor\": {}, \"python_executor\": {}}}";

static int32_t timed_program(const char *const *argv, struct series *to, struct enclave_error *err)
{
    int64_t start = now_us();
    int code = run_program(argv);
    if (code != 0) {
        return enclave_error_set(err, ENCLAVE_EIO, "'%s %s' ended with code %d", argv[0], argv[1],
                                 code);
    }
    series_add(to, now_us() - start);
    return 0;
}

static int32_t row_whole_run(struct bench *bench, struct row *row, struct enclave_error *err)
{
    const char *ours[] = {bench->program, "run",           "--backend",
                          bench->backend, "print(40 + 2)", NULL};
    const char *floor[] = {"docker",     "run",     "--rm", "--network",     "none",
                           bench->image, "python3", "-c",   "print(40 + 2)", NULL};
    int32_t r = 0;

    row->name = "enclave run 'print(40 + 2)', whole process";
    row->floor = "docker run --rm --network none";
    for (int i = 0; r == 0 && i < bench->rounds; i++) {
        r = timed_program(ours, &row->measured, err);
        if (r == 0) {
            r = timed_program(floor, &row->floor_measured, err);
        }
    }
    return r;
}

static int32_t timed_tool(struct bench *bench, const char *id, const char *tool, const char *params,
                          struct series *to, struct enclave_error *err)
{
    struct enclave_result *result = NULL;
    int64_t start = now_us();
    int32_t r = enclave_manager_execute_tool(bench->manager, id, tool, params, NULL, &result, err);
    int64_t took = now_us() - start;
    if (r == 0 && result->status != ENCLAVE_RESULT_SUCCESS) {
        r = enclave_error_set(err, ENCLAVE_EIO, "%s: %s", tool,
                              result->error ? result->error : "failed");
    }
    if (r == 0) {
        series_add(to, took);
    }
    enclave_result_free(result);
    return r;
}

static int32_t tool_against_native(struct bench *bench, struct row *row, const char *tool,
                                   const char *params, const char *const *native,
                                   struct enclave_error *err)
{
    char id[ENCLAVE_ID_SIZE];
    int32_t r = enclave_manager_create_sandbox(bench->manager, NULL, tools_config, NULL, id, err);
    if (r < 0) {
        return r;
    }
    for (int i = 0; r == 0 && i < bench->rounds * 20; i++) {
        r = timed_tool(bench, id, tool, params, &row->measured, err);
        if (r == 0) {
            r = timed_program(native, &row->floor_measured, err);
        }
    }
    (void)enclave_manager_delete_sandbox(bench->manager, id, NULL);
    return r;
}

static int32_t row_shell(struct bench *bench, struct row *row, struct enclave_error *err)
{
    const char *native[] = {"/bin/sh", "-c", "echo hi", NULL};
    row->name = "shell_executor 'echo hi' in a running sandbox";
    row->floor = "native sh -c 'echo hi'";
    return tool_against_native(bench, row, "shell_executor", "{\"command\": \"echo hi\"}", native,
                               err);
}

static int32_t row_python(struct bench *bench, struct row *row, struct enclave_error *err)
{
    const char *native[] = {"/usr/bin/python3", "-c", "print(42)", NULL};
    row->name = "python_executor 'print(42)' in a running sandbox";
    row->floor = "native python3 -c 'print(42)'";
    return tool_against_native(bench, row, "python_executor", "{\"code\": \"print(42)\"}", native,
                               err);
}

/* One sandbox made and deleted; the time of one half goes to `to`. */
static int32_t timed_life(struct bench *bench, int of_delete, struct series *to,
                          struct enclave_error *err)
{
    char id[ENCLAVE_ID_SIZE];
    int64_t start = now_us();
    int32_t r = enclave_manager_create_sandbox(bench->manager, NULL, tools_config, NULL, id, err);
    if (r < 0) {
        return r;
    }
    int64_t made = now_us();
    r = enclave_manager_delete_sandbox(bench->manager, id, err);
    series_add(to, of_delete ? now_us() - made : made - start);
    return r;
}

static int32_t life_row(struct bench *bench, struct row *row, int of_delete,
                        struct enclave_error *err)
{
    int32_t r = 0;
    for (int i = 0; r == 0 && i < bench->rounds; i++) {
        r = timed_life(bench, of_delete, &row->measured, err);
    }
    return r;
}

static int32_t row_create(struct bench *bench, struct row *row, struct enclave_error *err)
{
    row->name = "create";
    return life_row(bench, row, 0, err);
}

static int32_t row_delete(struct bench *bench, struct row *row, struct enclave_error *err)
{
    row->name = "delete";
    return life_row(bench, row, 1, err);
}

const row_fn all_rows[] = {row_whole_run, row_shell, row_python, row_create, row_delete};
const size_t row_count = sizeof all_rows / sizeof *all_rows;
