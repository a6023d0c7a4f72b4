/*
 * rows_core.c - the core alone: a manager on the null backend of the tests, whose programs cost nothing.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "rows.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Calls of one value; so many that reading the clock does not count. */
enum { BOXES = 10000, BATCH = 5000, POOL_SIZE = 8 };

struct core {
    struct enclave_manager *manager;
    char (*ids)[ENCLAVE_ID_SIZE];
    const char *tool;
    const char *params;
};

static const char nothing[] = "{}";
static const char program[] = "{\"argv\": [\"now\", \"out\", \"hi\"]}";

/* Spread over all sandboxes, in an order in which no two neighbours follow each other. */
static const char *box(const struct core *core, unsigned number)
{
    return core->ids[number * 7919U % BOXES];
}

static int32_t call_many(const struct core *core, unsigned first, struct enclave_error *err)
{
    int32_t r = 0;
    for (unsigned i = 0; r == 0 && i < BATCH; i++) {
        struct enclave_result *result = NULL;
        r = enclave_manager_execute_tool(core->manager, box(core, first + i), core->tool,
                                         core->params, NULL, &result, err);
        enclave_result_free(result);
    }
    return r;
}

/* Microseconds a call. */
static int32_t sample_calls(void *ctx, double *ret_value, struct enclave_error *err)
{
    double start = now_ms();
    int32_t r = call_many(ctx, 0, err);
    *ret_value = (now_ms() - start) * 1000 / BATCH;
    return r;
}

/* The same, in sandboxes that a pool lends. */
static int32_t sample_pool(void *ctx, double *ret_value, struct enclave_error *err)
{
    const struct core *core = ctx;
    double start = now_ms();
    int32_t r = 0;
    for (unsigned i = 0; r == 0 && i < BATCH; i++) {
        struct enclave_result *result = NULL;
        r = enclave_manager_execute_tool_in_pool(core->manager, NULL, core->tool, core->params,
                                                 NULL, -1, &result, err);
        enclave_result_free(result);
    }
    *ret_value = (now_ms() - start) * 1000 / BATCH;
    return r;
}

struct caller {
    const struct core *core;
    pthread_t thread;
    unsigned first;
    double cpu_us; /* that all of its calls took */
    int32_t r;
    struct enclave_error err;
};

static void *caller_main(void *ctx)
{
    struct caller *caller = ctx;
    struct timespec cpu = {0};
    caller->r = call_many(caller->core, caller->first, &caller->err);
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
    caller->cpu_us = (double)cpu.tv_sec * 1e6 + (double)cpu.tv_nsec / 1e3;
    return NULL;
}

struct pace {
    double rate;   /* calls a second */
    double cpu_us; /* of one call */
};

static int32_t pace_of(const struct core *core, unsigned threads, struct pace *ret_pace,
                       struct enclave_error *err)
{
    *ret_pace = (struct pace){0};
    struct caller callers[2] = {{.core = core}, {.core = core, .first = BOXES / 2}};
    double start = now_ms();
    int32_t r = 0;
    unsigned started = 0;

    while (r == 0 && started < threads) {
        r = pthread_create(&callers[started].thread, NULL, caller_main, &callers[started]) == 0
                ? 0
                : enclave_error_set(err, ENCLAVE_EIO, "start a thread");
        started += r == 0;
    }
    for (unsigned i = 0; i < started; i++) {
        (void)pthread_join(callers[i].thread, NULL);
        ret_pace->cpu_us += callers[i].cpu_us / (threads * BATCH);
        if (r == 0 && callers[i].r < 0) {
            r = enclave_error_set(err, callers[i].r, "%s", callers[i].err.message);
        }
    }
    ret_pace->rate = threads * BATCH * 1000.0 / (now_ms() - start);
    return r;
}

static int32_t sample_rate_of_one(void *ctx, double *ret_value, struct enclave_error *err)
{
    struct pace pace;
    int32_t r = pace_of(ctx, 1, &pace, err);
    *ret_value = pace.rate;
    return r;
}

static int32_t sample_rate_of_two(void *ctx, double *ret_value, struct enclave_error *err)
{
    struct pace pace;
    int32_t r = pace_of(ctx, 2, &pace, err);
    *ret_value = pace.rate;
    return r;
}

static int32_t sample_cpu_of_one(void *ctx, double *ret_value, struct enclave_error *err)
{
    struct pace pace;
    int32_t r = pace_of(ctx, 1, &pace, err);
    *ret_value = pace.cpu_us;
    return r;
}

static int32_t sample_cpu_of_two(void *ctx, double *ret_value, struct enclave_error *err)
{
    struct pace pace;
    int32_t r = pace_of(ctx, 2, &pace, err);
    *ret_value = pace.cpu_us;
    return r;
}

static int32_t sample_list(void *ctx, double *ret_value, struct enclave_error *err)
{
    const struct core *core = ctx;
    char *text = NULL;
    double start = now_ms();
    int32_t r = enclave_manager_list_sandboxes(core->manager, 0, &text, err);
    *ret_value = now_ms() - start;
    enclave_free(text);
    return r;
}

static int32_t sample_stats(void *ctx, double *ret_value, struct enclave_error *err)
{
    const struct core *core = ctx;
    char *text = NULL;
    double start = now_ms();
    int32_t r = enclave_manager_get_stats(core->manager, &text, err);
    *ret_value = now_ms() - start;
    enclave_free(text);
    return r;
}

/* Microseconds from the first submit to the last completion, for each. */
static int32_t sample_submit(void *ctx, double *ret_value, struct enclave_error *err)
{
    const struct core *core = ctx;
    struct enclave_completion completion = ENCLAVE_COMPLETION_INIT;
    struct pollfd completions = {.events = POLLIN};
    int32_t r = enclave_manager_completion_fd(core->manager, &completions.fd, err);
    double start = now_ms();
    unsigned submitted = 0, taken = 0;

    for (; r == 0 && submitted < BATCH; submitted++) {
        r = enclave_manager_submit(core->manager, box(core, submitted), core->tool, core->params,
                                   NULL, NULL, NULL, err);
    }
    while (r == 0 && taken < submitted && poll(&completions, 1, -1) == 1) {
        while (enclave_manager_next_completion(core->manager, &completion, NULL) == 0) {
            enclave_result_free(completion.result);
            taken++;
        }
    }
    *ret_value = (now_ms() - start) * 1000 / BATCH;
    return r;
}

static const struct {
    const char *key, *what, *floor_is, *unit;
    sample_fn sample, floor;
    int runs; /* a program, by the tool `run` */
} rows[] = {
    {"core-dispatch", "look-up and call of a tool that does nothing", NULL, "us", sample_calls,
     NULL, 0},
    {"core-2-threads", "the same by two threads", "by one; the ratio: how much more", "calls/s",
     sample_rate_of_two, sample_rate_of_one, 0},
    {"core-2-threads-cpu", "processor time of one of those calls", "by one thread", "us",
     sample_cpu_of_two, sample_cpu_of_one, 0},
    {"core-pool", "a call in a sandbox of a pool of 8, given back as is", "not of a pool", "us",
     sample_pool, sample_calls, 0},
    {"core-list", "list of 10,000 sandboxes", NULL, "ms", sample_list, NULL, 0},
    {"core-stats", "statistics over 10,000 sandboxes", NULL, "ms", sample_stats, NULL, 0},
    {"core-program", "a tool that runs a program which costs nothing", NULL, "us", sample_calls,
     NULL, 1},
    {"core-submit", "the same, submitted, until its completion is taken", "called", "us",
     sample_submit, sample_calls, 1},
};

static int32_t measure_all(struct bench *bench, struct core *core, struct enclave_error *err)
{
    int32_t r = 0;
    for (size_t i = 0; r == 0 && i < sizeof rows / sizeof *rows; i++) {
        struct row row = {.key = rows[i].key,
                          .what = rows[i].what,
                          .floor_is = rows[i].floor_is,
                          .unit = rows[i].unit};
        struct turns turns = {.measured = rows[i].sample,
                              .floor = rows[i].floor,
                              .ctx = core,
                              .rounds = 2 * bench->rounds};
        core->tool = rows[i].runs ? "run" : "plain";
        core->params = rows[i].runs ? program : nothing;
        r = take_turns(&turns, &row, err);
        report_row(bench->json, &row);
    }
    return r;
}

static int32_t create_all(struct core *core, struct enclave_error *err)
{
    static const char config[] = "{\"tools_config\": [\"run\", \"plain\"]}";
    struct enclave_pool_options as_is = ENCLAVE_POOL_OPTIONS_INIT;
    as_is.reuse = ENCLAVE_POOL_DIRTY;
    int32_t r = enclave_manager_initialize_pool(core->manager, NULL, POOL_SIZE, NULL, config,
                                                &as_is, NULL, err);
    for (size_t i = 0; r == 0 && i < BOXES; i++) {
        r = enclave_manager_create_sandbox(core->manager, NULL, config, NULL, core->ids[i], err);
    }
    return r;
}

int32_t rows_core(struct bench *bench, struct enclave_error *err)
{
    static const char *const overrides[] = {"plugins.path=" ENCLAVE_BENCH_FIXTURES,
                                            "plugins.backends=null", "plugins.tools=run, plain",
                                            "enclave.backend=null", NULL};
    struct enclave_manager_options options = ENCLAVE_MANAGER_OPTIONS_INIT;
    struct core core = {.ids = calloc(BOXES, sizeof *core.ids)};

    if (!core.ids) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
    }
    options.config_path = "";
    options.overrides = overrides;
    int32_t r = enclave_manager_new(&options, &core.manager, err);
    if (r == 0) {
        r = create_all(&core, err);
    }
    if (r == 0) {
        r = measure_all(bench, &core, err);
    }
    enclave_manager_free(core.manager);
    free(core.ids);
    return r;
}
