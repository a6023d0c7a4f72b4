/*
 * test_delegate_lookup.c - sandboxes of another manager that were not made here, and those that are gone there.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "delegate_support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static int32_t try_run(struct enclave_manager *manager, const char *id, struct enclave_error *err)
{
    struct enclave_result *result = NULL;
    int32_t r = enclave_manager_execute_tool(manager, id, "run", SAY_A, NULL, &result, err);
    enclave_result_free(result);
    return r;
}

/* Every call with an id finds it, and nothing but a delete deletes it. */
static void test_each_call(void **state)
{
    (void)state;
    static const char *const ids[] = {"a", "b", "c", "d", "e", "f"};
    char id[ENCLAVE_ID_SIZE], *text = NULL;
    for (size_t i = 0; i < COUNT(ids); i++) {
        delegate_sandbox(inner, ids[i], id);
    }
    assert_int_equal(try_run(outer, "a", NULL), 0);
    assert_int_equal(enclave_manager_get_sandbox_info(outer, "b", &text, NULL), 0);
    enclave_free(text);
    assert_int_equal(enclave_manager_get_sandbox_tools(outer, "c", &text, NULL), 0);
    enclave_free(text);
    assert_int_equal(enclave_manager_put_file(outer, "d", "f", "x", 1, 0, NULL), 0);
    assert_int_equal(enclave_manager_keep_alive(outer, "e", 10, NULL), 0);
    assert_int_equal(enclave_manager_stop_sandbox(outer, "f", NULL), 0);
    assert_int_equal(delegate_entries(), 6);
    assert_int_equal(atomic_load(&there.lookups), 6);
    assert_int_equal(try_run(outer, "a", NULL), 0);
    assert_int_equal(atomic_load(&there.lookups), 6); /* it is known now */

    assert_int_equal(enclave_manager_cleanup_all_sandboxes(outer, NULL), 0);
    assert_int_equal(delegate_entries(), 0);
    assert_int_equal(atomic_load(&there.handles), 0);
    for (size_t i = 0; i < COUNT(ids); i++) {
        assert_true(delegate_has_sandbox(inner, ids[i]));
    }
    assert_int_equal(try_run(outer, "a", NULL), 0);
    delegate_outer(NULL); /* the manager's end deletes none either */
    assert_true(delegate_has_sandbox(inner, "a"));
    assert_int_equal(atomic_load(&there.deleted), 0);
    assert_int_equal(enclave_manager_delete_sandbox(outer, "a", NULL), 0);
    assert_false(delegate_has_sandbox(inner, "a"));
    assert_int_equal(atomic_load(&there.deleted), 1);
    assert_int_equal(enclave_manager_delete_sandbox(outer, "a", NULL), ENCLAVE_ENOTFOUND);
}

static void test_who_is_not_asked(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "Upper", "../x", "a b"};
    static const char *const local[] = {"enclave.backend=null", NULL};
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char id[ENCLAVE_ID_SIZE];
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(try_run(outer, bad[i], &err), ENCLAVE_ENOTFOUND);
    }
    assert_int_equal(try_run(outer, NULL, &err), ENCLAVE_ENOTFOUND);
    assert_int_equal(atomic_load(&there.lookups), 0);
    assert_int_equal(try_run(outer, "nobody", &err), ENCLAVE_ENOTFOUND);
    assert_error(err, ENCLAVE_ENOTFOUND, "execute a tool: no sandbox 'nobody'");
    assert_int_equal(atomic_load(&there.lookups), 1);
    delegate_sandbox(inner, "a", id);
    delegate_outer(local); /* the configured one is asked, and no other */
    assert_int_equal(try_run(outer, "a", &err), ENCLAVE_ENOTFOUND);
    assert_int_equal(atomic_load(&there.lookups), 1);
}

/* ----------------------------------------------------------------------------------------- gone there */

static void wait_handles(int expected)
{
    int64_t until = support_now_ms() + 10000;
    while (atomic_load(&there.handles) != expected && support_now_ms() < until) {
        struct timespec pause = {0, 1000000};
        (void)nanosleep(&pause, NULL);
    }
    assert_int_equal(atomic_load(&there.handles), expected);
}

static void test_gone(void **state)
{
    (void)state;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char id[ENCLAVE_ID_SIZE], *text = NULL;
    for (int way = 0; way < 5; way++) {
        delegate_sandbox(outer, "gone", id);
        assert_int_equal(enclave_manager_delete_sandbox(inner, "gone", NULL), 0);
        assert_int_equal(delegate_entries(), 1);
        switch (way) {
        case 0:
            assert_int_equal(try_run(outer, "gone", &err), ENCLAVE_ENOTFOUND);
            assert_error(err, ENCLAVE_ENOTFOUND, "execute a tool: no sandbox 'gone'");
            break;
        case 1:
            assert_int_equal(enclave_manager_get_sandbox_info(outer, "gone", &text, &err),
                             ENCLAVE_ENOTFOUND);
            assert_error(err, ENCLAVE_ENOTFOUND, "get sandbox info: no sandbox 'gone'");
            break;
        case 2:
            assert_int_equal(enclave_manager_put_file(outer, "gone", "f", "", 0, 0, &err),
                             ENCLAVE_ENOTFOUND);
            break;
        case 3:
            assert_int_equal(enclave_manager_stop_sandbox(outer, "gone", &err), ENCLAVE_ENOTFOUND);
            assert_error(err, ENCLAVE_ENOTFOUND, "stop a sandbox: no sandbox 'gone'");
            break;
        default:
            assert_int_equal(enclave_manager_delete_sandbox(outer, "gone", &err),
                             ENCLAVE_ENOTFOUND);
            assert_error(err, ENCLAVE_ENOTFOUND, "delete a sandbox: no sandbox 'gone'");
            break;
        }
        assert_int_equal(delegate_entries(), 0);
        wait_handles(0);
    }
    assert_int_equal(atomic_load(&there.deleted), 1); /* by the delete, and nothing else tried */
}

/* Ages are the other manager's; what it deletes is noticed at a sweep, and what it stops is not forgotten. */
static void test_sweeps(void **state)
{
    (void)state;
    static const char *const impatient[] = {"enclave.running_ttl=1", "enclave.stopped_ttl=0",
                                            "enclave.idle_ttl=0.01", NULL};
    char id[ENCLAVE_ID_SIZE], *text = NULL;
    delegate_outer(impatient);
    delegate_sandbox(outer, "stays", id);
    delegate_sandbox(outer, "stopped", id);
    delegate_sandbox(outer, "gone", id);
    assert_int_equal(enclave_manager_stop_sandbox(inner, "stopped", NULL), 0);
    assert_int_equal(enclave_manager_delete_sandbox(inner, "gone", NULL), 0);
    struct timespec pause = {2, 100000000};
    (void)nanosleep(&pause, NULL);
    assert_int_equal(enclave_manager_sweep(outer, &text, NULL), 0);
    assert_string_equal(text, "[]");
    enclave_free(text);
    wait_handles(2);
    assert_int_equal(delegate_entries(), 2);
    assert_int_equal(try_run(outer, "stays", NULL), 0);
    assert_int_equal(try_run(outer, "stopped", NULL), ENCLAVE_ESTATE);
}

static int64_t now_s;

static int64_t test_clock(void *ctx)
{
    (void)ctx;
    return now_s;
}

static void test_their_sweep(void **state)
{
    (void)state;
    struct enclave_manager_options options = ENCLAVE_MANAGER_OPTIONS_INIT;
    char id[ENCLAVE_ID_SIZE], *text = NULL;
    now_s = 1000;
    options.clock = test_clock;
    struct enclave_manager *before = inner;
    inner = there.manager = support_manager_with(&options);
    enclave_manager_free(before);
    delegate_sandbox(outer, "old", id);
    now_s += 1000000;
    assert_int_equal(enclave_manager_sweep(outer, &text, NULL), 0);
    json_object *rows = support_json(text);
    assert_int_equal(json_object_array_length(rows), 1);
    json_object *row = json_object_array_get_idx(rows, 0);
    assert_string_equal(support_text(row, "id", NULL), "old");
    assert_string_equal(support_text(row, "reason", NULL), "running_ttl");
    json_object_put(rows);
    assert_int_equal(delegate_entries(), 0);
}

/* ---------------------------------------------------------------------------------------- many */

/* What was looked up does not pile up; what is in use stays. */
static void test_many(void **state)
{
    (void)state;
    enum { MANY = 2000 };
    char id[ENCLAVE_ID_SIZE], own[ENCLAVE_ID_SIZE];
    delegate_sandbox(outer, "own", own);
    for (int i = 0; i < MANY; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "n%d", i);
        delegate_sandbox(inner, name, id);
        assert_int_equal(try_run(outer, name, NULL), 0);
    }
    assert_true(delegate_entries() <= 1024 + 256 + 1);
    assert_true(atomic_load(&there.handles) <= 1024 + 256 + 1);
    assert_int_equal(try_run(outer, "n0", NULL), 0); /* found again */
    int before = atomic_load(&there.lookups);
    assert_int_equal(try_run(outer, own, NULL), 0);
    assert_int_equal(atomic_load(&there.lookups), before);
}

enum { THREADS = 16 };
static pthread_barrier_t barrier;
static atomic_int good, notfound, bad;

static void together(void *(*run)(void *), void *arg)
{
    pthread_t threads[THREADS];
    good = notfound = bad = 0;
    assert_int_equal(pthread_barrier_init(&barrier, NULL, THREADS), 0);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, run, arg), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    (void)pthread_barrier_destroy(&barrier);
}

static void tally(int32_t r)
{
    atomic_fetch_add(r == 0 ? &good : r == ENCLAVE_ENOTFOUND ? &notfound : &bad, 1);
}

static void *look(void *id)
{
    (void)pthread_barrier_wait(&barrier);
    tally(try_run(outer, id, NULL));
    return NULL;
}

static void *look_and_delete(void *id)
{
    (void)pthread_barrier_wait(&barrier);
    (void)try_run(outer, id, NULL);
    tally(enclave_manager_delete_sandbox(outer, id, NULL));
    return NULL;
}

static void *look_at_all(void *arg)
{
    char *text = NULL;
    (void)arg;
    (void)pthread_barrier_wait(&barrier);
    for (int i = 0; i < 10; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "n%d", i);
        tally(try_run(outer, name, NULL));
        if (enclave_manager_list_sandboxes(outer, 0, &text, NULL) == 0) {
            enclave_free(text);
        }
        (void)enclave_manager_sweep(outer, NULL, NULL);
        (void)enclave_manager_cleanup_all_sandboxes(outer, NULL);
    }
    return NULL;
}

static void test_races(void **state)
{
    (void)state;
    char id[ENCLAVE_ID_SIZE];
    delegate_sandbox(inner, "one", id);
    together(look, id);
    assert_int_equal(good, THREADS);
    assert_int_equal(delegate_entries(), 1);
    assert_int_equal(atomic_load(&there.handles), 1);
    delegate_outer(NULL);
    together(look_and_delete, id);
    assert_int_equal(good, 1);
    assert_int_equal(notfound, THREADS - 1);
    wait_handles(0);
    for (int i = 0; i < 10; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "n%d", i);
        delegate_sandbox(inner, name, id);
    }
    together(look_at_all, NULL);
    assert_int_equal(notfound, 0); /* entries come and go, the sandboxes stay */
    for (int i = 0; i < 10; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "n%d", i);
        assert_true(delegate_has_sandbox(inner, name));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DELEGATE_TEST(test_each_call),   DELEGATE_TEST(test_who_is_not_asked),
        DELEGATE_TEST(test_gone),        DELEGATE_TEST(test_sweeps),
        DELEGATE_TEST(test_their_sweep), DELEGATE_TEST(test_many),
        DELEGATE_TEST(test_races),
    };
    return cmocka_run_group_tests_name("delegate_lookup", tests, NULL, NULL);
}
