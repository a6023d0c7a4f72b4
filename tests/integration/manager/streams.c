/*
 * streams.c - what goes in and comes out while a program runs: callback, cancel, stdin, environment.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct enclave_result *run_with(struct fixture *f, const char *code,
                                       const struct enclave_execute_options *options)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_result *result = try_python(f->manager, f->id, code, options, &err);

    if (!result) {
        fail_msg("%s", err.message);
    }
    return result;
}

/* ------------------------------------------------------------------------------------- callback */

struct listener {
    char out[4096];
    size_t out_length;
    uint64_t bytes[3];
    int64_t first_ms;
    int calls;
    int give_up_after; /* calls; 0: never */
    unsigned char last;
    int gaps; /* bytes that did not follow their predecessor */
    pthread_t thread;
    int other_thread;
};

static int32_t listen(void *ctx, uint32_t stream, const void *data, uint64_t length)
{
    struct listener *l = ctx;
    size_t room = sizeof l->out - 1 - l->out_length;

    l->first_ms = l->first_ms ? l->first_ms : now_ms();
    l->other_thread |= !pthread_equal(l->thread, pthread_self());
    l->bytes[stream] += length;
    if (stream == ENCLAVE_STDOUT && room > 0) {
        size_t n = length < room ? (size_t)length : room;
        memcpy(l->out + l->out_length, data, n);
        l->out_length += n;
    }
    return ++l->calls == l->give_up_after;
}

/* The program writes the bytes 0 to 250 in turn. */
static int32_t check_order(void *ctx, uint32_t stream, const void *data, uint64_t length)
{
    struct listener *l = ctx;

    for (uint64_t i = 0; i < length; i++) {
        l->gaps += ((const unsigned char *)data)[i] != l->last;
        l->last = (unsigned char)((((const unsigned char *)data)[i] + 1) % 251);
    }
    l->bytes[stream] += length;
    return 0;
}

static void test_output_comes_as_it_is_written(void **state)
{
    struct listener l = {.thread = pthread_self()};
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
    struct enclave_result *result;
    int64_t end;

    options.output = listen;
    options.output_ctx = &l;
    result = run_with(*state,
                      "import sys, time\nprint('one')\ntime.sleep(0.6)\nprint('two')\n"
                      "print('bad', file=sys.stderr)",
                      &options);
    end = now_ms();
    assert_int_equal(result->cause, ENCLAVE_CAUSE_EXITED);
    assert_string_equal(l.out, "one\ntwo\n");
    assert_string_equal(result->output, "one\ntwo\n");
    assert_int_equal(l.bytes[ENCLAVE_STDERR], 4);
    assert_true(end - l.first_ms >= 500); /* the first line did not wait for the end */
    assert_false(l.other_thread);
    enclave_result_free(result);
}

static void test_output_keeps_its_order_and_is_all_there(void **state)
{
    struct listener l = {.thread = pthread_self()};
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
    struct enclave_result *result;

    options.output = check_order;
    options.output_ctx = &l;
    result = run_with(*state,
                      "import os\nx = bytes(range(251)) * 100\nfor i in range(400):\n    n = 0\n"
                      "    while n < len(x): n += os.write(1, x[n:])\n",
                      &options);
    assert_int_equal(result->cause, ENCLAVE_CAUSE_EXITED);
    assert_int_equal(l.gaps, 0);
    assert_int_equal(l.bytes[ENCLAVE_STDOUT], 251 * 100 * 400); /* more than is kept */
    assert_int_equal(result->truncated, 1);
    enclave_result_free(result);
}

static int32_t dawdle(void *ctx, uint32_t stream, const void *data, uint64_t length)
{
    struct timespec pause = {0, 20 * 1000000};
    struct listener *l = ctx;

    (void)data;
    (void)nanosleep(&pause, NULL);
    l->calls++;
    l->bytes[stream] += length;
    return 0;
}

/* A slow listener holds the program back, and nothing piles up. */
static void test_a_slow_listener_gets_everything(void **state)
{
    struct listener l = {.thread = pthread_self()};
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
    struct footprint before = footprint_now(), after;
    struct enclave_result *result;

    options.output = dawdle;
    options.output_ctx = &l;
    result =
        run_with(*state, "import os\nfor i in range(16): os.write(1, b'x' * (1 << 20))", &options);
    after = footprint_now();
    assert_int_equal(result->cause, ENCLAVE_CAUSE_EXITED);
    assert_int_equal(l.bytes[ENCLAVE_STDOUT], result->stdout_bytes);
    assert_true(l.bytes[ENCLAVE_STDOUT] > 0);
    assert_true(after.rss_kib - before.rss_kib < 12 * 1024 || test_is_sanitized());
    enclave_result_free(result);
}

static void test_a_listener_can_give_up(void **state)
{
    struct fixture *f = *state;
    struct listener l = {.thread = pthread_self(), .give_up_after = 1};
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
    struct enclave_result *result;

    options.output = listen;
    options.output_ctx = &l;
    result = run_with(f, "import time\nprint('enough')\ntime.sleep(60)", &options);
    assert_int_equal(result->cause, ENCLAVE_CAUSE_CANCELLED);
    assert_int_equal(result->status, ENCLAVE_RESULT_CANCELLED);
    assert_int_equal(l.calls, 1);
    assert_true(result->wall_us < 20000000);
    enclave_result_free(result);
    expect_alive(f->manager, f->id);
}

/* --------------------------------------------------------------------------------------- cancel */

struct canceller {
    struct enclave_cancel *cancel;
    atomic_int begun;
};

static int32_t notice(void *ctx, uint32_t stream, const void *data, uint64_t length)
{
    struct canceller *c = ctx;

    (void)stream;
    (void)data;
    (void)length;
    atomic_store(&c->begun, 1);
    return 0;
}

static void *cancel_when_begun(void *ctx)
{
    struct canceller *c = ctx;
    struct timespec pause = {0, 5 * 1000000};

    while (!atomic_load(&c->begun)) {
        (void)nanosleep(&pause, NULL);
    }
    enclave_cancel_trigger(c->cancel);
    return NULL;
}

static void test_another_thread_cancels(void **state)
{
    struct fixture *f = *state;
    struct canceller c = {NULL, 0};
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
    struct enclave_result *result;
    pthread_t thread;

    assert_int_equal(enclave_cancel_new(&c.cancel, &err), 0);
    options.cancel = c.cancel;
    options.output = notice;
    options.output_ctx = &c;
    assert_int_equal(pthread_create(&thread, NULL, cancel_when_begun, &c), 0);
    result = run_with(f, "import time\nprint('begun')\ntime.sleep(60)", &options);
    (void)pthread_join(thread, NULL);
    assert_int_equal(result->cause, ENCLAVE_CAUSE_CANCELLED);
    assert_string_equal(result->output, "begun\n");
    assert_true(result->wall_us < 20000000);
    enclave_result_free(result);
    expect_alive(f->manager, f->id);

    /* Triggered stays triggered: the next call does not even begin, or ends at once. */
    result = try_python(f->manager, f->id, "import time; time.sleep(60)", &options, &err);
    if (result) {
        assert_int_equal(result->cause, ENCLAVE_CAUSE_CANCELLED);
        enclave_result_free(result);
    } else {
        expect_error(err.code, ENCLAVE_ECANCELLED, &err, "");
    }
    enclave_cancel_free(c.cancel);
}

static void test_a_create_can_be_cancelled(void **state)
{
    struct fixture *f = *state;
    struct enclave_create_options options = ENCLAVE_CREATE_OPTIONS_INIT;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char id[ENCLAVE_ID_SIZE];
    int32_t r;

    assert_int_equal(enclave_cancel_new(&options.cancel, &err), 0);
    enclave_cancel_trigger(options.cancel);
    r = enclave_manager_create_sandbox(f->manager, NULL, NULL, &options, id, &err);
    expect_error(r, ENCLAVE_ECANCELLED, &err, "");
    enclave_cancel_free(options.cancel);
    assert_int_equal(engine_containers(f->instance), 1);
}

/* --------------------------------------------------------------------- stdin, environment, names */

static void test_stdin_is_what_was_given(void **state)
{
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
    struct enclave_result *result;
    size_t length = 3000000;
    char *data = malloc(length);

    assert_non_null(data);
    memset(data, 'y', length);
    result = run_with(*state, "import sys; print(repr(sys.stdin.read()))", NULL);
    assert_string_equal(result->output, "''\n");
    enclave_result_free(result);

    options.stdin_data = data;
    options.stdin_length = length;
    result = run_with(*state, "import sys; x = sys.stdin.read(); print(len(x), set(x))", &options);
    assert_string_equal(result->output, "3000000 {'y'}\n");
    enclave_result_free(result);

    result = run_with(*state, "print('does not read')", &options); /* no SIGPIPE, no hang */
    assert_string_equal(result->output, "does not read\n");
    enclave_result_free(result);
    free(data);
}

static void test_the_environment_is_the_sandboxes(void **state)
{
    struct fixture *f = *state;
    char id[ENCLAVE_ID_SIZE];

    (void)setenv("ENCLAVE_TEST_SECRET", "leaked", 1);
    make_sandbox(f->manager, "\"env_vars\": {\"GREETING\": \"h\xc3\xa4 llo=$HOME\"}", id);
    expect_shell(f->manager, id, "echo \"$GREETING|$HOME|$ENCLAVE_TEST_SECRET\"",
                 "h\xc3\xa4 llo=$HOME|/sandbox|\n");
    expect_shell(f->manager, id, "pwd", "/sandbox\n");
    delete_sandbox(f->manager, id);
    (void)unsetenv("ENCLAVE_TEST_SECRET");
}

static void test_an_execution_has_an_id(void **state)
{
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
    struct enclave_result *result;

    options.execution_id = "mine-1";
    result = run_with(*state, "pass", &options);
    assert_string_equal(result->execution_id, "mine-1");
    assert_string_equal(result->tool_name, "python_executor");
    enclave_result_free(result);
    result = run_with(*state, "pass", NULL);
    assert_true(strlen(result->execution_id) > 0);
    assert_string_not_equal(result->execution_id, "mine-1");
    enclave_result_free(result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_output_comes_as_it_is_written),
        cmocka_unit_test(test_output_keeps_its_order_and_is_all_there),
        cmocka_unit_test(test_a_slow_listener_gets_everything),
        cmocka_unit_test(test_a_listener_can_give_up),
        cmocka_unit_test(test_another_thread_cancels),
        cmocka_unit_test(test_a_create_can_be_cancelled),
        cmocka_unit_test(test_stdin_is_what_was_given),
        cmocka_unit_test(test_the_environment_is_the_sandboxes),
        cmocka_unit_test(test_an_execution_has_an_id),
    };
    int skip = test_setup();

    return skip ? skip : cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
