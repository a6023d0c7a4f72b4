/*
 * test_races.c - many threads on one manager. Meant for TSan and ASan as much as for itself.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { THREADS_MAX = 100 };

static struct enclave_manager *manager;
static pthread_barrier_t barrier;

static int set_up(void **state)
{
    (void)state;
    static const char *const overrides[] = {"sandbox.env_vars={\"A\": \"1\"}",
                                            "sandbox.labels={\"a\": \"b\"}", "tool run.limit=1m",
                                            NULL};
    manager = support_manager(overrides);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    enclave_manager_free(manager);
    return 0;
}

/* Run `count` threads that begin together. */
static void together(size_t count, void *(*run)(void *), void *arg)
{
    pthread_t threads[THREADS_MAX];
    assert_int_equal(pthread_barrier_init(&barrier, NULL, (unsigned)count), 0);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, run, arg), 0);
    }
    for (size_t i = 0; i < count; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    (void)pthread_barrier_destroy(&barrier);
}

struct tally {
    char id[ENCLAVE_ID_SIZE];
    atomic_int good, exists, notfound, lost, other;
};

static void count(struct tally *tally, int32_t r)
{
    atomic_fetch_add(r == 0                   ? &tally->good
                     : r == ENCLAVE_EEXISTS   ? &tally->exists
                     : r == ENCLAVE_ENOTFOUND ? &tally->notfound
                     : r == ENCLAVE_ESTATE    ? &tally->lost
                                              : &tally->other,
                     1);
}

static void *create_same(void *arg)
{
    struct tally *tally = arg;
    struct enclave_create_options options = ENCLAVE_CREATE_OPTIONS_INIT;
    char id[ENCLAVE_ID_SIZE];
    options.id = "same";
    (void)pthread_barrier_wait(&barrier);
    count(tally, enclave_manager_create_sandbox(manager, NULL, "{\"tools_config\": [\"run\"]}",
                                                &options, id, NULL));
    return NULL;
}

static void test_one_id_for_many(void **state)
{
    (void)state;
    struct tally tally = {.id = ""};
    together(100, create_same, &tally);
    assert_int_equal(tally.good, 1);
    assert_int_equal(tally.exists, 99);
    assert_int_equal(enclave_manager_delete_sandbox(manager, "same", NULL), 0);
}

static void *own_sandboxes(void *arg)
{
    struct tally *tally = arg;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    (void)pthread_barrier_wait(&barrier);
    for (int i = 0; i < 20; i++) {
        char id[ENCLAVE_ID_SIZE], *text = NULL;
        struct enclave_result *result = NULL;
        if (enclave_manager_create_sandbox(
                manager, NULL, "{\"tools_config\": [\"run\", \"plain\"]}", NULL, id, &err) != 0 ||
            enclave_manager_execute_tool(manager, id, "run", "{\"argv\": [\"out\", \"hi\"]}", NULL,
                                         &result, &err) != 0 ||
            strcmp(result->output, "hi") != 0 ||
            enclave_manager_list_sandboxes(manager, 0, &text, &err) != 0 ||
            enclave_manager_delete_sandbox(manager, id, &err) != 0) {
            atomic_fetch_add(&tally->other, 1);
        }
        enclave_free(text);
        enclave_result_free(result);
    }
    return NULL;
}

static void test_own_sandboxes(void **state)
{
    (void)state;
    struct tally tally = {.id = ""};
    together(16, own_sandboxes, &tally);
    assert_int_equal(tally.other, 0);
}

/* Good and bad calls in one sandbox: the messages quote the shared schema. */
static void *share_one(void *arg)
{
    struct tally *tally = arg;
    (void)pthread_barrier_wait(&barrier);
    for (int i = 0; i < 40; i++) {
        struct enclave_result *result = NULL;
        count(tally,
              enclave_manager_execute_tool(manager, tally->id, "run",
                                           "{\"argv\": [\"out\", \"a\"], \"colour\": \"green\"}",
                                           NULL, &result, NULL));
        enclave_result_free(result);
        result = NULL;
        (void)enclave_manager_execute_tool(manager, tally->id, "run", "{\"colour\": \"blue\"}",
                                           NULL, &result, NULL);
        (void)enclave_manager_execute_tool(manager, tally->id, "run", "{\"timeout\": -1}", NULL,
                                           &result, NULL);
    }
    return NULL;
}

static void test_share_one(void **state)
{
    (void)state;
    struct tally tally = {.id = ""};
    support_sandbox(manager, tally.id);
    together(16, share_one, &tally);
    assert_int_equal(tally.good, 16 * 40);
    assert_int_equal(enclave_manager_delete_sandbox(manager, tally.id, NULL), 0);
}

static void *delete_same(void *arg)
{
    struct tally *tally = arg;
    (void)pthread_barrier_wait(&barrier);
    count(tally, enclave_manager_delete_sandbox(manager, tally->id, NULL));
    return NULL;
}

static void *execute_same(void *arg)
{
    struct tally *tally = arg;
    struct enclave_result *result = NULL;
    (void)pthread_barrier_wait(&barrier);
    int32_t r = enclave_manager_execute_tool(manager, tally->id, "run",
                                             "{\"argv\": [\"out\", \"a\"]}", NULL, &result, NULL);
    if (r != 0 && r != ENCLAVE_ENOTFOUND && r != ENCLAVE_ESTATE) {
        atomic_fetch_add(&tally->other, 1);
    }
    if (r == 0 && result->cause != ENCLAVE_CAUSE_EXITED &&
        result->cause != ENCLAVE_CAUSE_BACKEND_LOST) {
        atomic_fetch_add(&tally->other, 1);
    }
    enclave_result_free(result);
    return NULL;
}

static void test_delete_during_execute(void **state)
{
    (void)state;
    assert_int_equal(pthread_barrier_init(&barrier, NULL, 2), 0);
    for (int i = 0; i < 1000; i++) {
        struct tally tally = {.id = ""};
        pthread_t one, two;
        support_sandbox(manager, tally.id);
        assert_int_equal(pthread_create(&one, NULL, delete_same, &tally), 0);
        assert_int_equal(pthread_create(&two, NULL, execute_same, &tally), 0);
        (void)pthread_join(one, NULL);
        (void)pthread_join(two, NULL);
        assert_int_equal(tally.good, 1);
        assert_int_equal(tally.other, 0);
    }
    (void)pthread_barrier_destroy(&barrier);
}

/* One id, made and deleted by all: nothing may be lost or be deleted twice. */
static void *make_and_delete(void *arg)
{
    struct tally *tally = arg;
    (void)pthread_barrier_wait(&barrier);
    for (int i = 0; i < 300; i++) {
        struct enclave_create_options options = ENCLAVE_CREATE_OPTIONS_INIT;
        char id[ENCLAVE_ID_SIZE];
        options.id = "shared";
        (void)enclave_manager_create_sandbox(manager, NULL, NULL, &options, id, NULL);
        count(tally, enclave_manager_stop_sandbox(manager, "shared", NULL));
        count(tally, enclave_manager_delete_sandbox(manager, "shared", NULL));
    }
    return NULL;
}

static void test_one_id_again_and_again(void **state)
{
    (void)state;
    struct tally tally = {.id = ""};
    char *text = NULL;
    together(8, make_and_delete, &tally);
    assert_int_equal(tally.other, 0);
    (void)enclave_manager_delete_sandbox(manager, "shared", NULL);
    assert_int_equal(enclave_manager_probe(manager, &text, NULL), 0);
    assert_contains(text, "\"alive\":0");
    enclave_free(text);
}

/* ------------------------------------------------------------------------------ end of a manager */

struct ending {
    struct enclave_manager *manager;
    char id[ENCLAVE_ID_SIZE];
    atomic_int started;
    atomic_int lost;
};

static int32_t note_start(void *ctx, uint32_t stream, const void *data, uint64_t length)
{
    struct ending *ending = ctx;
    (void)stream;
    (void)data;
    (void)length;
    atomic_fetch_add(&ending->started, 1);
    return 0;
}

static void *hang(void *arg)
{
    struct ending *ending = arg;
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
    struct enclave_result *result = NULL;
    options.output = note_start;
    options.output_ctx = ending;
    if (enclave_manager_execute_tool(ending->manager, ending->id, "run",
                                     "{\"argv\": [\"out\", \"a\", \"hang\"]}", &options, &result,
                                     NULL) == 0 &&
        result->cause == ENCLAVE_CAUSE_BACKEND_LOST) {
        atomic_fetch_add(&ending->lost, 1);
    }
    enclave_result_free(result);
    return NULL;
}

static void test_free_with_executions(void **state)
{
    (void)state;
    for (int round = 0; round < 30; round++) {
        struct ending ending = {.manager = support_manager(NULL)};
        pthread_t threads[8];
        support_sandbox(ending.manager, ending.id);
        for (size_t i = 0; i < COUNT(threads); i++) {
            assert_int_equal(pthread_create(&threads[i], NULL, hang, &ending), 0);
        }
        while (atomic_load(&ending.started) < (int)COUNT(threads)) {
            (void)sched_yield();
        }
        enclave_manager_free(ending.manager);
        for (size_t i = 0; i < COUNT(threads); i++) {
            (void)pthread_join(threads[i], NULL);
        }
        assert_int_equal(ending.lost, COUNT(threads));
    }
}

static void test_two_managers(void **state)
{
    (void)state;
    struct enclave_manager *other = support_manager(NULL);
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char one[ENCLAVE_ID_SIZE], two[ENCLAVE_ID_SIZE], *text = NULL;
    support_sandbox(manager, one);
    support_sandbox(other, two);
    assert_int_equal(enclave_manager_get_sandbox_info(other, one, &text, &err), ENCLAVE_ENOTFOUND);
    enclave_manager_free(other);
    struct enclave_result *result = support_run(manager, one, "{\"argv\": [\"out\", \"a\"]}", NULL);
    assert_string_equal(result->output, "a");
    enclave_result_free(result);
    assert_int_equal(enclave_manager_cleanup_all_sandboxes(manager, &err), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_id_for_many),
        cmocka_unit_test(test_own_sandboxes),
        cmocka_unit_test(test_share_one),
        cmocka_unit_test(test_delete_during_execute),
        cmocka_unit_test(test_one_id_again_and_again),
        cmocka_unit_test(test_free_with_executions),
        cmocka_unit_test(test_two_managers),
    };
    return cmocka_run_group_tests_name("races", tests, set_up, tear_down);
}
