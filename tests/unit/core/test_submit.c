/*
 * test_submit.c - submitted executions: completions, the descriptor, cancelling, order, limits, the end.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "submit_support.h"
#include "support.h"

#include "clock.h"
#include "manager.h"
#include "submit.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t submit(struct enclave_manager *manager, const char *id, const char *params,
                       void *user_data)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    uint64_t ticket = 0;
    if (enclave_manager_submit(manager, id, "run", params, NULL, user_data, &ticket, &err) != 0) {
        fail_msg("not submitted: %s", err.message);
    }
    assert_true(ticket > 0);
    return ticket;
}

static void test_one(void **state)
{
    (void)state;
    struct enclave_manager *manager = support_manager(NULL);
    struct enclave_completion completion = ENCLAVE_COMPLETION_INIT;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char id[ENCLAVE_ID_SIZE];
    int mine = 0;

    support_sandbox(manager, id);
    assert_int_equal(submit_readable(manager), 0);
    assert_int_equal(enclave_manager_next_completion(manager, &completion, &err),
                     ENCLAVE_ENOTFOUND);
    uint64_t ticket = submit(manager, id, HELLO, &mine);
    completion = submit_next(manager);
    assert_int_equal(completion.ticket, ticket);
    assert_ptr_equal(completion.user_data, &mine);
    assert_int_equal(completion.code, 0);
    assert_string_equal(completion.result->output, "hello");
    enclave_result_free(completion.result);
    assert_int_equal(submit_readable(manager), 0);
    assert_int_equal(enclave_manager_cancel_ticket(manager, ticket, &err), ENCLAVE_ENOTFOUND);

    (void)submit(manager, id, "{\"colour\": \"blue\"}", NULL);
    completion = submit_next(manager);
    assert_int_equal(completion.code, ENCLAVE_EINVALID);
    assert_error(completion.error, ENCLAVE_EINVALID, "parameter 'colour'");
    assert_null(completion.result);
    enclave_manager_free(manager);
}

/* The descriptor tells of completions that were there before it was asked for, until the last is taken. */
static void test_descriptor(void **state)
{
    (void)state;
    struct enclave_manager *manager = support_manager(NULL);
    char id[ENCLAVE_ID_SIZE];

    support_sandbox(manager, id);
    for (int i = 0; i < 2; i++) {
        (void)submit(manager, id, HELLO, NULL);
    }
    while (submitter_state(manager->submitter).completed < 2) {
        (void)sched_yield();
    }
    assert_int_equal(submit_readable(manager), 1);
    enclave_result_free(submit_next(manager).result);
    assert_int_equal(submit_readable(manager), 1);
    enclave_result_free(submit_next(manager).result);
    assert_int_equal(submit_readable(manager), 0);
    (void)submit(manager, id, HELLO, NULL);
    enclave_result_free(submit_next(manager).result);
    assert_int_equal(submit_readable(manager), 0);
    enclave_manager_free(manager);
}

static int32_t count_output(void *ctx, uint32_t stream, const void *data, uint64_t length)
{
    (void)stream;
    (void)data;
    atomic_fetch_add((atomic_ullong *)ctx, length);
    return 0;
}

/* What is given may be gone as soon as submit has returned. */
static void test_options_are_copied(void **state)
{
    (void)state;
    struct enclave_manager *manager = support_manager(NULL);
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
    atomic_ullong seen = 0;
    char id[ENCLAVE_ID_SIZE], tool[] = "run", params[] = "{\"argv\": [\"cat\"]}";
    char execution[] = "mine", input[] = "what cat reads";

    support_sandbox(manager, id);
    options.execution_id = execution;
    options.stdin_data = input;
    options.stdin_length = strlen(input);
    options.output = count_output;
    options.output_ctx = &seen;
    assert_int_equal(enclave_manager_submit(manager, id, tool, params, &options, NULL, NULL, NULL),
                     0);
    memset(tool, 'x', sizeof tool - 1);
    memset(params, 'x', sizeof params - 1);
    memset(execution, 'x', sizeof execution - 1);
    memset(input, 'x', sizeof input - 1);
    struct enclave_completion completion = submit_next(manager);
    assert_int_equal(completion.code, 0);
    assert_string_equal(completion.result->output, "what cat reads");
    assert_string_equal(completion.result->execution_id, "mine");
    assert_int_equal(atomic_load(&seen), strlen("what cat reads"));
    enclave_result_free(completion.result);
    enclave_manager_free(manager);
}

static void test_refused(void **state)
{
    (void)state;
    struct enclave_manager *manager = support_manager(NULL);
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
    struct enclave_completion completion = ENCLAVE_COMPLETION_INIT;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char id[ENCLAVE_ID_SIZE];
    int32_t fd;

    support_sandbox(manager, id);
    assert_int_equal(enclave_manager_submit(manager, "absent", "run", NULL, NULL, NULL, NULL, &err),
                     ENCLAVE_ENOTFOUND);
    assert_error(err, ENCLAVE_ENOTFOUND, "submit: no sandbox 'absent'");
    assert_int_equal(enclave_manager_submit(manager, id, NULL, NULL, NULL, NULL, NULL, &err),
                     ENCLAVE_EINVALID);
    options.timeout_ms = -2;
    assert_int_equal(enclave_manager_submit(manager, id, "run", NULL, &options, NULL, NULL, &err),
                     ENCLAVE_EINVALID);
    assert_int_equal(enclave_manager_submit(NULL, id, "run", NULL, NULL, NULL, NULL, &err),
                     ENCLAVE_EINVALID);
    assert_int_equal(enclave_manager_completion_fd(NULL, &fd, &err), ENCLAVE_EINVALID);
    assert_int_equal(enclave_manager_next_completion(manager, NULL, &err), ENCLAVE_EINVALID);
    completion.size = 0;
    assert_int_equal(enclave_manager_next_completion(manager, &completion, &err), ENCLAVE_EINVALID);
    assert_int_equal(enclave_manager_cancel_ticket(manager, 1, &err), ENCLAVE_ENOTFOUND);
    enclave_manager_free(manager);
}

static void test_cancel(void **state)
{
    (void)state;
    static const char *const overrides[] = {"enclave.max_executions=1", NULL};
    struct enclave_manager *manager = support_manager(overrides);
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char id[ENCLAVE_ID_SIZE];

    support_sandbox(manager, id);
    uint64_t running = submit(manager, id, HANG, NULL);
    submit_wait_running(manager, 1);
    uint64_t queued = submit(manager, id, HELLO, NULL), last = submit(manager, id, HELLO, NULL);
    assert_int_equal(enclave_manager_cancel_ticket(manager, queued, &err), 0);
    assert_int_equal(enclave_manager_cancel_ticket(manager, queued, &err), ENCLAVE_ENOTFOUND);
    struct enclave_completion completion = submit_next(manager); /* at once, before its turn */
    assert_int_equal(completion.ticket, queued);
    assert_error(completion.error, ENCLAVE_ECANCELLED, "cancelled before it began");
    assert_int_equal(enclave_manager_cancel_ticket(manager, running, &err), 0);
    completion = submit_next(manager);
    assert_int_equal(completion.ticket, running);
    assert_int_equal(completion.result->cause, ENCLAVE_CAUSE_CANCELLED);
    enclave_result_free(completion.result);
    completion = submit_next(manager);
    assert_int_equal(completion.ticket, last);
    enclave_result_free(completion.result);
    enclave_manager_free(manager);
}

/* Its sandbox goes away while it waits, and another gets the same id: it does not run in that one. */
static void test_deleted_while_queued(void **state)
{
    (void)state;
    static const char *const overrides[] = {"enclave.max_executions=1", NULL};
    struct enclave_manager *manager = support_manager(overrides);
    struct enclave_create_options options = ENCLAVE_CREATE_OPTIONS_INIT;
    char other[ENCLAVE_ID_SIZE], id[ENCLAVE_ID_SIZE];

    options.id = "again";
    support_sandbox(manager, other);
    uint64_t ticket = submit(manager, other, HANG, NULL);
    submit_wait_running(manager, 1);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(enclave_manager_create_sandbox(
                             manager, NULL, "{\"tools_config\": [\"run\"]}", &options, id, NULL),
                         0);
        if (i == 0) {
            (void)submit(manager, id, HELLO, NULL);
            assert_int_equal(enclave_manager_delete_sandbox(manager, id, NULL), 0);
        }
    }
    assert_int_equal(enclave_manager_cancel_ticket(manager, ticket, NULL), 0);
    enclave_result_free(submit_next(manager).result);
    struct enclave_completion completion = submit_next(manager);
    assert_error(completion.error, ENCLAVE_ESTATE, "sandbox 'again' is not running");
    enclave_manager_free(manager);
}

/* The caller's own handle counts too, and is let go before the completion can be taken. */
static void test_callers_handle(void **state)
{
    (void)state;
    static const char *const overrides[] = {"enclave.max_executions=1", NULL};
    struct enclave_manager *manager = support_manager(overrides);
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
    char id[ENCLAVE_ID_SIZE];

    support_sandbox(manager, id);
    assert_int_equal(enclave_cancel_new(&options.cancel, NULL), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(
            enclave_manager_submit(manager, id, "run", HANG, &options, NULL, NULL, NULL), 0);
    }
    submit_wait_running(manager, 1);
    enclave_cancel_trigger(options.cancel);
    struct enclave_completion ran = submit_next(manager), waited = submit_next(manager);
    enclave_cancel_free(options.cancel);
    assert_int_equal(ran.result->cause, ENCLAVE_CAUSE_CANCELLED);
    assert_int_equal(waited.code, ENCLAVE_ECANCELLED);
    enclave_result_free(ran.result);
    enclave_manager_free(manager);
}

/* One sandbox's crowd does not hold up another's few; within one the order is kept. */
static void test_order(void **state)
{
    (void)state;
    static const char *const overrides[] = {"enclave.max_executions=1", NULL};
    static const uintptr_t expected[] = {0, 10, 20, 1, 11, 21, 2, 12, 3, 4};
    struct enclave_manager *manager = support_manager(overrides);
    char first[ENCLAVE_ID_SIZE], ids[3][ENCLAVE_ID_SIZE];

    support_sandbox(manager, first);
    uint64_t ticket = submit(manager, first, HANG, NULL);
    submit_wait_running(manager, 1);
    for (uintptr_t box = 0; box < COUNT(ids); box++) {
        support_sandbox(manager, ids[box]);
        for (uintptr_t i = 0; i < (box == 0 ? 5 : box == 1 ? 3 : 2); i++) {
            (void)submit(manager, ids[box], HELLO, (void *)(box * 10 + i));
        }
    }
    assert_int_equal(enclave_manager_cancel_ticket(manager, ticket, NULL), 0);
    enclave_result_free(submit_next(manager).result);
    for (size_t i = 0; i < COUNT(expected); i++) {
        struct enclave_completion completion = submit_next(manager);
        assert_int_equal((uintptr_t)completion.user_data, expected[i]);
        enclave_result_free(completion.result);
    }
    enclave_manager_free(manager);
}

static void test_busy(void **state)
{
    (void)state;
    static const char *const overrides[] = {"enclave.max_executions=2", "enclave.max_queued=3",
                                            NULL};
    struct enclave_manager *manager = support_manager(overrides);
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char id[ENCLAVE_ID_SIZE];

    support_sandbox(manager, id);
    for (int i = 0; i < 5; i++) {
        (void)submit(manager, id, i < 2 ? HANG : HELLO, NULL);
    }
    submit_wait_running(manager, 2);
    assert_int_equal(enclave_manager_submit(manager, id, "run", HELLO, NULL, NULL, NULL, &err),
                     ENCLAVE_EBUSY);
    assert_error(err, ENCLAVE_EBUSY, "2 executions run, 3 are queued, 0 have ended");
    assert_int_equal(submitter_state(manager->submitter).threads, 2);
    assert_int_equal(enclave_manager_cancel_ticket(manager, 1, NULL), 0);
    enclave_result_free(submit_next(manager).result);
    (void)submit(manager, id, HELLO, NULL); /* what was taken made room */
    assert_int_equal(enclave_manager_stop_sandbox(manager, id, NULL), 0);
    for (int i = 0; i < 5; i++) {
        enclave_result_free(submit_next(manager).result);
    }
    enclave_manager_free(manager);
}

/* Under way, queued, ended and not taken: all is dropped, and nothing of it leaks. */
static void test_freed_manager(void **state)
{
    (void)state;
    static const char *const overrides[] = {"enclave.max_executions=4", NULL};
    for (int round = 0; round < 20; round++) {
        struct enclave_manager *manager = support_manager(overrides);
        char id[ENCLAVE_ID_SIZE];
        support_sandbox(manager, id);
        for (int i = 0; i < 4; i++) {
            (void)submit(manager, id, HELLO, NULL);
        }
        for (int i = 0; i < 8; i++) {
            (void)submit(manager, id, HANG, NULL);
        }
        if (round % 2) {
            submit_wait_running(manager, 4);
        }
        enclave_manager_free(manager);
    }
}

/* Threads that are not needed end, one after another, and come back when they are. */
static void test_idle_threads_end(void **state)
{
    (void)state;
    enum { AT_ONCE = 20 };
    struct enclave_manager *manager = support_manager(NULL);
    uint64_t tickets[AT_ONCE];
    char id[ENCLAVE_ID_SIZE];

    support_sandbox(manager, id);
    submitter_set_idle(manager->submitter, 1000);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < AT_ONCE; i++) {
            tickets[i] = submit(manager, id, HANG, NULL);
        }
        submit_wait_running(manager, AT_ONCE);
        assert_int_equal(submitter_state(manager->submitter).threads, AT_ONCE);
        for (int i = 0; i < AT_ONCE; i++) {
            assert_int_equal(enclave_manager_cancel_ticket(manager, tickets[i], NULL), 0);
        }
        while (submitter_state(manager->submitter).threads > 0) {
            (void)sched_yield();
        }
        for (int i = 0; i < AT_ONCE; i++) {
            enclave_result_free(submit_next(manager).result);
        }
    }
    enclave_manager_free(manager);
}

/* ------------------------------------------------------------------------------------- the scale */

/* Sanitizers take a hundred times the memory, and find nothing more with more of the same. */
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
enum { BOXES = 20, EACH = 10, MEMORY_MAX_MB = 100000 };
#else
enum { BOXES = 20, EACH = 100, MEMORY_MAX_MB = 150 };
#endif

static void sandboxes(struct enclave_manager *manager, char (*ids)[ENCLAVE_ID_SIZE], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        support_sandbox(manager, ids[i]);
    }
}

static size_t resident_mb(void)
{
    unsigned long pages = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%lu %lu", &pages, &resident), 2);
    (void)fclose(file);
    return resident / 256;
}

/* 2,000 that sleep for a second at once: as many threads, and little memory. */
static void test_many_at_once(void **state)
{
    (void)state;
    static const char *const overrides[] = {"enclave.max_executions=2048", NULL};
    struct enclave_manager *manager = support_manager(overrides);
    static char ids[BOXES][ENCLAVE_ID_SIZE];

    sandboxes(manager, ids, BOXES);
    int64_t started = clock_monotonic_us();
    for (int i = 0; i < BOXES * EACH; i++) {
        (void)submit(manager, ids[i % BOXES], "{\"argv\": [\"sleep\", \"1000\"]}", NULL);
    }
    while (submitter_state(manager->submitter).queued > 0) { /* nobody waits for a thread */
        (void)sched_yield();
    }
    size_t memory = resident_mb();
    for (int i = 0; i < BOXES * EACH; i++) {
        struct enclave_completion completion = submit_next(manager);
        assert_int_equal(completion.code, 0);
        assert_int_equal(completion.result->cause, ENCLAVE_CAUSE_EXITED);
        enclave_result_free(completion.result);
    }
    print_message("%d executions of 1 s: %lld ms in all, %zu MB resident\n", BOXES * EACH,
                  (long long)(clock_monotonic_us() - started) / 1000, memory);
    assert_in_range(memory, 1, MEMORY_MAX_MB);
    enclave_manager_free(manager);
}

struct crowd {
    struct enclave_manager *manager;
    char (*ids)[ENCLAVE_ID_SIZE];
    atomic_int submitted;
    atomic_int taken;
};

enum { CALLERS = 4, CALLS = 500, CROWD_BOXES = 8 };

static void *submit_and_take(void *arg)
{
    struct crowd *crowd = arg;
    for (int i = 0; i < CALLS; i++) {
        uint64_t ticket = 0;
        if (enclave_manager_submit(crowd->manager, crowd->ids[i % CROWD_BOXES], "run",
                                   i % 7 ? HELLO : HANG, NULL, NULL, &ticket, NULL) == 0) {
            atomic_fetch_add(&crowd->submitted, 1);
            if (i % 7 == 0 || i % 5 == 0) {
                (void)enclave_manager_cancel_ticket(crowd->manager, ticket, NULL);
            }
        }
        struct enclave_completion completion = ENCLAVE_COMPLETION_INIT;
        if (enclave_manager_next_completion(crowd->manager, &completion, NULL) == 0) {
            atomic_fetch_add(&crowd->taken, 1);
            enclave_result_free(completion.result);
        }
    }
    return NULL;
}

static void test_from_many_threads(void **state)
{
    (void)state;
    static const char *const overrides[] = {"enclave.max_executions=8", NULL};
    static char ids[CROWD_BOXES][ENCLAVE_ID_SIZE];
    struct crowd crowd = {.manager = support_manager(overrides), .ids = ids};
    pthread_t threads[CALLERS];

    sandboxes(crowd.manager, ids, CROWD_BOXES);
    for (size_t i = 0; i < CALLERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, submit_and_take, &crowd), 0);
    }
    for (size_t i = 0; i < CALLERS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    assert_int_equal(atomic_load(&crowd.submitted), CALLERS * CALLS);
    while (atomic_load(&crowd.taken) < CALLERS * CALLS) {
        enclave_result_free(submit_next(crowd.manager).result);
        atomic_fetch_add(&crowd.taken, 1);
    }
    assert_int_equal(submit_readable(crowd.manager), 0);
    enclave_manager_free(crowd.manager);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one),
        cmocka_unit_test(test_descriptor),
        cmocka_unit_test(test_options_are_copied),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_deleted_while_queued),
        cmocka_unit_test(test_callers_handle),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_busy),
        cmocka_unit_test(test_freed_manager),
        cmocka_unit_test(test_idle_threads_end),
        cmocka_unit_test(test_many_at_once),
        cmocka_unit_test(test_from_many_threads),
    };
    return cmocka_run_group_tests_name("submit", tests, NULL, NULL);
}
