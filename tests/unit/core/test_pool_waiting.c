/*
 * test_pool_waiting.c - pools: members that are gone, callers that wait, ends.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "pool_support.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

/* ------------------------------------------------------------------------------- members that are gone */

static void test_gone_members(void **state)
{
    (void)state;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    json_object *ids = made("mortal", 3, "other", ENCLAVE_POOL_RESET);
    assert_int_equal(enclave_manager_delete_sandbox(manager, id_at(ids, 0), &err), 0);
    assert_int_equal(enclave_manager_stop_sandbox(manager, id_at(ids, 1), &err), 0);
    for (int i = 0; i < 6; i++) {
        runs_in("mortal");
    }
    wait_stat("mortal", "idle", 3);
    assert_false(exists(id_at(ids, 1)));
    /* A sweep finds those that nobody has asked for. */
    assert_int_equal(enclave_manager_stop_sandbox(manager, id_at(ids, 2), &err), 0);
    assert_int_equal(enclave_manager_sweep(manager, NULL, &err), 0);
    assert_false(exists(id_at(ids, 2)));
    wait_stat("mortal", "idle", 3);
    json_object_put(ids);
}

/* An engine that fails for a while: a waiter learns of it at its timeout, and the pool recovers by itself. */
static void test_engine_asleep(void **state)
{
    (void)state;
    struct enclave_pool_options options = ENCLAVE_POOL_OPTIONS_INIT;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char id[ENCLAVE_ID_SIZE];
    options.reuse = ENCLAVE_POOL_FRESH;
    assert_int_equal(
        enclave_manager_initialize_pool(manager, "asleep", 1, "other",
                                        "{\"image\": \"once\", \"tools_config\": [\"run\"]}",
                                        &options, NULL, &err),
        0);
    runs_in("asleep");
    assert_int_equal(run_in("asleep", POOL_SAY_A, 50, &err), ENCLAVE_ETIMEOUT);
    assert_error(err, ENCLAVE_ETIMEOUT,
                 "making one failed: create a sandbox: the engine is asleep");
    assert_int_equal(enclave_manager_create_sandbox(manager, "other", "{\"image\": \"release\"}",
                                                    NULL, id, &err),
                     0);
    runs_in("asleep");
}

static void *delete_later(void *id)
{
    (void)usleep(20000);
    (void)enclave_manager_delete_sandbox(manager, id, NULL);
    return NULL;
}

/* One that is lent: the execution is lost, and the next caller gets another. */
static void test_gone_while_lent(void **state)
{
    (void)state;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_result *result = NULL;
    pthread_t thread;
    json_object *ids = made("lent", 1, "other", ENCLAVE_POOL_RESET);
    assert_int_equal(pthread_create(&thread, NULL, delete_later, (void *)id_at(ids, 0)), 0);
    int32_t r = enclave_manager_execute_tool_in_pool(
        manager, "lent", "run", "{\"argv\": [\"hang\"]}", NULL, -1, &result, &err);
    (void)pthread_join(thread, NULL);
    if (r == 0) { /* unless it was deleted before it began */
        assert_int_equal(result->cause, ENCLAVE_CAUSE_BACKEND_LOST);
    }
    enclave_result_free(result);
    runs_in("lent");
    json_object_put(ids);
}

/* ---------------------------------------------------------------------------------------- waiting */

struct hanging {
    const char *pool;
    struct enclave_cancel *cancel;
    atomic_int started;
    int32_t r;
};

static int32_t note_start(void *ctx, uint32_t stream, const void *data, uint64_t length)
{
    struct hanging *hanging = ctx;
    (void)stream;
    (void)data;
    (void)length;
    atomic_store(&hanging->started, 1);
    return 0;
}

static void *hang(void *arg)
{
    struct hanging *hanging = arg;
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
    struct enclave_result *result = NULL;
    options.output = note_start;
    options.output_ctx = hanging;
    options.cancel = hanging->cancel;
    options.timeout_ms = 0;
    hanging->r = enclave_manager_execute_tool_in_pool(manager, hanging->pool, "run",
                                                      "{\"argv\": [\"out\", \"a\", \"hang\"]}",
                                                      &options, -1, &result, NULL);
    enclave_result_free(result);
    return NULL;
}

static pthread_t begin_hanging(struct hanging *hanging, const char *pool)
{
    pthread_t thread;
    *hanging = (struct hanging){.pool = pool};
    assert_int_equal(enclave_cancel_new(&hanging->cancel, NULL), 0);
    assert_int_equal(pthread_create(&thread, NULL, hang, hanging), 0);
    return thread;
}

static void end_hanging(struct hanging *hanging, pthread_t thread)
{
    enclave_cancel_trigger(hanging->cancel);
    (void)pthread_join(thread, NULL);
    enclave_cancel_free(hanging->cancel);
}

static void test_none_free(void **state)
{
    (void)state;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct hanging holder, waiter;
    json_object *ids = made("one", 1, "other", ENCLAVE_POOL_DIRTY);
    pthread_t holds = begin_hanging(&holder, "one");
    while (!atomic_load(&holder.started)) {
        (void)sched_yield();
    }
    info_of(id_at(ids, 0), "busy", "one");
    assert_int_equal(run_in("one", POOL_SAY_A, 0, &err), ENCLAVE_ETIMEOUT);
    assert_int_equal(run_in("one", POOL_SAY_A, 30, &err), ENCLAVE_ETIMEOUT);
    assert_error(err, ENCLAVE_ETIMEOUT, "pool 'one': no sandbox became free in 30 ms");
    pthread_t waits = begin_hanging(&waiter, "one");
    wait_stat("one", "waiting", 1);
    end_hanging(&waiter, waits);
    assert_int_equal(waiter.r, ENCLAVE_ECANCELLED);
    assert_int_equal(stat_of("one", "waiting"), 0);
    end_hanging(&holder, holds);
    assert_int_equal(holder.r, 0);
    runs_in("one");
    info_of(id_at(ids, 0), "idle", "one");
    json_object_put(ids);
}

enum { QUEUED = 1000 };

struct queued {
    int number;
    int64_t wait_ms;
    int32_t r;
};

static atomic_int order[QUEUED];
static atomic_int served;

static int32_t note_order(void *ctx, uint32_t stream, const void *data, uint64_t length)
{
    const struct queued *queued = ctx;
    (void)stream;
    (void)data;
    (void)length;
    atomic_store(&order[atomic_fetch_add(&served, 1)], queued->number);
    return 0;
}

static void *run_queued(void *arg)
{
    struct queued *queued = arg;
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
    struct enclave_result *result = NULL;
    options.output = note_order;
    options.output_ctx = queued;
    queued->r = enclave_manager_execute_tool_in_pool(manager, "queue", "run", POOL_SAY_A, &options,
                                                     queued->wait_ms, &result, NULL);
    enclave_result_free(result);
    return NULL;
}

/* When one is served, each before it was served or holds one of the other 7 sandboxes. */
static void in_order(int count)
{
    for (int i = 0; i < count; i++) {
        int overtaken = 0;
        for (int later = i + 1; later < count; later++) {
            overtaken += order[later] < order[i];
        }
        assert_in_range(overtaken, 0, 7);
    }
}

/* A thousand, one behind the other, for 8 that are all lent: every fourth waits in vain and leaves. */
static void test_fifo(void **state)
{
    (void)state;
    static struct queued queued[QUEUED];
    static pthread_t threads[QUEUED];
    struct hanging holders[8];
    pthread_t holds[8];
    pthread_attr_t small;
    json_object *ids = made("queue", 8, "other", ENCLAVE_POOL_RESET);
    for (int i = 0; i < 8; i++) {
        holds[i] = begin_hanging(&holders[i], "queue");
    }
    wait_stat("queue", "busy", 8);
    assert_int_equal(pthread_attr_init(&small), 0);
    assert_int_equal(pthread_attr_setstacksize(&small, 256 * 1024), 0);
    int staying = 0, expected = 0;
    for (int i = 0; i < QUEUED; i++) {
        int leaves = i % 4 == 3;
        queued[i] = (struct queued){leaves ? -1 : staying++, leaves ? 10 : -1, 0};
        assert_int_equal(pthread_create(&threads[i], &small, run_queued, &queued[i]), 0);
        if (leaves) {
            (void)pthread_join(threads[i], NULL);
            assert_int_equal(queued[i].r, ENCLAVE_ETIMEOUT);
        } else {
            expected++;
            while (stat_of("queue", "waiting") < expected) { /* so that their order is known */
                (void)sched_yield();
            }
        }
    }
    for (int i = 0; i < 8; i++) {
        end_hanging(&holders[i], holds[i]);
    }
    for (int i = 0; i < QUEUED; i++) {
        if (queued[i].wait_ms < 0) {
            (void)pthread_join(threads[i], NULL);
            assert_int_equal(queued[i].r, 0);
        }
    }
    assert_int_equal(served, staying);
    in_order(staying);
    assert_int_equal(stat_of("queue", "idle"), 8);
    assert_int_equal(stat_of("queue", "waiting"), 0);
    (void)pthread_attr_destroy(&small);
    json_object_put(ids);
}

/* ------------------------------------------------------------------------------------------- ends */

static void test_ended(void **state)
{
    (void)state;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct hanging holder, waiter;
    char *text = NULL;
    json_object_put(made("ends", 1, "other", ENCLAVE_POOL_RESET));
    pthread_t holds = begin_hanging(&holder, "ends");
    wait_stat("ends", "busy", 1);
    pthread_t waits = begin_hanging(&waiter, "ends");
    wait_stat("ends", "waiting", 1);
    assert_int_equal(enclave_manager_cleanup_all_sandboxes(manager, &err), 0);
    end_hanging(&waiter, waits);
    end_hanging(&holder, holds);
    assert_int_equal(waiter.r, ENCLAVE_ESTATE);
    assert_int_equal(run_in("ends", POOL_SAY_A, -1, &err), ENCLAVE_EINVALID);
    assert_int_equal(enclave_manager_list_sandboxes(manager, 0, &text, NULL), 0);
    assert_string_equal(text, "[]");
    enclave_free(text);
    assert_int_equal(enclave_manager_probe(manager, &text, NULL), 0);
    assert_null(strstr(text, "\"alive\":1"));
    enclave_free(text);
    json_object_put(made("ends", 1, "other", ENCLAVE_POOL_RESET));
    runs_in("ends");
}

static void *make_slowly(void *arg)
{
    *(int32_t *)arg = enclave_manager_initialize_pool(manager, "slow", 2, NULL,
                                                      "{\"image\": \"slow\"}", NULL, NULL, NULL);
    return NULL;
}

/* The manager's end cuts creates short, and wakes those that wait. */
static void test_manager_ends(void **state)
{
    (void)state;
    struct enclave_manager *kept = manager;
    struct hanging holder, waiter;
    pthread_t maker;
    int32_t r = 0;
    manager = support_manager(NULL);
    json_object_put(made("busy", 1, "other", ENCLAVE_POOL_FRESH));
    pthread_t holds = begin_hanging(&holder, "busy");
    wait_stat("busy", "busy", 1);
    pthread_t waits = begin_hanging(&waiter, "busy");
    wait_stat("busy", "waiting", 1);
    assert_int_equal(pthread_create(&maker, NULL, make_slowly, &r), 0);
    wait_stat("slow", "making", 2);
    enclave_manager_free(manager);
    end_hanging(&waiter, waits);
    end_hanging(&holder, holds);
    (void)pthread_join(maker, NULL);
    assert_int_equal(waiter.r, ENCLAVE_ESTATE);
    assert_int_equal(holder.r, 0); /* backend_lost */
    assert_int_equal(r, ENCLAVE_ESTATE);
    manager = kept;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gone_members),  cmocka_unit_test(test_gone_while_lent),
        cmocka_unit_test(test_engine_asleep), cmocka_unit_test(test_none_free),
        cmocka_unit_test(test_fifo),          cmocka_unit_test(test_ended),
        cmocka_unit_test(test_manager_ends),
    };
    return cmocka_run_group_tests_name("pool waiting", tests, pool_set_up, pool_tear_down);
}
