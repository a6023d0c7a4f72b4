/*
 * test_verify.c - comparing what was read back with what was asked for.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "verify.h"

#include <enclave/types.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GOOD                                                                                       \
    "build=0.1.0\narch=x86_64\nuid=5000\ngid=5000\ncap_eff=0000000000000000\n"                     \
    "cap_prm=0000000000000000\ncap_bnd=00000000000000e0\ncap_amb=0000000000000000\n"               \
    "no_new_privs=1\nseccomp=2\nseccomp_filters=2\nmemory_max=536870912\nmemory_swap_max="         \
    "536870912\npids_max=256\n"                                                                    \
    "cpu_quota=100000\ncpu_period=100000\nroot_read_only=1\ninterfaces=lo\n"                       \
    "mount:/sandbox=1021994,268435456,nosuid+nodev\nmount:/tmp=1021994,268435456,nosuid+nodev\n"   \
    "mount:/dev/shm=1021994,67108864,nosuid+nodev+noexec\n"

/* GOOD with `line` in place of the one with its key; a line without '=' takes that key away. */
static char *facts_with(const char *line)
{
    char *facts = calloc(1, sizeof GOOD + 256);
    size_t key = strcspn(line, "=");

    for (const char *p = GOOD; *p;) {
        size_t length = strcspn(p, "\n") + 1;

        if (strncmp(p, line, key) != 0 || p[key] != '=') {
            strncat(facts, p, length);
        }
        p += length;
    }
    if (line[key]) {
        strcat(facts, line);
        strcat(facts, "\n");
    }
    return facts;
}

static int32_t check_bits(const char *config_text, struct sandbox_limits limits, const char *line,
                          uint64_t explicit_bits, uint64_t *ret_unenforced,
                          struct enclave_error *err)
{
    struct sandbox_config config;
    struct sandbox_plan plan = {.config = &config, .limits = limits, .uid = 5000, .gid = 5000};
    char *facts = facts_with(line);
    int32_t rc;

    assert_int_equal(sandbox_config_parse(config_text, &config, NULL), 0);
    rc = verify_facts(&plan, facts, explicit_bits, ret_unenforced, err);
    sandbox_config_clear(&config);
    free(facts);
    return rc;
}

static int32_t check(const char *config_text, struct sandbox_limits limits, const char *line,
                     struct enclave_error *err)
{
    uint64_t unenforced;

    return check_bits(config_text, limits, line, 0, &unenforced, err);
}

static const struct sandbox_limits all_limits = {1, 1, 1, 1, 1};

static void test_good(void **state)
{
    (void)state;
    assert_int_equal(check("{}", all_limits, "x=", NULL), 0);
}

/* Every single fact that is wrong is found, and named. */
static void test_each_mismatch(void **state)
{
    static const struct {
        const char *line;
        const char *names;
    } cases[] = {
        {"uid=0", "user"},
        {"gid=0", "group"},
        {"cap_eff=00000000000000e0", "capabilities"},
        {"cap_prm=1", "capabilities"},
        {"cap_amb=1", "capabilities"},
        {"cap_eff", "capabilities"},
        {"no_new_privs=0", "no-new-privileges"},
        {"seccomp=0", "seccomp"},
        {"seccomp", "seccomp"},
        {"memory_max=max", "memory_limit"},
        {"memory_max=1073741824", "memory_limit"},
        {"memory_max", "memory_limit"},
        {"memory_swap_max=max", "swap"},
        {"pids_max=max", "pids_limit"},
        {"pids_max=257", "pids_limit"},
        {"cpu_quota=max", "cpu_limit"},
        {"cpu_quota=200000", "cpu_limit"},
        {"root_read_only=0", "read_only_root"},
        {"interfaces=lo,eth0", "network_enabled"},
        {"interfaces", "network_enabled"},
        {"mount:/sandbox=ef53,268435456,nosuid+nodev", "/sandbox"},
        {"mount:/sandbox=1021994,999268435456,nosuid+nodev", "/sandbox"},
        {"mount:/tmp=1021994,268435456,nodev", "/tmp"},
        {"mount:/tmp=1021994,268435456,nosuid", "/tmp"},
        {"mount:/dev/shm=1021994,1,nosuid+nodev", "/dev/shm"},
        {"mount:/dev/shm", "/dev/shm"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct enclave_error err = ENCLAVE_ERROR_INIT;

        if (check("{}", all_limits, cases[i].line, &err) != ENCLAVE_EUNENFORCED ||
            !strstr(err.message, cases[i].names)) {
            fail_msg("%s: '%s'", cases[i].line, err.message);
        }
    }
}

/* The kernel keeps limits in pages, shows a ratio otherwise, and has devices of its own. */
static void test_tolerated(void **state)
{
    (void)state;
    assert_int_equal(check("{\"memory_limit\":\"536870999\"}", all_limits, "x=", NULL), 0);
    assert_int_equal(check("{\"tmp_size\":\"268435000\"}", all_limits, "x=", NULL), 0);
    assert_int_equal(check("{}", all_limits, "cpu_period=100001", NULL), 0);
    assert_int_equal(check("{}", all_limits, "interfaces=lo,tunl0,sit0", NULL), 0);
    assert_int_equal(check("{}", all_limits, "interfaces=lo,tunl0x", NULL), ENCLAVE_EUNENFORCED);
}

static void test_not_asked_for(void **state)
{
    static const struct sandbox_limits none = {0, 0, 0, 0, 1};

    (void)state;
    assert_int_equal(check("{}", none, "memory_max=max", NULL), 0);
    assert_int_equal(check("{}", none, "pids_max", NULL), 0);
    assert_int_equal(check("{\"network_enabled\":true}", all_limits, "interfaces=lo,eth0", NULL),
                     0);
    assert_int_equal(check("{\"read_only_root\":false}", all_limits, "root_read_only=0", NULL), 0);
    assert_int_equal(check("{\"privileged\":true}", all_limits, "seccomp=0", NULL), 0);
    /* A runtime of another kind need not show its cgroup, but must not show a wrong one. */
    assert_int_equal(check("{\"runtime\":\"runsc\"}", all_limits, "memory_max", NULL), 0);
    assert_int_equal(check("{\"runtime\":\"runsc\"}", all_limits, "memory_max=max", NULL),
                     ENCLAVE_EUNENFORCED);
}

/* What cannot be shown to be so fails when it was asked for, and is told when it is a default. */
static void test_unproven(void **state)
{
    static const struct {
        const char *config;
        const char *line;
        uint64_t bit;
    } cases[] = {
        {"{}", "seccomp_filters=1", ENCLAVE_CAN_SECCOMP},
        {"{\"runtime\":\"runsc\"}", "memory_max", ENCLAVE_CAN_MEMORY},
        {"{\"runtime\":\"runsc\"}", "memory_swap_max", ENCLAVE_CAN_MEMORY},
        {"{\"runtime\":\"runsc\"}", "pids_max", ENCLAVE_CAN_PIDS},
        {"{\"runtime\":\"runsc\"}", "cpu_quota", ENCLAVE_CAN_CPU},
    };
    uint64_t bits;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(
            check_bits(cases[i].config, all_limits, cases[i].line, ~cases[i].bit, &bits, NULL), 0);
        assert_int_equal(bits, cases[i].bit);
        assert_int_equal(
            check_bits(cases[i].config, all_limits, cases[i].line, cases[i].bit, &bits, NULL),
            ENCLAVE_EUNENFORCED);
    }
    /* Kernels before 5.9 do not count; privileged has none. */
    assert_int_equal(check_bits("{}", all_limits, "seccomp_filters", ~UINT64_C(0), &bits, NULL), 0);
    assert_int_equal(bits, 0);
    assert_int_equal(check_bits("{}", all_limits, "seccomp_filters=3", ~UINT64_C(0), &bits, NULL),
                     0);
    assert_int_equal(check_bits("{\"privileged\":true}", all_limits, "seccomp_filters=0",
                                ~UINT64_C(0), &bits, NULL),
                     0);
    assert_int_equal(bits, 0);
}

/* Without a cgroup, the limit of the user's processes is what counts. */
static void test_processes_by_rlimit(void **state)
{
    static const struct sandbox_limits by_rlimit = {.cgroup_version = 1, .nproc = 1};
    struct enclave_error err = ENCLAVE_ERROR_INIT;

    (void)state;
    assert_int_equal(check("{}", by_rlimit, "nproc=240", NULL), 0);
    assert_int_equal(check("{}", by_rlimit, "nproc=100", NULL), 0); /* stricter than asked for */
    assert_int_equal(check("{}", by_rlimit, "nproc=241", NULL), ENCLAVE_EUNENFORCED);
    assert_int_equal(check("{}", by_rlimit, "x=", &err), ENCLAVE_EUNENFORCED);
    assert_non_null(strstr(err.message, "pids_limit"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),      cmocka_unit_test(test_each_mismatch),
        cmocka_unit_test(test_tolerated), cmocka_unit_test(test_not_asked_for),
        cmocka_unit_test(test_unproven),  cmocka_unit_test(test_processes_by_rlimit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
