/*
 * bench.c - see bench.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "bench.h"

#include <stdio.h>
#include <string.h>

/* ------------------------------------------------------------------------------------ sandboxes */

int32_t box_create(const struct bench *bench, const char *tools, char id[ENCLAVE_ID_SIZE],
                   struct enclave_error *err)
{
    char config[512];

    (void)snprintf(config, sizeof config,
                   "{\"cpu_limit\": 2, \"pids_limit\": 1024, \"memory_limit\": \"2g\","
                   " \"tools_config\": %s}",
                   tools);
    int32_t r = enclave_manager_create_sandbox(bench->manager, NULL, config, NULL, id, err);
    if (r == ENCLAVE_EUNENFORCED) { /* an ordinary user's, without a cgroup: there are no limits */
        (void)snprintf(config, sizeof config, "{\"tools_config\": %s}", tools);
        r = enclave_manager_create_sandbox(bench->manager, NULL, config, NULL, id, err);
    }
    return r;
}

void box_delete(const struct bench *bench, const char *id)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;

    if (enclave_manager_delete_sandbox(bench->manager, id, &err) < 0) {
        fprintf(stderr, "enclave-bench: %s\n", err.message);
    }
}

int32_t check_result(const struct enclave_result *result, struct enclave_error *err)
{
    if (result->status == ENCLAVE_RESULT_SUCCESS) {
        return 0;
    }
    return enclave_error_set(err, ENCLAVE_EIO, "%s: %s", result->tool_name,
                             result->error ? result->error : "failed");
}

int32_t box_call(const struct bench *bench, const char *id, const char *tool, const char *params,
                 const char *expected, double *ret_ms, struct enclave_error *err)
{
    struct enclave_result *result = NULL;
    double start = now_ms();
    int32_t r = enclave_manager_execute_tool(bench->manager, id, tool, params, NULL, &result, err);
    double took = now_ms() - start;

    if (r < 0) {
        return r;
    }
    r = check_result(result, err);
    if (r == 0 && expected && strcmp(result->output, expected) != 0) {
        r = enclave_error_set(err, ENCLAVE_EIO, "%s printed '%.40s' and not '%.40s'", tool,
                              result->output, expected);
    }
    if (r == 0 && ret_ms) {
        *ret_ms = took;
    }
    enclave_result_free(result);
    return r;
}

/* --------------------------------------------------------------------------------- taking turns */

static int32_t take_sample(sample_fn sample, void *ctx, struct series *keep,
                           struct enclave_error *err)
{
    double value = 0;
    int32_t r = sample(ctx, &value, err);

    if (r == 0 && keep) {
        series_add(keep, value);
    }
    return r;
}

int32_t take_turns(const struct turns *turns, struct row *row, struct enclave_error *err)
{
    int per_floor = turns->per_floor ? turns->per_floor : 1;
    int32_t r = 0;

    for (int i = turns->no_warm_up; r == 0 && i <= turns->rounds && !bench_interrupted(); i++) {
        int warm = i > 0;

        if (turns->floor) {
            r = take_sample(turns->floor, turns->ctx, warm ? &row->floor : NULL, err);
        }
        for (int j = 0; r == 0 && j < per_floor; j++) {
            r = take_sample(turns->measured, turns->ctx, warm ? &row->measured : NULL, err);
        }
    }
    return r;
}
