/*
 * test_submit_told.c - submitted executions whose end is told at once, and those that run in the caller's threads.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "submit_support.h"
#include "support.h"

#include "manager.h"
#include "submit.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* Of executions whose `ended` is one of those below; user_data. */
struct told {
    struct enclave_manager *manager;
    const char *id;
    uint64_t ticket;
    enclave_ended_fn ended; /* NULL: take_it */
    int again;              /* how many more are submitted, each by the end of the one before */
    int32_t code;
    char text[ENCLAVE_ERROR_MESSAGE_SIZE];
    atomic_int times;
};

static int32_t take_it(const struct enclave_completion *completion)
{
    struct told *told = completion->user_data;

    told->code = completion->code;
    (void)snprintf(told->text, sizeof told->text, "%s",
                   completion->result ? completion->result->output : completion->error.message);
    enclave_result_free(completion->result);
    atomic_fetch_add(&told->times, 1);
    return 1;
}

static int32_t leave_it(const struct enclave_completion *completion)
{
    struct told *told = completion->user_data;

    atomic_fetch_add(&told->times, 1);
    return 0;
}

static void submit_told(struct told *told, const char *params, enclave_ended_fn ended)
{
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;

    options.ended = ended;
    assert_int_equal(
        enclave_manager_submit(told->manager, told->id, "run", params, &options, told, NULL, NULL),
        0);
}

static int32_t submit_again(const struct enclave_completion *completion)
{
    struct told *told = completion->user_data;

    if (told->again > 0) {
        told->again--;
        submit_told(told, HELLO, submit_again);
    }
    return take_it(completion);
}

static void wait_until_told(struct told *told, int times)
{
    while (atomic_load(&told->times) < times) {
        (void)sched_yield();
    }
}

/* What has been taken does not come again, and does not count; what has not is a completion as any other. */
static void test_told_at_once(void **state)
{
    (void)state;
    static const char *const overrides[] = {"enclave.max_executions=1", "enclave.max_queued=0",
                                            NULL};
    struct enclave_manager *manager = support_manager(overrides);
    struct enclave_completion completion = ENCLAVE_COMPLETION_INIT;
    char id[ENCLAVE_ID_SIZE];
    struct told told = {.manager = manager, .id = id};

    support_sandbox(manager, id);
    assert_int_equal(submit_readable(manager), 0);
    submit_told(&told, HELLO, take_it);
    wait_until_told(&told, 1);
    assert_int_equal(told.code, 0);
    assert_string_equal(told.text, "hello");
    assert_int_equal(submit_readable(manager), 0);
    assert_int_equal(enclave_manager_next_completion(manager, &completion, NULL),
                     ENCLAVE_ENOTFOUND);

    submit_told(&told, "{\"colour\": \"blue\"}", take_it); /* there is room for one at a time */
    wait_until_told(&told, 2);
    assert_int_equal(told.code, ENCLAVE_EINVALID);
    assert_non_null(strstr(told.text, "parameter 'colour'"));

    submit_told(&told, HELLO, leave_it);
    completion = submit_next(manager);
    assert_int_equal(atomic_load(&told.times), 3);
    assert_ptr_equal(completion.user_data, &told);
    assert_string_equal(completion.result->output, "hello");
    enclave_result_free(completion.result);
    enclave_manager_free(manager);
}

/* The thread that tells is not busy: it takes what is submitted meanwhile. */
static void test_told_may_submit(void **state)
{
    (void)state;
    struct enclave_manager *manager = support_manager(NULL);
    char id[ENCLAVE_ID_SIZE];
    struct told told = {.manager = manager, .id = id, .again = 5};

    support_sandbox(manager, id);
    submit_told(&told, HELLO, submit_again);
    wait_until_told(&told, 6);
    assert_int_equal(submitter_state(manager->submitter).threads, 1);
    enclave_manager_free(manager);
}

/* One that no thread has taken is not told of by the thread that cancels; a manager that ends tells of what it cancels. */
static void test_told_when_cancelled(void **state)
{
    (void)state;
    static const char *const overrides[] = {"enclave.max_executions=1", NULL};
    struct enclave_manager *manager = support_manager(overrides);
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
    char id[ENCLAVE_ID_SIZE];
    struct told runs = {.manager = manager, .id = id}, waits = {.manager = manager, .id = id};
    uint64_t ticket = 0;

    support_sandbox(manager, id);
    submit_told(&runs, HANG, take_it);
    submit_wait_running(manager, 1);
    options.ended = take_it;
    assert_int_equal(
        enclave_manager_submit(manager, id, "run", HELLO, &options, &waits, &ticket, NULL), 0);
    assert_int_equal(enclave_manager_cancel_ticket(manager, ticket, NULL), 0);
    assert_int_equal(submit_next(manager).code, ENCLAVE_ECANCELLED);
    assert_int_equal(atomic_load(&waits.times), 0);
    enclave_manager_free(manager);
    assert_int_equal(atomic_load(&runs.times), 1);
}

/* A program that was compiled without `ended` has something else there. */
static void test_shorter_options(void **state)
{
    (void)state;
    struct enclave_manager *manager = support_manager(NULL);
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
    char id[ENCLAVE_ID_SIZE];
    struct told told = {.manager = manager, .id = id};

    support_sandbox(manager, id);
    options.size = offsetof(struct enclave_execute_options, ended);
    options.ended = take_it;
    assert_int_equal(enclave_manager_submit(manager, id, "run", HELLO, &options, &told, NULL, NULL),
                     0);
    enclave_result_free(submit_next(manager).result);
    assert_int_equal(atomic_load(&told.times), 0);
    enclave_manager_free(manager);
}

/* ------------------------------------------------------------------------------------- lent threads */

static int32_t count_it(const struct enclave_completion *completion)
{
    struct told *told = completion->user_data;

    enclave_result_free(completion->result);
    atomic_fetch_add(&told->times, 1);
    return 1;
}

static int32_t lend(struct told *told, const char *params)
{
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;

    options.flags = ENCLAVE_EXECUTE_LEND;
    options.ended = told->ended ? told->ended : take_it;
    return enclave_manager_submit(told->manager, told->id, "run", params, &options, told,
                                  &told->ticket, NULL);
}

/* It runs in the thread that was lent, and in no other: there is none. */
static void test_lent(void **state)
{
    (void)state;
    struct enclave_manager *manager = support_manager(NULL);
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
    char id[ENCLAVE_ID_SIZE];
    struct told told = {.manager = manager, .id = id};

    support_sandbox(manager, id);
    assert_int_equal(enclave_manager_run_submitted(NULL, NULL), ENCLAVE_EINVALID);
    options.flags = ENCLAVE_EXECUTE_LEND << 1;
    assert_int_equal(enclave_manager_submit(manager, id, "run", HELLO, &options, NULL, NULL, NULL),
                     ENCLAVE_EINVALID);
    assert_int_equal(enclave_manager_run_submitted(manager, NULL), ENCLAVE_ENOTFOUND);
    assert_int_equal(lend(&told, HELLO), 0);
    assert_int_equal(submitter_state(manager->submitter).queued, 1);
    assert_int_equal(atomic_load(&told.times), 0);
    assert_int_equal(enclave_manager_run_submitted(manager, NULL), 0);
    assert_int_equal(atomic_load(&told.times), 1);
    assert_string_equal(told.text, "hello");
    assert_int_equal(submitter_state(manager->submitter).threads, 0);
    assert_int_equal(enclave_manager_run_submitted(manager, NULL), ENCLAVE_ENOTFOUND);
    enclave_manager_free(manager);
}

/* What was cancelled is not there for the thread that comes for it, and what others submit has threads as ever. */
static void test_lent_and_cancelled(void **state)
{
    (void)state;
    struct enclave_manager *manager = support_manager(NULL);
    char id[ENCLAVE_ID_SIZE];
    struct told lent = {.manager = manager, .id = id}, other = {.manager = manager, .id = id};

    support_sandbox(manager, id);
    assert_int_equal(lend(&lent, HELLO), 0);
    assert_int_equal(enclave_manager_cancel_ticket(manager, lent.ticket, NULL), 0);
    submit_told(&other, HELLO, take_it);
    wait_until_told(&other, 1);
    assert_int_equal(enclave_manager_run_submitted(manager, NULL), ENCLAVE_ENOTFOUND);
    assert_int_equal(submit_next(manager).code, ENCLAVE_ECANCELLED);
    enclave_manager_free(manager);
}

static void *run_submitted(void *manager)
{
    assert_int_equal(enclave_manager_run_submitted(manager, NULL), 0);
    return NULL;
}

/* As many run as may, with those in lent threads: what is left is taken by a thread of the manager's when one has ended. */
static void test_lent_up_to_the_limit(void **state)
{
    (void)state;
    static const char *const overrides[] = {"enclave.max_executions=1", NULL};
    struct enclave_manager *manager = support_manager(overrides);
    char id[ENCLAVE_ID_SIZE];
    struct told hangs = {.manager = manager, .id = id}, late = {.manager = manager, .id = id};
    pthread_t thread;

    support_sandbox(manager, id);
    assert_int_equal(lend(&hangs, HANG), 0);
    assert_int_equal(pthread_create(&thread, NULL, run_submitted, manager), 0);
    submit_wait_running(manager, 1);
    assert_int_equal(lend(&late, HELLO), 0);
    assert_int_equal(enclave_manager_run_submitted(manager, NULL), ENCLAVE_EBUSY);
    submit_told(&late, HELLO, take_it);
    assert_int_equal(submitter_state(manager->submitter).queued, 2);
    assert_int_equal(submitter_state(manager->submitter).running, 1);
    assert_int_equal(enclave_manager_cancel_ticket(manager, hangs.ticket, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    wait_until_told(&late, 2);
    assert_int_equal(atomic_load(&hangs.times), 1);
    enclave_manager_free(manager);
}

/* What was cancelled while it waited is promised no more: nobody waits for the thread that does not come for it. */
static void test_lent_after_a_broken_promise(void **state)
{
    (void)state;
    static const char *const overrides[] = {"enclave.max_executions=1", NULL};
    struct enclave_manager *manager = support_manager(overrides);
    char id[ENCLAVE_ID_SIZE];
    struct told broken = {.manager = manager, .id = id}, hangs = broken, late = broken;
    pthread_t thread;

    support_sandbox(manager, id);
    assert_int_equal(lend(&broken, HELLO), 0);
    assert_int_equal(enclave_manager_cancel_ticket(manager, broken.ticket, NULL), 0);
    assert_int_equal(lend(&hangs, HANG), 0);
    assert_int_equal(pthread_create(&thread, NULL, run_submitted, manager), 0);
    submit_wait_running(manager, 1);
    assert_int_equal(lend(&late, HELLO), 0);
    assert_int_equal(enclave_manager_run_submitted(manager, NULL), ENCLAVE_EBUSY);
    assert_int_equal(enclave_manager_cancel_ticket(manager, hangs.ticket, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    wait_until_told(&late, 1);
    enclave_manager_free(manager);
}

static void *lend_many(void *ctx)
{
    struct told *told = ctx;

    for (int i = 0; i < 200; i++) {
        while (lend(told, HELLO) != 0) {
            (void)enclave_manager_run_submitted(told->manager, NULL);
        }
        (void)enclave_manager_run_submitted(told->manager, NULL);
    }
    return NULL;
}

/* Lent threads take one another's, and each is told of once. */
static void test_lent_by_many(void **state)
{
    (void)state;
    enum { THREADS = 4 };
    static const char *const overrides[] = {"enclave.max_executions=3", NULL};
    struct enclave_manager *manager = support_manager(overrides);
    char id[ENCLAVE_ID_SIZE];
    pthread_t threads[THREADS];
    struct told told[THREADS];

    support_sandbox(manager, id);
    for (int i = 0; i < THREADS; i++) {
        told[i] = (struct told){.manager = manager, .id = id, .ended = count_it};
        assert_int_equal(pthread_create(&threads[i], NULL, lend_many, &told[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        wait_until_told(&told[i], 200);
    }
    assert_int_equal(submitter_state(manager->submitter).queued, 0);
    enclave_manager_free(manager);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_told_at_once),
        cmocka_unit_test(test_told_may_submit),
        cmocka_unit_test(test_told_when_cancelled),
        cmocka_unit_test(test_shorter_options),
        cmocka_unit_test(test_lent),
        cmocka_unit_test(test_lent_and_cancelled),
        cmocka_unit_test(test_lent_up_to_the_limit),
        cmocka_unit_test(test_lent_after_a_broken_promise),
        cmocka_unit_test(test_lent_by_many),
    };
    return cmocka_run_group_tests_name("submitted executions that are told at once", tests, NULL,
                                       NULL);
}
