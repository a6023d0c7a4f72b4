/*
 * many.c - many executions at once, floods beside them, and memory meanwhile. No bounds of time. Threads do
 * not assert, they count; the main one judges.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { SANDBOXES = 3, CALLERS_MAX = 1200, FLOODS = 8, STACK = 256 * 1024 };

static struct enclave_result *try_shell(struct enclave_manager *manager, const char *id,
                                        const char *command,
                                        const struct enclave_execute_options *options,
                                        struct enclave_error *err)
{
    struct enclave_result *result = NULL;
    char params[256];

    (void)snprintf(params, sizeof params, "{\"command\": \"%s\"}", command);
    return enclave_manager_execute_tool(manager, id, "shell_executor", params, options, &result,
                                        err) == 0
               ? result
               : NULL;
}

static void start_thread(pthread_t *thread, void *(*run)(void *), void *ctx)
{
    pthread_attr_t attributes;

    assert_int_equal(pthread_attr_init(&attributes), 0);
    if (!test_is_sanitized()) {
        assert_int_equal(pthread_attr_setstacksize(&attributes, STACK), 0);
    }
    assert_int_equal(pthread_create(thread, &attributes, run, ctx), 0);
    (void)pthread_attr_destroy(&attributes);
}

/* ------------------------------------------------------------------------------------ many callers */

struct caller {
    pthread_t thread;
    struct enclave_manager *manager;
    const char *id;
    int number;
    int good;
    char problem[300];
};

static void *call_once(void *ctx)
{
    struct caller *c = ctx;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_result *result;
    char command[64], expected[32];

    (void)snprintf(expected, sizeof expected, "nonce-%d", c->number);
    (void)snprintf(command, sizeof command, "printf %%s %s", expected);
    result = try_shell(c->manager, c->id, command, NULL, &err);
    c->good = result && result->cause == ENCLAVE_CAUSE_EXITED && result->exit_code == 0 &&
              strcmp(result->output, expected) == 0;
    if (!c->good) {
        (void)snprintf(c->problem, sizeof c->problem, "%.250s",
                       !result         ? err.message
                       : result->error ? result->error
                                       : result->output);
    }
    enclave_result_free(result);
    return NULL;
}

/* More in each sandbox than it has room for processes. */
static void test_many_callers(void **state)
{
    static struct caller callers[CALLERS_MAX];
    struct fixture *f = *state;
    char ids[SANDBOXES][ENCLAVE_ID_SIZE];
    int count = test_is_sanitized() ? 300 : CALLERS_MAX, good = 0;
    const char *config = test_is_sanitized() ? "\"pids_limit\": 64" : "";

    for (int i = 0; i < SANDBOXES; i++) {
        make_sandbox(f->manager, config, ids[i]);
    }
    for (int i = 0; i < count; i++) {
        callers[i] = (struct caller){.manager = f->manager, .id = ids[i % SANDBOXES], .number = i};
        start_thread(&callers[i].thread, call_once, &callers[i]);
    }
    for (int i = 0; i < count; i++) {
        (void)pthread_join(callers[i].thread, NULL);
        good += callers[i].good;
        if (!callers[i].good) {
            print_error("%d: %s\n", i, callers[i].problem);
        }
    }
    for (int i = 0; i < SANDBOXES; i++) {
        delete_sandbox(f->manager, ids[i]);
    }
    assert_int_equal(good, count);
}

/* ------------------------------------------------------------------------- waiting for a turn */

struct sleeper {
    pthread_t thread;
    struct enclave_manager *manager;
    const char *id;
    struct enclave_cancel *cancel;
    atomic_int started;
    uint32_t cause;
};

static int32_t note_start(void *ctx, uint32_t stream, const void *data, uint64_t length)
{
    struct sleeper *s = ctx;

    (void)stream, (void)data, (void)length;
    atomic_store(&s->started, 1);
    return 0;
}

static void *sleep_long(void *ctx)
{
    struct sleeper *s = ctx;
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_result *result;

    options.timeout_ms = 0;
    options.cancel = s->cancel;
    options.output = note_start;
    options.output_ctx = s;
    result = try_shell(s->manager, s->id, "echo; exec sleep 1000", &options, &err);
    s->cause = result ? result->cause : 0;
    enclave_result_free(result);
    return NULL;
}

static void test_those_that_wait_have_their_own_time(void **state)
{
    enum { TURNS = 16 }; /* half of pids_limit */
    struct fixture *f = *state;
    struct sleeper sleepers[TURNS + 1] = {0};
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_result *result;
    char id[ENCLAVE_ID_SIZE];

    make_sandbox(f->manager, "\"pids_limit\": 32", id);
    for (int i = 0; i <= TURNS; i++) {
        struct sleeper *s = &sleepers[i];

        s->manager = f->manager;
        s->id = id;
        assert_int_equal(enclave_cancel_new(&s->cancel, &err), 0);
        start_thread(&s->thread, sleep_long, s);
        while (i < TURNS && !atomic_load(&s->started)) {
            expect_alive(f->manager, f->id);
        }
    }
    options.timeout_ms = 200;
    result = try_shell(f->manager, id, "echo never", &options, &err);
    assert_non_null(result);
    assert_int_equal(result->cause, ENCLAVE_CAUSE_TIMEOUT);
    assert_string_equal(result->output, "");
    enclave_result_free(result);
    /* The last has not had its turn, and is cancelled while it waits; the others in their sleep. */
    for (int i = TURNS; i >= 0; i--) {
        enclave_cancel_trigger(sleepers[i].cancel);
        (void)pthread_join(sleepers[i].thread, NULL);
        enclave_cancel_free(sleepers[i].cancel);
        assert_int_equal(sleepers[i].cause, ENCLAVE_CAUSE_CANCELLED);
    }
    assert_false(atomic_load(&sleepers[TURNS].started));
    expect_alive(f->manager, id);
    delete_sandbox(f->manager, id);
}

/* ------------------------------------------------------------------------------------------ floods */

struct flood {
    pthread_t thread;
    struct enclave_manager *manager;
    const char *id;
    const char *command;
    atomic_ullong bytes;
    atomic_int *stop;
    uint32_t cause;
};

static int32_t count_flood(void *ctx, uint32_t stream, const void *data, uint64_t length)
{
    struct flood *flood = ctx;

    (void)stream, (void)data;
    atomic_fetch_add(&flood->bytes, length);
    return atomic_load(flood->stop);
}

static void *run_flood(void *ctx)
{
    struct flood *flood = ctx;
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_result *result;

    options.timeout_ms = 0;
    options.output = count_flood;
    options.output_ctx = flood;
    result = try_shell(flood->manager, flood->id, flood->command, &options, &err);
    flood->cause = result ? result->cause : 0;
    enclave_result_free(result);
    return NULL;
}

/* Every flood goes on while others write, and whoever else asks is answered. */
static void test_floods_starve_nobody(void **state)
{
    struct fixture *f = *state;
    struct flood floods[FLOODS] = {0};
    atomic_int stop = 0;
    char id[ENCLAVE_ID_SIZE];

    make_sandbox(f->manager, "", id);
    for (int i = 0; i < FLOODS; i++) {
        floods[i].manager = f->manager;
        floods[i].id = id;
        floods[i].command = "yes";
        floods[i].stop = &stop;
        start_thread(&floods[i].thread, run_flood, &floods[i]);
    }
    for (int round = 0; round < 3; round++) {
        unsigned long long before[FLOODS];

        for (int i = 0; i < FLOODS; i++) {
            before[i] = atomic_load(&floods[i].bytes);
        }
        expect_shell(f->manager, f->id, "echo beside", "beside\n");
        expect_shell(f->manager, id, "echo among", "among\n");
        for (int i = 0; i < FLOODS; i++) {
            while (atomic_load(&floods[i].bytes) == before[i]) {
                expect_alive(f->manager, f->id); /* one that is starved hangs the test */
            }
        }
    }
    atomic_store(&stop, 1);
    for (int i = 0; i < FLOODS; i++) {
        (void)pthread_join(floods[i].thread, NULL);
        assert_int_equal(floods[i].cause, ENCLAVE_CAUSE_CANCELLED);
    }
    expect_alive(f->manager, id);
    delete_sandbox(f->manager, id);
}

static void test_memory_is_flat_while_streaming(void **state)
{
    struct fixture *f = *state;
    unsigned long long total = test_is_sanitized() ? 16u << 20 : 128u << 20;
    char command[64];
    atomic_int stop = 0;
    struct flood flood = {.manager = f->manager, .id = f->id, .command = command, .stop = &stop};
    struct footprint before = footprint_now(), after;

    (void)snprintf(command, sizeof command, "head -c %llu /dev/zero", total);
    (void)run_flood(&flood);
    after = footprint_now();
    assert_int_equal(flood.cause, ENCLAVE_CAUSE_EXITED);
    assert_true(atomic_load(&flood.bytes) == total);
    assert_int_equal(after.fds, before.fds);
    assert_int_equal(after.threads, before.threads);
    if (!test_is_sanitized()) {
        assert_true(after.rss_kib - before.rss_kib < 8 * 1024);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_is_flat_while_streaming), /* first: later memory is spoilt */
        cmocka_unit_test(test_many_callers),
        cmocka_unit_test(test_those_that_wait_have_their_own_time),
        cmocka_unit_test(test_floods_starve_nobody),
    };
    int skip = test_setup();

    return skip ? skip : cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
