/*
 * threads.c - many threads on one manager, and two managers in one process. No bounds of time: this
 * is also what ThreadSanitizer watches. Threads do not assert, they count; the main one judges.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 16 };

struct worker {
    pthread_t thread;
    struct enclave_manager *manager;
    const char *id; /* of the shared sandbox; NULL: one of its own each time */
    int number;
    int rounds;
    int good;
    char problem[700];
};

static void complain(struct worker *w, const char *what, const char *why)
{
    (void)snprintf(w->problem, sizeof w->problem, "thread %d: %s: %s", w->number, what, why);
}

/* Every execution carries a number that no other has, on both streams and in its exit code. */
static int execute_once(struct worker *w, const char *id, int round)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_result *result;
    char code[256], expected[64];
    int good;

    (void)snprintf(expected, sizeof expected, "nonce-%d-%d-%s\n", w->number, round, id);
    (void)snprintf(code, sizeof code,
                   "import sys\nprint('nonce-%d-%d-%s')\nprint('nonce-%d-%d-%s', file=sys.stderr)\n"
                   "sys.exit(%d)",
                   w->number, round, id, w->number, round, id, 10 + w->number);
    result = try_python(w->manager, id, code, NULL, &err);
    if (!result) {
        complain(w, "execute", err.message);
        return 0;
    }
    good = result->cause == ENCLAVE_CAUSE_EXITED && result->exit_code == 10 + w->number &&
           strcmp(result->output, expected) == 0 && result->error &&
           strcmp(result->error, expected) == 0;
    if (!good) {
        complain(w, enclave_cause_name(result->cause), result->error ? result->error : "");
    }
    enclave_result_free(result);
    return good;
}

static int create_one(struct worker *w, char id[ENCLAVE_ID_SIZE])
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;

    if (enclave_manager_create_sandbox(
            w->manager, NULL, "{\"tools_config\": [\"python_executor\"]}", NULL, id, &err) != 0) {
        complain(w, "create", err.message);
        return 0;
    }
    return 1;
}

static void *work(void *ctx)
{
    struct worker *w = ctx;

    for (int i = 0; i < w->rounds; i++) {
        struct enclave_error err = ENCLAVE_ERROR_INIT;
        char id[ENCLAVE_ID_SIZE];
        int good;

        if (w->id) {
            w->good += execute_once(w, w->id, i);
            continue;
        }
        if (!create_one(w, id)) {
            continue;
        }
        good = execute_once(w, id, i);
        if (enclave_manager_delete_sandbox(w->manager, id, &err) != 0) {
            complain(w, "delete", err.message);
            good = 0;
        }
        w->good += good;
    }
    return NULL;
}

static void run_workers(struct enclave_manager *const *managers, int count_managers, const char *id,
                        int rounds)
{
    struct worker workers[THREADS] = {0};
    int64_t start = now_ms();
    int good = 0;

    for (int i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){
            .manager = managers[i % count_managers], .id = id, .number = i, .rounds = rounds};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        (void)pthread_join(workers[i].thread, NULL);
        good += workers[i].good;
        if (workers[i].problem[0]) {
            print_error("%s\n", workers[i].problem);
        }
    }
    printf("%d threads, %d rounds each: %lld ms\n", THREADS, rounds, (long long)(now_ms() - start));
    assert_int_equal(good, THREADS * rounds);
}

static void test_threads_with_sandboxes_of_their_own(void **state)
{
    struct fixture *f = *state;

    run_workers(&f->manager, 1, NULL, test_count(8, 1));
    assert_int_equal(engine_containers(f->instance), 1);
}

static void test_threads_in_one_sandbox(void **state)
{
    struct fixture *f = *state;

    run_workers(&f->manager, 1, f->id, test_count(100, 12));
}

static void test_two_managers(void **state)
{
    struct fixture *f = *state;
    struct enclave_manager *managers[2];
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char instance[64], *text = NULL;
    int32_t r;

    unique_name(instance, sizeof instance, "second");
    managers[0] = f->manager;
    managers[1] = make_manager(instance, NULL);
    run_workers(managers, 2, NULL, 1);
    r = enclave_manager_get_sandbox_info(managers[1], f->id, &text, &err);
    expect_error(r, ENCLAVE_ENOTFOUND, &err, f->id); /* the other's */
    enclave_manager_free(managers[1]);
    assert_int_equal(engine_containers(instance), 0);
    expect_alive(f->manager, f->id);
}

/* ------------------------------------------------------------------------------ calls that collide */

struct collision {
    struct enclave_manager *manager;
    char id[ENCLAVE_ID_SIZE];
    atomic_int stop;
    atomic_int untruthful;
};

/* Only ends that can be true: the sandbox went away under the execution, or was gone before. */
static void *execute_until_gone(void *ctx)
{
    struct collision *c = ctx;

    while (!atomic_load(&c->stop)) {
        struct enclave_error err = ENCLAVE_ERROR_INIT;
        struct enclave_result *result = try_python(c->manager, c->id, "print(1)", NULL, &err);

        if (!result) {
            if (err.code != ENCLAVE_ENOTFOUND && err.code != ENCLAVE_ESTATE &&
                err.code != ENCLAVE_ELOST) {
                print_error("%s: %s\n", enclave_error_name(err.code), err.message);
                atomic_store(&c->untruthful, 1);
            }
            break;
        }
        if (result->cause == ENCLAVE_CAUSE_EXITED ? strcmp(result->output, "1\n") != 0
                                                  : result->cause != ENCLAVE_CAUSE_BACKEND_LOST) {
            print_error("%s: %s\n", enclave_cause_name(result->cause), result->output);
            atomic_store(&c->untruthful, 1);
        }
        enclave_result_free(result);
    }
    return NULL;
}

static void test_delete_during_executions(void **state)
{
    struct fixture *f = *state;
    int rounds = test_count(50, 3);

    for (int i = 0; i < rounds; i++) {
        struct collision c = {.manager = f->manager};
        pthread_t threads[4];
        int64_t start;

        make_sandbox(f->manager, "", c.id);
        for (size_t t = 0; t < 4; t++) {
            assert_int_equal(pthread_create(&threads[t], NULL, execute_until_gone, &c), 0);
        }
        start = now_ms();
        while (now_ms() - start < 20 + 13 * i) {
            expect_alive(f->manager, f->id);
        }
        delete_sandbox(f->manager, c.id);
        atomic_store(&c.stop, 1);
        for (size_t t = 0; t < 4; t++) {
            (void)pthread_join(threads[t], NULL);
        }
        assert_false(atomic_load(&c.untruthful));
    }
    assert_int_equal(engine_containers(f->instance), 1);
}

static void *create_given(void *ctx)
{
    struct collision *c = ctx;
    struct enclave_create_options options = ENCLAVE_CREATE_OPTIONS_INIT;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char id[ENCLAVE_ID_SIZE];

    options.id = "contested";
    switch (enclave_manager_create_sandbox(c->manager, NULL, NULL, &options, id, &err)) {
    case 0:
        atomic_fetch_add(&c->stop, 1); /* won */
        break;
    case ENCLAVE_EEXISTS:
        break;
    default:
        print_error("%s\n", err.message);
        atomic_store(&c->untruthful, 1);
        break;
    }
    return NULL;
}

static void test_one_of_many_gets_an_id(void **state)
{
    struct fixture *f = *state;
    struct collision c = {.manager = f->manager};
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, create_given, &c), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    assert_int_equal(atomic_load(&c.stop), 1);
    assert_false(atomic_load(&c.untruthful));
    delete_sandbox(f->manager, "contested");
    assert_int_equal(engine_containers(f->instance), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads_with_sandboxes_of_their_own),
        cmocka_unit_test(test_threads_in_one_sandbox),
        cmocka_unit_test(test_two_managers),
        cmocka_unit_test(test_delete_during_executions),
        cmocka_unit_test(test_one_of_many_gets_an_id),
    };
    int skip = test_setup();

    return skip ? skip : cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
