/*
 * test_request.c - creates with a request key: repeated, at the same time, with another body, after failures.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support.h"

#include "manager.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static struct enclave_manager *manager;

static int set_up(void **state)
{
    (void)state;
    manager = support_manager(NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    enclave_manager_free(manager);
    return 0;
}

static int32_t create(const char *key, const char *type, const char *config, const char *id,
                      char ret_id[ENCLAVE_ID_SIZE], struct enclave_error *err)
{
    struct enclave_create_options options = ENCLAVE_CREATE_OPTIONS_INIT;
    options.request_key = key;
    options.id = id;
    return enclave_manager_create_sandbox(manager, type, config, &options, ret_id, err);
}

static int64_t created(void)
{
    char *text = NULL;
    assert_int_equal(enclave_manager_get_stats(manager, &text, NULL), 0);
    json_object *stats = support_json(text);
    int64_t n = support_number(stats, "created");
    json_object_put(stats);
    return n;
}

static void test_repeated(void **state)
{
    (void)state;
    static const struct {
        const char *type, *config;
    } same[] = {
        {NULL, "{\"cpu_limit\": 2, \"env_vars\": {\"A\": \"1\", \"B\": \"2\"}}"},
        {"null", "{\"cpu_limit\": 2, \"env_vars\": {\"A\": \"1\", \"B\": \"2\"}}"},
        {"auto", "{ \"env_vars\" : {\"B\": \"2\", \"A\": \"\\u0031\"}, \"cpu_limit\": 2.0 }"},
    };
    char first[ENCLAVE_ID_SIZE], id[ENCLAVE_ID_SIZE];

    for (size_t i = 0; i < COUNT(same); i++) {
        assert_int_equal(
            create("repeated", same[i].type, same[i].config, NULL, i ? id : first, NULL), 0);
        assert_string_equal(i ? id : first, first);
    }
    assert_int_equal(created(), 1);
    assert_int_equal(create("another", NULL, NULL, NULL, id, NULL), 0);
    assert_string_not_equal(id, first);
    /* A late repetition of a request whose sandbox is gone makes no second one. */
    assert_int_equal(enclave_manager_delete_sandbox(manager, first, NULL), 0);
    assert_int_equal(create("repeated", NULL, same[0].config, NULL, id, NULL), 0);
    assert_string_equal(id, first);
    assert_int_equal(created(), 2);
}

static void test_another_body(void **state)
{
    (void)state;
    static const struct {
        const char *type, *config, *id;
    } others[] = {
        {NULL, "{\"cpu_limit\": 3, \"command\": [\"a\", \"b\"]}", NULL},
        {NULL, "{\"cpu_limit\": 2, \"command\": [\"b\", \"a\"]}", NULL},
        {NULL, "{\"cpu_limit\": 2, \"command\": [\"ab\"]}", NULL},
        {NULL, "{\"cpu_limit\": 2, \"command\": \"ab\"}", NULL},
        {NULL, "{\"cpu_limit\": 2}", NULL},
        {NULL, NULL, NULL},
        {"other", "{\"cpu_limit\": 2, \"command\": [\"a\", \"b\"]}", NULL},
        {NULL, "{\"cpu_limit\": 2, \"command\": [\"a\", \"b\"]}", "mine"},
    };
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char id[ENCLAVE_ID_SIZE];

    assert_int_equal(
        create("body", NULL, "{\"cpu_limit\": 2, \"command\": [\"a\", \"b\"]}", NULL, id, NULL), 0);
    for (size_t i = 0; i < COUNT(others); i++) {
        assert_int_equal(create("body", others[i].type, others[i].config, others[i].id, id, &err),
                         ENCLAVE_EEXISTS);
        assert_error(err, ENCLAVE_EEXISTS,
                     "create a sandbox: request key 'body' was used with another type");
    }
}

static void test_failures_free_the_key(void **state)
{
    (void)state;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char id[ENCLAVE_ID_SIZE], key[260];

    assert_int_equal(create("failed", NULL, "{\"image\": \"missing\"}", NULL, id, &err),
                     ENCLAVE_ENOTFOUND);
    assert_error(err, ENCLAVE_ENOTFOUND, "create a sandbox: image 'missing'");
    assert_int_equal(create("failed", NULL, "{\"cpu_limit\": 2}", NULL, id, &err), 0);
    assert_int_equal(create("", NULL, NULL, NULL, id, &err), ENCLAVE_EINVALID);
    assert_error(err, ENCLAVE_EINVALID, "request key: expected 1 to 255 bytes");
    memset(key, 'k', sizeof key);
    key[256] = '\0';
    assert_int_equal(create(key, NULL, NULL, NULL, id, &err), ENCLAVE_EINVALID);
    assert_int_equal(create(key + 1, NULL, NULL, NULL, id, &err), 0);
    assert_int_equal(create("not JSON", NULL, "{", NULL, id, &err), ENCLAVE_EINVALID);
    assert_int_equal(create("taken", NULL, NULL, id, id, &err), ENCLAVE_EEXISTS);
    assert_error(err, ENCLAVE_EEXISTS, "there is a sandbox");
}

/* Of those whose sandboxes are gone, the last 1,024 are known. */
static void test_bounded_memory(void **state)
{
    (void)state;
    char oldest[ENCLAVE_ID_SIZE], second[ENCLAVE_ID_SIZE], id[ENCLAVE_ID_SIZE], key[32];

    for (int i = 0; i < 1025; i++) {
        (void)snprintf(key, sizeof key, "gone-%d", i);
        assert_int_equal(create(key, NULL, NULL, NULL, id, NULL), 0);
        assert_int_equal(enclave_manager_delete_sandbox(manager, id, NULL), 0);
        if (i < 2) {
            memcpy(i == 0 ? oldest : second, id, sizeof id);
        }
    }
    assert_int_equal(manager->requests.retired_count, 1024);
    assert_int_equal(create("gone-1", NULL, NULL, NULL, id, NULL), 0);
    assert_string_equal(id, second);
    assert_int_equal(create("gone-0", NULL, NULL, NULL, id, NULL), 0);
    assert_string_not_equal(id, oldest);
}

/* ------------------------------------------------------------------------------- at the same time */

enum { CALLERS = 16 };

struct caller {
    pthread_t thread;
    const char *key;
    const char *config;
    struct enclave_cancel *cancel;
    char id[ENCLAVE_ID_SIZE];
    int32_t r;
};

static void *call(void *arg)
{
    struct caller *caller = arg;
    struct enclave_create_options options = ENCLAVE_CREATE_OPTIONS_INIT;
    options.request_key = caller->key;
    options.cancel = caller->cancel;
    caller->r =
        enclave_manager_create_sandbox(manager, NULL, caller->config, &options, caller->id, NULL);
    return NULL;
}

static void start(struct caller *caller, const char *key, const char *config, int cancellable)
{
    *caller = (struct caller){.key = key, .config = config};
    if (cancellable) {
        assert_int_equal(enclave_cancel_new(&caller->cancel, NULL), 0);
    }
    assert_int_equal(pthread_create(&caller->thread, NULL, call, caller), 0);
}

static void finish(struct caller *caller)
{
    (void)pthread_join(caller->thread, NULL);
    enclave_cancel_free(caller->cancel);
}

static void wait_for_sandbox(uint32_t status)
{
    for (size_t n = 0; n == 0;) {
        char *text = NULL;
        assert_int_equal(enclave_manager_list_sandboxes(manager, status, &text, NULL), 0);
        json_object *list = support_json(text);
        n = json_object_array_length(list);
        json_object_put(list);
    }
}

static void test_at_the_same_time(void **state)
{
    (void)state;
    struct caller callers[CALLERS];
    for (int round = 0; round < 50; round++) {
        char key[32];
        int64_t before = created();
        (void)snprintf(key, sizeof key, "together-%d", round);
        for (size_t i = 0; i < CALLERS; i++) {
            start(&callers[i], key, NULL, 0);
        }
        for (size_t i = 0; i < CALLERS; i++) {
            finish(&callers[i]);
            assert_int_equal(callers[i].r, 0);
            assert_string_equal(callers[i].id, callers[0].id);
        }
        assert_int_equal(created(), before + 1);
    }
}

/* "slow" takes until it is cancelled, so that others find it under way. */
static void test_waiting_is_cancelled(void **state)
{
    (void)state;
    static const char slow[] = "{\"image\": \"slow\"}";
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct caller first, second;
    char id[ENCLAVE_ID_SIZE];

    start(&first, "waiting", slow, 1);
    wait_for_sandbox(ENCLAVE_STATUS_INITIALIZING);
    assert_int_equal(create("waiting", NULL, NULL, NULL, id, &err), ENCLAVE_EEXISTS);
    start(&second, "waiting", slow, 1);
    enclave_cancel_trigger(second.cancel);
    finish(&second);
    assert_int_equal(second.r, ENCLAVE_ECANCELLED);
    /* Who cancels does so for himself: of those that wait one goes on. */
    start(&second, "waiting", slow, 1);
    enclave_cancel_trigger(first.cancel);
    finish(&first);
    assert_int_equal(first.r, ENCLAVE_ECANCELLED);
    wait_for_sandbox(ENCLAVE_STATUS_INITIALIZING);
    enclave_cancel_trigger(second.cancel);
    finish(&second);
    assert_int_equal(second.r, ENCLAVE_ECANCELLED);
    assert_int_equal(create("waiting", NULL, NULL, NULL, id, &err), 0);
}

static void test_callers_of_a_failure(void **state)
{
    (void)state;
    struct caller callers[CALLERS];
    for (int round = 0; round < 50; round++) {
        for (size_t i = 0; i < CALLERS; i++) {
            start(&callers[i], "failing", "{\"image\": \"missing\"}", 0);
        }
        for (size_t i = 0; i < CALLERS; i++) {
            finish(&callers[i]);
            assert_int_equal(callers[i].r, ENCLAVE_ENOTFOUND);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_repeated, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_another_body, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_failures_free_the_key, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bounded_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_at_the_same_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_waiting_is_cancelled, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_callers_of_a_failure, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("request", tests, NULL, NULL);
}
