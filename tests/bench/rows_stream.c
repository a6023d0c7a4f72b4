/*
 * rows_stream.c - much output: through the streaming callback, and next to a quiet neighbour.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "floors.h"
#include "rows.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>

/* ------------------------------------------------------------------------------- 1 GiB of stdout */

static const uint64_t stream_bytes = UINT64_C(1) << 30;

struct stream {
    const struct bench *bench;
    char id[ENCLAVE_ID_SIZE];
    uint64_t seen;
    struct series growth; /* MB that the manager's peak was above its rest, each time */
    struct series cpu;    /* ms of processor time that the manager took, each time */
};

static double mb_per_second(uint64_t bytes, double ms)
{
    return (double)bytes / 1e6 / (ms / 1e3);
}

static int32_t count_bytes(void *ctx, uint32_t which, const void *data, uint64_t length)
{
    uint64_t *seen = ctx;

    (void)which, (void)data;
    *seen += length;
    return 0;
}

static int32_t sample_stream(void *ctx, double *ret_rate, struct enclave_error *err)
{
    struct stream *stream = ctx;
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
    struct enclave_result *result = NULL;
    char params[64];
    double rest = process_rest_mb();

    stream->seen = 0;
    options.timeout_ms = 0;
    options.output = count_bytes;
    options.output_ctx = &stream->seen;
    (void)snprintf(params, sizeof params, "{\"command\": \"head -c %llu /dev/zero\"}",
                   (unsigned long long)stream_bytes);
    process_reset_peak();
    double cpu = process_cpu_ms();
    double start = now_ms();
    int32_t r = enclave_manager_execute_tool(stream->bench->manager, stream->id, "shell_executor",
                                             params, &options, &result, err);
    *ret_rate = mb_per_second(stream_bytes, now_ms() - start);
    series_add(&stream->cpu, process_cpu_ms() - cpu);
    series_add(&stream->growth, (double)process_status("VmHWM") / 1024 - rest);
    if (r == 0) {
        r = check_result(result, err);
    }
    if (r == 0 && stream->seen != stream_bytes) {
        r = enclave_error_set(err, ENCLAVE_EIO, "%llu bytes came, not %llu",
                              (unsigned long long)stream->seen, (unsigned long long)stream_bytes);
    }
    enclave_result_free(result);
    return r;
}

static int32_t sample_stream_floor(void *ctx, double *ret_rate, struct enclave_error *err)
{
    struct stream *stream = ctx;
    double took = 0;
    int32_t r = floor_stream(stream->bench, stream_bytes, &took, err);

    *ret_rate = mb_per_second(stream_bytes, took);
    return r;
}

int32_t rows_stdout(struct bench *bench, struct enclave_error *err)
{
    struct stream stream = {.bench = bench};
    struct row row = {.key = "stdout",
                      .what = "1 GiB of stdout through the streaming callback",
                      .floor_is = floor_stream_name(bench),
                      .unit = "MB/s"};
    struct row memory = {.key = "stdout-memory",
                         .what = "peak of the manager's resident memory meanwhile, over its rest",
                         .unit = "MB"};
    int32_t r = box_create(bench, "[\"shell_executor\"]", stream.id, err);

    if (r < 0) {
        return r;
    }
    r = take_turns(&(struct turns){.measured = sample_stream,
                                   .floor = sample_stream_floor,
                                   .ctx = &stream,
                                   .rounds = bench->rounds < HEAVY ? 1 : bench->rounds / HEAVY,
                                   .no_warm_up = 1},
                   &row, err);
    box_delete(bench, stream.id);
    row_fact(&row, "manager_cpu_ms", series_quantile(&stream.cpu, 0.5));
    report_row(bench->json, &row);
    memory.measured = stream.growth;
    report_row(bench->json, &memory);
    return r;
}

/* ---------------------------------------------------------- a flood here, a call there */

enum { FLOODS = 4 };

struct flood {
    const struct bench *bench;
    char loud[ENCLAVE_ID_SIZE];
    char quiet[ENCLAVE_ID_SIZE];
    struct enclave_cancel *cancel; /* of the floods under way */
    sem_t flows;                   /* posted by each flood when it has begun, or failed to */
    atomic_ullong bytes;
    double flooded_ms;
};

struct stream_of_flood {
    struct flood *flood;
    int begun;
};

static int32_t on_flood(void *ctx, uint32_t which, const void *data, uint64_t length)
{
    struct stream_of_flood *stream = ctx;

    (void)which, (void)data;
    stream->flood->bytes += length;
    if (!stream->begun) {
        stream->begun = 1;
        (void)sem_post(&stream->flood->flows);
    }
    return 0;
}

static void *flood_main(void *ctx)
{
    struct flood *flood = ctx;
    struct stream_of_flood stream = {.flood = flood};
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
    struct enclave_result *result = NULL;
    struct enclave_error err = ENCLAVE_ERROR_INIT;

    options.timeout_ms = 0;
    options.output = on_flood;
    options.output_ctx = &stream;
    options.cancel = flood->cancel;
    if (enclave_manager_execute_tool(flood->bench->manager, flood->loud, "shell_executor",
                                     "{\"command\": \"yes\"}", &options, &result, &err) < 0) {
        fprintf(stderr, "enclave-bench: %s\n", err.message);
    }
    enclave_result_free(result);
    if (!stream.begun) {
        (void)sem_post(&flood->flows);
    }
    return NULL;
}

static int32_t echo_times(struct flood *flood, int count, struct series *to,
                          struct enclave_error *err)
{
    int32_t r = 0;

    for (int i = 0; r == 0 && i < count && !bench_interrupted(); i++) {
        double took = 0;

        r = box_call(flood->bench, flood->quiet, "shell_executor", "{\"command\": \"echo hi\"}",
                     "hi\n", &took, err);
        if (r == 0) {
            series_add(to, took);
        }
    }
    return r;
}

static int32_t echo_times_flooded(struct flood *flood, int count, struct series *to,
                                  struct enclave_error *err)
{
    pthread_t threads[FLOODS];
    int started = 0;
    int32_t r = enclave_cancel_new(&flood->cancel, err);

    if (r < 0) {
        return r;
    }
    double start = now_ms();
    while (started < FLOODS && pthread_create(&threads[started], NULL, flood_main, flood) == 0) {
        started++;
    }
    for (int i = 0; i < started; i++) {
        while (sem_wait(&flood->flows) < 0) { /* a signal came between */
        }
    }
    r = echo_times(flood, count, to, err);
    flood->flooded_ms += now_ms() - start;
    enclave_cancel_trigger(flood->cancel);
    for (int i = 0; i < started; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    enclave_cancel_free(flood->cancel);
    return r;
}

int32_t rows_flood(struct bench *bench, struct enclave_error *err)
{
    struct flood flood = {.bench = bench};
    struct row row = {.key = "flood",
                      .what = "'echo hi' while 4 x yes flood another sandbox",
                      .floor_is = "the same without the flood",
                      .unit = "ms"};
    int32_t r = box_create(bench, "[\"shell_executor\"]", flood.loud, err);

    if (r < 0) {
        return r;
    }
    r = box_create(bench, "[\"shell_executor\"]", flood.quiet, err);
    if (r == 0) {
        (void)sem_init(&flood.flows, 0, 0);
        for (int i = 0; r == 0 && i < HEAVY && !bench_interrupted(); i++) {
            r = echo_times(&flood, bench->rounds * 4, &row.floor, err);
            if (r == 0) {
                r = echo_times_flooded(&flood, bench->rounds * 4, &row.measured, err);
            }
        }
        (void)sem_destroy(&flood.flows);
        box_delete(bench, flood.quiet);
    }
    box_delete(bench, flood.loud);
    if (flood.flooded_ms > 0) {
        row_fact(&row, "flood_mb_per_second", mb_per_second(flood.bytes, flood.flooded_ms));
    }
    report_row(bench->json, &row);
    return r;
}
