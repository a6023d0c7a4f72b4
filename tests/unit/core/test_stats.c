/*
 * test_stats.c - counters and histograms, and what get_stats makes of them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support.h"

#include "clock.h"
#include "stats.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static void test_buckets(void **state)
{
    (void)state;
    uint64_t below = 0;
    for (size_t i = 0; i < STATS_BUCKETS; i++) {
        uint64_t top = stats_bucket_top_us(i);
        struct stats *stats = stats_new(0);
        struct stats_histogram histogram;
        assert_non_null(stats);
        assert_true(top > below && (below < 4 || top - below <= below / 4 + 1));
        stats_record(stats, STATS_CREATE, (int64_t)below + 1);
        stats_record(stats, STATS_CREATE, (int64_t)top);
        stats_read(stats, STATS_CREATE, &histogram);
        assert_int_equal(histogram.count, 2);
        assert_int_equal(histogram.buckets[i], 2);
        assert_int_equal(histogram.sum_us, below + 1 + top);
        stats_free(stats);
        below = top;
    }
    assert_int_equal(below, UINT64_C(1) << 36);
}

static void test_outside(void **state)
{
    (void)state;
    struct stats *stats = stats_new(0);
    struct stats_histogram histogram;
    stats_record(stats, STATS_EXECUTE, 0);
    stats_record(stats, STATS_EXECUTE, -5);
    stats_record(stats, STATS_EXECUTE, INT64_MAX / 2);
    stats_read(stats, STATS_EXECUTE, &histogram);
    assert_int_equal(histogram.buckets[0], 2);
    assert_int_equal(histogram.buckets[STATS_BUCKETS - 1], 1);
    stats_read(stats, STATS_POOL_WAIT, &histogram);
    assert_int_equal(histogram.count, 0);
    assert_int_equal(stats_quantile_us(&histogram, 0.5), 0);
    stats_free(stats);
}

static void test_quantiles(void **state)
{
    (void)state;
    struct stats *stats = stats_new(0);
    struct stats_histogram histogram;
    for (int64_t us = 1; us <= 10000; us++) {
        stats_record(stats, STATS_EXECUTE, us);
    }
    stats_read(stats, STATS_EXECUTE, &histogram);
    for (int percent = 1; percent <= 100; percent++) { /* evenly spread: the estimate is good */
        assert_in_range(stats_quantile_us(&histogram, percent / 100.0), percent * 100 - 100,
                        percent * 100 + 300);
    }
    stats_free(stats);
}

enum { THREADS = 4, EACH = 20000, TOOLS = 3 };

static void *record(void *arg)
{
    for (int i = 0; i < EACH; i++) {
        stats_record(arg, STATS_EXECUTE, i);
        stats_execution(arg, (size_t)i % TOOLS, ENCLAVE_CAUSE_TIMEOUT);
        stats_reclaimed(arg, i % 2 ? "stopped_ttl" : "full moon");
    }
    return NULL;
}

static void test_nothing_is_lost(void **state)
{
    (void)state;
    struct stats *stats = stats_new(TOOLS);
    struct stats_histogram histogram;
    pthread_t threads[THREADS];
    uint64_t executions = 0;

    int64_t started_us = clock_monotonic_us();
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, record, stats), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    print_message("%lld ns for 4 additions and one look-up of a reason\n",
                  (long long)(clock_monotonic_us() - started_us) * 1000 / (THREADS * EACH));
    stats_read(stats, STATS_EXECUTE, &histogram);
    assert_int_equal(histogram.count, THREADS * EACH);
    assert_int_equal(histogram.sum_us, (uint64_t)THREADS * EACH * (EACH - 1) / 2);
    for (size_t tool = 0; tool < TOOLS; tool++) {
        executions += stats_executions(stats, tool, ENCLAVE_CAUSE_TIMEOUT);
        assert_int_equal(stats_executions(stats, tool, ENCLAVE_CAUSE_EXITED), 0);
    }
    assert_int_equal(executions, THREADS * EACH);
    assert_string_equal(stats_reason(1), "stopped_ttl");
    assert_int_equal(stats_reclaims(stats, 0), 0);
    assert_int_equal(stats_reclaims(stats, 1), THREADS * EACH / 2);
    size_t last = 0;
    while (stats_reason(last + 1)) {
        last++;
    }
    assert_string_equal(stats_reason(last), "other");
    assert_int_equal(stats_reclaims(stats, last), THREADS * EACH / 2);
    stats_free(stats);
}

/* ------------------------------------------------------------------------------------- get_stats */

static json_object *stats_of(struct enclave_manager *manager)
{
    char *text = NULL;
    assert_int_equal(enclave_manager_get_stats(manager, &text, NULL), 0);
    return support_json(text);
}

static json_object *member(json_object *object, const char *key)
{
    json_object *value = NULL;
    assert_true(json_object_object_get_ex(object, key, &value));
    return value;
}

static void check_times(json_object *stats, const char *name, int64_t count)
{
    json_object *time = member(member(stats, "times"), name), *buckets = member(time, "buckets");
    double before = 0;
    int64_t seen = 0;

    assert_int_equal(support_number(time, "count"), count);
    assert_int_equal(json_object_array_length(buckets), 19);
    for (size_t i = 0; i < 19; i++) {
        json_object *row = json_object_array_get_idx(buckets, i);
        double edge = json_object_get_double(json_object_array_get_idx(row, 0));
        int64_t here = json_object_get_int64(json_object_array_get_idx(row, 1));
        assert_true(edge > before && here >= seen);
        before = edge;
        seen = here;
    }
    assert_int_equal(seen, count);
    assert_true(count == 0 || json_object_get_double(member(time, "p99")) > 0);
    assert_true(json_object_get_double(member(time, "sum")) >= 0);
}

static void test_get_stats(void **state)
{
    (void)state;
    struct enclave_manager *manager = support_manager(NULL);
    struct enclave_result *result = NULL;
    char id[ENCLAVE_ID_SIZE];

    json_object *stats = stats_of(manager);
    assert_int_equal(support_number(stats, "executions"), 0);
    assert_int_equal(json_object_object_length(member(stats, "executions_by_tool")), 0);
    check_times(stats, "execute", 0);
    json_object_put(stats);

    support_sandbox(manager, id);
    enclave_result_free(support_run(manager, id, "{\"argv\": [\"now\", \"exit\", \"3\"]}", NULL));
    enclave_result_free(support_run(manager, id, "{\"argv\": [\"signal\", \"9\"]}", NULL));
    enclave_result_free(
        support_run(manager, id, "{\"argv\": [\"hang\"], \"timeout\": 0.01}", NULL));
    assert_int_equal(
        enclave_manager_execute_tool(manager, id, "run", "{\"timeout\": -1}", NULL, &result, NULL),
        ENCLAVE_EINVALID);
    assert_int_equal(enclave_manager_execute_tool(manager, id, "absent", NULL, NULL, &result, NULL),
                     ENCLAVE_ENOTFOUND);
    assert_int_equal(enclave_manager_stop_sandbox(manager, id, NULL), 0);
    stats = stats_of(manager);
    assert_int_equal(support_number(stats, "executions"), 4);
    json_object *run = member(member(stats, "executions_by_tool"), "run");
    assert_int_equal(support_number(run, "exited"), 1);
    assert_int_equal(support_number(run, "signaled"), 1);
    assert_int_equal(support_number(run, "timeout"), 1);
    assert_int_equal(support_number(run, "failed"), 1);
    assert_int_equal(support_number(run, "oom"), 0);
    check_times(stats, "execute", 3);
    check_times(stats, "create", 1);
    check_times(stats, "queue_wait", 0);
    check_times(stats, "pool_wait", 0);
    assert_int_equal(support_number(stats, "created"), 1);
    assert_int_equal(support_number(stats, "deleted"), 0);
    assert_int_equal(support_number(member(stats, "reclaimed"), "stopped_ttl"), 0);
    assert_int_equal(support_number(member(stats, "submitted"), "threads"), 0);
    json_object_put(stats);
    enclave_manager_free(manager);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_buckets),   cmocka_unit_test(test_outside),
        cmocka_unit_test(test_quantiles), cmocka_unit_test(test_nothing_is_lost),
        cmocka_unit_test(test_get_stats),
    };
    return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
