/*
 * cycles.c - create, execute, delete, again and again: nothing adds up.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support.h"

#include <stdio.h>

enum { WARM_UP = 4, RSS_DRIFT_KIB = 4096 };

static void cycle(struct enclave_manager *manager, int i)
{
    struct enclave_result *result;
    char id[ENCLAVE_ID_SIZE];

    make_sandbox(manager, "", id);
    result = run_python(manager, id, i % 4 ? "print(6 * 7)" : "import sys; sys.exit('bad')");
    assert_int_equal(result->cause, ENCLAVE_CAUSE_EXITED);
    assert_int_equal(result->exit_code, i % 4 ? 0 : 1);
    enclave_result_free(result);
    delete_sandbox(manager, id);
}

static void expect_same(struct footprint before, struct footprint after)
{
    printf("descriptors %d -> %d, threads %d -> %d, resident %ld -> %ld KiB\n", before.fds,
           after.fds, before.threads, after.threads, before.rss_kib, after.rss_kib);
    assert_true(after.fds <= before.fds);
    assert_true(after.threads <= before.threads);
    assert_true(after.rss_kib - before.rss_kib < RSS_DRIFT_KIB || test_is_sanitized());
}

static void run_cycles(const char *const *overrides, int cycles)
{
    struct enclave_manager *manager;
    struct footprint before;
    int volumes = engine_volumes();
    char instance[64];
    int64_t start;

    unique_name(instance, sizeof instance, "cycles");
    manager = make_manager(instance, overrides);
    for (int i = 0; i < WARM_UP; i++) {
        cycle(manager, i);
    }
    before = footprint_now();
    start = now_ms();
    for (int i = 0; i < cycles; i++) {
        cycle(manager, i);
    }
    printf("%d cycles: %lld ms each\n", cycles, (long long)(now_ms() - start) / cycles);
    expect_same(before, footprint_now());
    assert_int_equal(engine_containers(instance), 0);
    expect_no_more_volumes(volumes);
    enclave_manager_free(manager);
}

static void test_cycles_leave_nothing(void **state)
{
    (void)state;
    run_cycles(NULL, test_count(200, 20));
}

static void test_cycles_with_an_uploaded_agent_leave_nothing(void **state)
{
    char mount[64];
    const char *upload[] = {mount, NULL};

    (void)state;
    (void)snprintf(mount, sizeof mount, "backend %s.agent_mount=upload", test_backend());
    run_cycles(upload, test_count(50, 5));
}

static void test_executions_leave_nothing(void **state)
{
    struct enclave_manager *manager;
    struct footprint before = {0, 0, 0};
    char instance[64], id[ENCLAVE_ID_SIZE];

    (void)state;
    unique_name(instance, sizeof instance, "executions");
    manager = make_manager(instance, NULL);
    make_sandbox(manager, "", id);
    for (int i = 0, count = test_count(5000, 100); i < count + 50; i++) {
        if (i == 50) {
            before = footprint_now();
        }
        expect_alive(manager, id);
    }
    expect_same(before, footprint_now());
    enclave_manager_free(manager);
}

static void test_managers_leave_nothing(void **state)
{
    struct footprint before = {0, 0, 0};
    char instance[64], id[ENCLAVE_ID_SIZE];

    (void)state;
    for (int i = 0, count = test_count(50, 4); i < count + 2; i++) {
        struct enclave_manager *manager;

        if (i == 2) {
            before = footprint_now();
        }
        unique_name(instance, sizeof instance, "managers");
        manager = make_manager(instance, NULL);
        make_sandbox(manager, "", id);
        expect_alive(manager, id);
        enclave_manager_free(manager);
        assert_int_equal(engine_containers(instance), 0);
    }
    expect_same(before, footprint_now());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cycles_leave_nothing),
        cmocka_unit_test(test_cycles_with_an_uploaded_agent_leave_nothing),
        cmocka_unit_test(test_executions_leave_nothing),
        cmocka_unit_test(test_managers_leave_nothing),
    };
    int skip = test_setup();

    return skip ? skip : cmocka_run_group_tests(tests, NULL, NULL);
}
