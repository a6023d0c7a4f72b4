/*
 * test_turn.c - waiting for a turn: who gets one, and who gives up.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support.h"

#include "clock.h"
#include "turn.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

enum { LIMIT = 3, THREADS = 32, ROUNDS = 200 };

static struct turns turns;

static int set_up(void **state)
{
    (void)state;
    turns_init(&turns);
    turns.limit = LIMIT;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    turns_destroy(&turns);
    return 0;
}

static void test_without_a_limit_nobody_waits(void **state)
{
    (void)state;
    turns.limit = 0;
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(turn_take(&turns, 0, NULL), 0);
    }
    for (int i = 0; i < 1000; i++) {
        turn_give(&turns);
    }
    assert_int_equal(turns.taken, 0);
}

static void take_all(void)
{
    for (int i = 0; i < LIMIT; i++) {
        assert_int_equal(turn_take(&turns, 0, NULL), 0);
    }
}

static void test_the_deadline_ends_the_wait(void **state)
{
    (void)state;
    take_all();
    assert_int_equal(turn_take(&turns, clock_monotonic_us(), NULL), ENCLAVE_ETIMEOUT);
    turn_give(&turns);
    assert_int_equal(turn_take(&turns, 0, NULL), 0);
    assert_int_equal(turn_take(&turns, 0, NULL), ENCLAVE_ETIMEOUT);
}

static void test_a_handle_that_was_triggered_ends_the_wait(void **state)
{
    (void)state;
    struct enclave_cancel *cancel = NULL;

    take_all();
    assert_int_equal(enclave_cancel_new(&cancel, NULL), 0);
    enclave_cancel_trigger(cancel);
    assert_int_equal(turn_take(&turns, INT64_MAX, cancel), ENCLAVE_ECANCELLED);
    enclave_cancel_free(cancel);
}

/* ---------------------------------------------------------------------------------- by threads */

static uint64_t waiting(void)
{
    uint64_t n = 0;

    pthread_mutex_lock(&turns.lock);
    for (const struct turn_waiter *w = turns.first; w; w = w->next) {
        n++;
    }
    pthread_mutex_unlock(&turns.lock);
    return n;
}

struct caller {
    pthread_t thread;
    struct enclave_cancel *cancel;
    int32_t r;
};

static void *take_one(void *ctx)
{
    struct caller *caller = ctx;

    caller->r = turn_take(&turns, INT64_MAX, caller->cancel);
    return NULL;
}

static void start_caller(struct caller *caller, uint64_t then_waiting)
{
    assert_int_equal(enclave_cancel_new(&caller->cancel, NULL), 0);
    assert_int_equal(pthread_create(&caller->thread, NULL, take_one, caller), 0);
    while (waiting() < then_waiting) {
        (void)sched_yield();
    }
}

static void end_caller(struct caller *caller)
{
    (void)pthread_join(caller->thread, NULL);
    enclave_cancel_free(caller->cancel);
}

static void test_of_two_that_wait_only_the_cancelled_gives_up(void **state)
{
    (void)state;
    struct caller callers[2] = {0};

    take_all();
    start_caller(&callers[0], 1);
    start_caller(&callers[1], 2);
    enclave_cancel_trigger(callers[0].cancel);
    end_caller(&callers[0]);
    assert_int_equal(callers[0].r, ENCLAVE_ECANCELLED);
    assert_int_equal(waiting(), 1);
    turn_give(&turns);
    end_caller(&callers[1]);
    assert_int_equal(callers[1].r, 0);
    assert_int_equal(turn_take(&turns, 0, NULL), ENCLAVE_ETIMEOUT);
}

/* Also against one who comes while it has not woken up yet. */
static void test_the_first_who_waits_is_the_next(void **state)
{
    (void)state;
    struct caller callers[2] = {0};

    take_all();
    start_caller(&callers[0], 1);
    start_caller(&callers[1], 2);
    for (int i = 0; i < 2; i++) {
        turn_give(&turns);
        assert_int_equal(turn_take(&turns, 0, NULL), ENCLAVE_ETIMEOUT);
        end_caller(&callers[i]);
        assert_int_equal(callers[i].r, 0);
    }
}

static atomic_int inside, most, missed;

/* Some wait as long as it takes, the others give up at once. */
static void *take_often(void *ctx)
{
    int patient = ctx != NULL;

    for (int i = 0; i < ROUNDS; i++) {
        if (turn_take(&turns, patient ? INT64_MAX : 0, NULL) < 0) {
            atomic_fetch_add(&missed, patient);
            continue;
        }
        int now = atomic_fetch_add(&inside, 1) + 1, before = atomic_load(&most);
        while (now > before && !atomic_compare_exchange_weak(&most, &before, now)) {
        }
        (void)sched_yield();
        atomic_fetch_sub(&inside, 1);
        turn_give(&turns);
    }
    return NULL;
}

static void test_never_more_than_the_limit_and_none_forgotten(void **state)
{
    (void)state;
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, take_often, i % 4 != 0 ? &turns : NULL),
                         0);
    }
    for (int i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    assert_true(atomic_load(&most) <= LIMIT);
    assert_int_equal(atomic_load(&missed), 0);
    assert_int_equal(turns.taken, 0);
    assert_null(turns.first);
}

/* ------------------------------------------------------------------------- commands of a sandbox */

static struct enclave_manager *manager;
static char id[ENCLAVE_ID_SIZE];

/* Says when it has its turn, and keeps it. */
static int32_t note_start(void *ctx, uint32_t stream, const void *data, uint64_t length)
{
    (void)stream, (void)data, (void)length;
    atomic_fetch_add((atomic_int *)ctx, 1);
    return 0;
}

static void *hang(void *ctx)
{
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;

    options.cancel = ctx;
    options.timeout_ms = 0;
    options.output = note_start;
    options.output_ctx = &inside;
    enclave_result_free(
        support_run(manager, id, "{\"argv\": [\"out\", \"x\", \"hang\"]}", &options));
    return NULL;
}

/* The command's own time, within that of the call, also while it waits. */
static void test_a_command_that_had_no_turn_timed_out(void **state)
{
    (void)state;
    enum { TURNS = 16 }; /* half of pids_limit */
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
    struct enclave_cancel *cancel = NULL;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    pthread_t threads[TURNS];

    manager = support_manager(NULL);
    assert_int_equal(
        enclave_manager_create_sandbox(
            manager, NULL, "{\"tools_config\": [\"run\"], \"pids_limit\": 32}", NULL, id, &err),
        0);
    assert_int_equal(enclave_cancel_new(&cancel, NULL), 0);
    atomic_store(&inside, 0);
    for (int i = 0; i < TURNS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, hang, cancel), 0);
    }
    while (atomic_load(&inside) < TURNS) {
        (void)sched_yield();
    }
    options.timeout_ms = 0;
    struct enclave_result *result =
        support_run(manager, id, "{\"argv\": [\"out\", \"x\"], \"own_ms\": 50}", &options);
    assert_int_equal(result->cause, ENCLAVE_CAUSE_TIMEOUT);
    assert_string_equal(result->output, "");
    assert_string_equal(result->error, "Command timed out after 0.05 seconds");
    enclave_result_free(result);
    enclave_cancel_trigger(cancel);
    for (int i = 0; i < TURNS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    enclave_cancel_free(cancel);
    enclave_manager_free(manager);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_without_a_limit_nobody_waits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_deadline_ends_the_wait, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_handle_that_was_triggered_ends_the_wait, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_of_two_that_wait_only_the_cancelled_gives_up, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_the_first_who_waits_is_the_next, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_never_more_than_the_limit_and_none_forgotten, set_up,
                                        tear_down),
        cmocka_unit_test(test_a_command_that_had_no_turn_timed_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
