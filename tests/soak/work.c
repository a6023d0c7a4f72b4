/*
 * work.c - see work.h.
 *
 * Those that misbehave run in sandboxes of the pool, which are theirs alone meanwhile, and which are reset behind them:
 * what they break they break for themselves.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "work.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char config[] =
    "{\"tools_config\": [\"python_executor\", \"shell_executor\", \"file_operation\"],"
    " \"memory_limit\": \"128m\", \"pids_limit\": 128}";

/* ------------------------------------------------------------------------------- what misbehaves */

#define CAUSE(name) (1U << ENCLAVE_CAUSE_##name)

/* How each may end. */
static const struct misdeed {
    const char *tool, *key, *text;
    unsigned causes;
} misdeeds[] = {
    {"shell_executor", "command", "bomb() { bomb | bomb & }; bomb; while :; do :; done",
     CAUSE(TIMEOUT) | CAUSE(EXITED)},
    {"python_executor", "code", "hoard = []\nwhile True: hoard.append(bytearray(1 << 22))",
     CAUSE(OOM) | CAUSE(EXITED) | CAUSE(SIGNALED) | CAUSE(TIMEOUT)},
    {"shell_executor", "command",
     "setsid sh -c 'trap \"\" TERM; while :; do sleep 1; done' & sleep 60", CAUSE(TIMEOUT)},
    {"shell_executor", "command",
     "(setsid sh -c 'while :; do sleep 1; done' > /dev/null 2>&1 &) ; true", CAUSE(EXITED)},
    {"shell_executor", "command", "head -c 30000000 /dev/zero; head -c 3000000 /dev/zero >&2",
     CAUSE(EXITED) | CAUSE(TIMEOUT)},
    {"python_executor", "code", "while True: pass", CAUSE(TIMEOUT)},
    {"shell_executor", "command", "kill -9 -1; kill -STOP 1; sleep 60",
     CAUSE(TIMEOUT) | CAUSE(SIGNALED) | CAUSE(EXITED)},
};
enum { MISDEEDS = sizeof misdeeds / sizeof *misdeeds };

/* ------------------------------------------------------------------------------------- the calls */

static void fail(struct work *work, const char *what, const char *why)
{
    pthread_mutex_lock(&work->lock);
    if (work->failed++ == 0) {
        (void)snprintf(work->first_failure, sizeof work->first_failure, "%s: %s", what, why);
    }
    pthread_mutex_unlock(&work->lock);
}

static char *params_of(const char *key, const char *text)
{
    json_object *params = json_object_new_object();

    json_object_object_add(params, key, json_object_new_string(text));
    char *copy = strdup(json_object_to_json_string(params));
    json_object_put(params);
    return copy;
}

/* In the sandbox, or in one of the pool when `id` is NULL. */
static struct enclave_result *call(struct work *work, const char *id, const char *tool,
                                   const char *params, int64_t timeout_ms,
                                   struct enclave_error *err)
{
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
    struct enclave_result *result = NULL;

    options.timeout_ms = timeout_ms;
    int32_t r =
        id ? enclave_manager_execute_tool(work->manager, id, tool, params, &options, &result, err)
           : enclave_manager_execute_tool_in_pool(work->manager, WORK_POOL, tool, params, &options,
                                                  -1, &result, err);
    return r == 0 ? result : NULL;
}

static void misbehave(struct work *work, unsigned *seed)
{
    const struct misdeed *misdeed = &misdeeds[(unsigned)rand_r(seed) % MISDEEDS];
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char *params = params_of(misdeed->key, misdeed->text);
    struct enclave_result *result = call(work, NULL, misdeed->tool, params, 1000, &err);

    if (!result) {
        fail(work, misdeed->text, err.message);
    } else if (!(misdeed->causes >> result->cause & 1)) {
        fail(work, misdeed->text, enclave_cause_name(result->cause));
    }
    enclave_result_free(result);
    free(params);
}

/* It prints a number that nobody else prints, and must. */
static void behave(struct work *work, const char *id, unsigned *seed)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    int is_python = rand_r(seed) % 2;
    char text[256], expected[32];
    int nonce = rand_r(seed);

    (void)snprintf(expected, sizeof expected, "%d\n", nonce);
    (void)snprintf(text, sizeof text, is_python ? "print(%d)" : "echo %d", nonce);
    char *params = params_of(is_python ? "code" : "command", text);
    struct enclave_result *result =
        call(work, id, is_python ? "python_executor" : "shell_executor", params, 60000, &err);
    if (!result || result->cause != ENCLAVE_CAUSE_EXITED || strcmp(result->output, expected) != 0) {
        fail(work, text, !result ? err.message : result->error ? result->error : result->output);
    }
    enclave_result_free(result);
    free(params);
}

static void move_files(struct work *work, const char *id, unsigned *seed)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    static const char blob[100000];
    size_t length = (size_t)rand_r(seed) % sizeof blob;
    struct enclave_result *result = NULL;

    if (enclave_manager_put_file(work->manager, id, "/tmp/blob", blob, length, 0644, &err) != 0) {
        fail(work, "put a file", err.message);
        return;
    }
    result = call(work, id, "file_operation",
                  "{\"operation\": \"delete\", \"file_path\": \"/tmp/blob\"}", 60000, &err);
    if (!result || result->status != ENCLAVE_RESULT_SUCCESS) {
        fail(work, "delete a file", result && result->error ? result->error : err.message);
    }
    enclave_result_free(result);
}

/* A sandbox of one's own: some calls, and its end. How many. */
static unsigned long use_a_sandbox(struct work *work, unsigned *seed)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char id[ENCLAVE_ID_SIZE];
    unsigned long calls = 0;

    if (enclave_manager_create_sandbox(work->manager, NULL, config, NULL, id, &err) != 0) {
        fail(work, "create", err.message);
        return 0;
    }
    for (; calls < 8; calls++) {
        if (rand_r(seed) % 8 == 0) {
            move_files(work, id, seed);
        } else {
            behave(work, id, seed);
        }
    }
    if (enclave_manager_delete_sandbox(work->manager, id, &err) != 0) {
        fail(work, "delete", err.message);
    }
    return calls;
}

/* ------------------------------------------------------------------------------------ the callers */

/* 1 when there is something to do. */
static int may_go(struct work *work)
{
    pthread_mutex_lock(&work->lock);
    while (work->paused && !work->stopping) {
        (void)pthread_cond_wait(&work->change, &work->lock);
    }
    int going = !work->stopping;
    work->active += going;
    pthread_mutex_unlock(&work->lock);
    return going;
}

static void has_done(struct work *work, unsigned long calls, int misbehaved, int made)
{
    pthread_mutex_lock(&work->lock);
    work->calls += calls;
    work->misbehaved += (unsigned)misbehaved;
    work->sandboxes += (unsigned)made;
    work->active--;
    pthread_cond_broadcast(&work->change);
    pthread_mutex_unlock(&work->lock);
}

static void *caller(void *ctx)
{
    struct work *work = ctx;
    unsigned seed = (unsigned)time(NULL) ^ (unsigned)gettid();

    while (may_go(work)) {
        if (rand_r(&seed) % 10000 < work->misbehaving * 100) {
            misbehave(work, &seed);
            has_done(work, 1, 1, 0);
        } else if (rand_r(&seed) % 64 == 0) {
            has_done(work, use_a_sandbox(work, &seed), 0, 1);
        } else {
            behave(work, NULL, &seed);
            has_done(work, 1, 0, 0);
        }
    }
    return NULL;
}

int32_t work_begin(struct work *work, struct enclave_error *err)
{
    (void)pthread_mutex_init(&work->lock, NULL);
    (void)pthread_cond_init(&work->change, NULL);
    work->paused = 1;
    int32_t r = enclave_manager_initialize_pool(work->manager, WORK_POOL, WORK_POOL_SIZE, NULL,
                                                config, NULL, NULL, err);
    while (r == 0 && work->started < work->callers) {
        r = pthread_create(&work->threads[work->started], NULL, caller, work) == 0
                ? 0
                : enclave_error_set(err, ENCLAVE_EIO, "start a caller");
        work->started += r == 0;
    }
    return r;
}

void work_go_on(struct work *work)
{
    pthread_mutex_lock(&work->lock);
    work->paused = 0;
    pthread_cond_broadcast(&work->change);
    pthread_mutex_unlock(&work->lock);
}

void work_pause(struct work *work)
{
    pthread_mutex_lock(&work->lock);
    work->paused = 1;
    while (work->active > 0) {
        (void)pthread_cond_wait(&work->change, &work->lock);
    }
    pthread_mutex_unlock(&work->lock);
}

void work_end(struct work *work)
{
    pthread_mutex_lock(&work->lock);
    work->stopping = 1;
    pthread_cond_broadcast(&work->change);
    pthread_mutex_unlock(&work->lock);
    for (int i = 0; i < work->started; i++) {
        (void)pthread_join(work->threads[i], NULL);
    }
    (void)pthread_cond_destroy(&work->change);
    (void)pthread_mutex_destroy(&work->lock);
}
