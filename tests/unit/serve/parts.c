/*
 * parts.c - bodies within their limits, names, bounded threads, addresses.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "address.h"
#include "body.h"
#include "jobs.h"
#include "memory.h"
#include "strmap.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_a_body_grows_within_its_limit(void **state)
{
    struct memory *memory = memory_new(1 << 20);
    struct body body = {.memory = memory, .limit = 10000};
    char piece[1000];
    (void)state;

    memset(piece, 'x', sizeof piece);
    for (int i = 0; i < 10; i++) {
        body_take(&body, piece, sizeof piece);
    }
    assert_int_equal(body.length, 10000);
    assert_int_equal(strlen(body.data), 10000);
    assert_int_equal(body.room, 10001); /* no more than its limit and the NUL */
    assert_int_equal(memory_held(memory), body.room);
    body_take(&body, piece, 1);
    assert_true(body.over);
    assert_int_equal(body.length, 0);
    assert_int_equal(memory_held(memory), 0);
    body_take(&body, piece, 1);
    assert_int_equal(body.received, 10002);
    body_drop(&body);
    assert_int_equal(memory_held(memory), 0);
    memory_free(memory);
}

static void test_bodies_share_a_limit(void **state)
{
    struct memory *memory = memory_new(10000);
    struct body first = {.memory = memory, .limit = 10000}, second = first;
    char piece[5000] = "";
    (void)state;

    body_take(&first, piece, sizeof piece);
    assert_null(first.starved);
    body_take(&second, piece, sizeof piece);
    assert_non_null(second.starved);
    assert_int_equal(memory_held(memory), first.room);
    body_drop(&first);
    body_drop(&second);
    assert_int_equal(memory_held(memory), 0);
    memory_free(memory);
}

/* However much one caller holds, the next has as much as it leaves; alone and without a name it may have all. */
static void test_memory_is_shared(void **state)
{
    static const char greedy[] = "greedy", modest[] = "modest";
    struct memory *memory = memory_new(1000);
    const char *why;
    (void)state;

    assert_non_null(memory);
    assert_null(memory_take(memory, greedy, 500));
    why = memory_take(memory, greedy, 1);
    assert_non_null(why);
    assert_non_null(strstr(why, "this key"));
    assert_non_null(strstr(why, "max_buffered"));
    assert_null(memory_take(memory, greedy, 0)); /* an empty file */
    assert_null(memory_take(memory, modest, 250));
    assert_non_null(memory_take(memory, modest, 1));
    assert_int_equal(memory_held(memory), 750);
    memory_give(memory, greedy, 500);
    assert_null(memory_take(memory, modest, 250));
    memory_give(memory, modest, 500);
    assert_null(memory_take(memory, NULL, 1000));
    assert_non_null(memory_take(memory, NULL, 1));
    assert_non_null(memory_take(memory, NULL, SIZE_MAX));
    memory_give(memory, NULL, 1000);
    assert_int_equal(memory_held(memory), 0);
    memory_free(memory);
}

static void test_names(void **state)
{
    struct strmap *map = strmap_new(2000);
    int values[2] = {0};
    void *found = NULL;
    char name[16];
    (void)state;

    assert_non_null(map);
    for (int i = 0; i < 2000; i++) {
        (void)snprintf(name, sizeof name, "%d", i);
        assert_true(strmap_add(map, name, &values[0]));
    }
    assert_false(strmap_add(map, "one more", NULL));
    assert_false(strmap_add(map, "5", &values[1]));
    assert_true(strmap_get(map, "5", &found));
    assert_ptr_equal(found, &values[0]);
    assert_true(strmap_set(map, "5", &values[1]));
    assert_true(strmap_get(map, "5", &found));
    assert_ptr_equal(found, &values[1]);
    strmap_remove(map, "5");
    strmap_remove(map, "5");
    assert_false(strmap_get(map, "5", &found));
    assert_int_equal(strmap_count(map), 1999);
    strmap_clear(map);
    assert_int_equal(strmap_count(map), 0);
    strmap_free(map);
}

struct gate {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool open;
    int ran;
};

static void pass(void *ctx)
{
    struct gate *gate = ctx;

    pthread_mutex_lock(&gate->lock);
    while (!gate->open) {
        (void)pthread_cond_wait(&gate->wake, &gate->lock);
    }
    gate->ran++;
    (void)pthread_cond_broadcast(&gate->wake);
    pthread_mutex_unlock(&gate->lock);
}

static void test_jobs_are_bounded(void **state)
{
    struct gate gate = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, 0};
    struct jobs *jobs = jobs_new(2, 3);
    struct job job[16];
    int taken = 0;
    (void)state;

    assert_non_null(jobs);
    for (int i = 0; i < 15; i++) {
        job[i] = (struct job){.run = pass, .ctx = &gate};
        taken += jobs_add(jobs, &job[i], false);
    }
    assert_in_range(taken, 3, 5); /* two threads hold one each when they were fast */
    job[15] = (struct job){.run = pass, .ctx = &gate};
    assert_true(jobs_add(jobs, &job[15], true));
    pthread_mutex_lock(&gate.lock);
    gate.open = true;
    (void)pthread_cond_broadcast(&gate.wake);
    pthread_mutex_unlock(&gate.lock);
    jobs_free(jobs);
    assert_int_equal(gate.ran, taken + 1);
}

/* However much one caller asks for: a thread and a place are left to the next, whose jobs are not behind all of it. */
static void test_jobs_are_shared(void **state)
{
    struct gate shut = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, 0};
    struct gate open = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, true, 0};
    struct jobs *jobs = jobs_new(4, 16);
    struct job greedy[32], modest[4];
    unsigned queued = 1, running = 0;
    int taken = 0;
    (void)state;

    assert_non_null(jobs);
    for (int i = 0; i < 32; i++) {
        greedy[i] = (struct job){.run = pass, .ctx = &shut, .caller = "greedy"};
        taken += jobs_add(jobs, &greedy[i], false);
    }
    assert_in_range(taken, 8, 10); /* half of the places, and up to two that had a thread at once */
    for (int i = 0; i < 4; i++) {
        modest[i] = (struct job){.run = pass, .ctx = &open, .caller = "modest"};
        assert_true(jobs_add(jobs, &modest[i], false));
    }
    pthread_mutex_lock(&open.lock);
    while (open.ran < 4) {
        (void)pthread_cond_wait(&open.wake, &open.lock);
    }
    pthread_mutex_unlock(&open.lock);
    jobs_counts(jobs, &queued, &running);
    assert_in_range(queued, taken - 2, taken); /* two threads at most are in their hands */
    assert_in_range(running, 0, 3);
    pthread_mutex_lock(&shut.lock);
    shut.open = true;
    (void)pthread_cond_broadcast(&shut.wake);
    pthread_mutex_unlock(&shut.lock);
    jobs_free(jobs);
    assert_int_equal(shut.ran, taken);
}

static void test_addresses(void **state)
{
    static const struct {
        const char *text;
        int family; /* 0: it is none */
        bool loopback;
    } all[] = {
        {"127.0.0.1:80", AF_INET, true},
        {"127.1.2.3:0", AF_INET, true},
        {"localhost:80", AF_INET, true},
        {"0.0.0.0:80", AF_INET, false},
        {":80", AF_INET, false},
        {"[::1]:80", AF_INET6, true},
        {"[::]:80", AF_INET6, false},
        {"10.0.0.1:80", AF_INET, false},
        {"unix:/a", AF_UNIX, true},
        {"unix:", 0, false},
        {"127.0.0.1", 0, false},
        {"127.0.0.1:", 0, false},
        {"127.0.0.1:65536", 0, false},
        {"127.0.0.1:-1", 0, false},
        {"127.0.0.1:8x", 0, false},
        {"example.org:80", 0, false},
        {"", 0, false},
        {"[::1:80", 0, false},
        {"128.0.0.1:80", AF_INET, false},
    };
    (void)state;

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct enclave_error err = ENCLAVE_ERROR_INIT;
        struct address address = {0};
        int32_t r = address_parse(all[i].text, &address, &err);
        assert_int_equal(r, all[i].family ? 0 : ENCLAVE_EINVALID);
        assert_int_equal(address.bytes.ss_family, all[i].family);
        assert_int_equal(address.loopback, all[i].loopback);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_body_grows_within_its_limit),
        cmocka_unit_test(test_bodies_share_a_limit),
        cmocka_unit_test(test_memory_is_shared),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_jobs_are_bounded),
        cmocka_unit_test(test_jobs_are_shared),
        cmocka_unit_test(test_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
