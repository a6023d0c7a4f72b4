/*
 * test_cleanup.c - what is reclaimed, when to the second, and why; and that a slow engine holds nobody up.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HOUR = 3600 };

static atomic_llong now_s;

static int64_t test_clock(void *ctx)
{
    (void)ctx;
    return atomic_load(&now_s);
}

static struct enclave_manager *make_manager(const char *const *overrides)
{
    struct enclave_manager_options options = ENCLAVE_MANAGER_OPTIONS_INIT;
    options.clock = test_clock;
    options.overrides = overrides;
    atomic_store(&now_s, 1000);
    return support_manager_with(&options);
}

/* The name of an id that is gone after a sweep, with why: "ID reason ID reason". */
static void swept(struct enclave_manager *manager, const char *expected)
{
    char *text = NULL, got[1024] = "";
    assert_int_equal(enclave_manager_sweep(manager, &text, NULL), 0);
    json_object *rows = support_json(text);
    for (size_t i = 0; i < json_object_array_length(rows); i++) {
        json_object *row = json_object_array_get_idx(rows, i);
        size_t n = strlen(got);
        (void)snprintf(got + n, sizeof got - n, "%s%s %s", n ? " " : "",
                       support_text(row, "id", NULL), support_text(row, "reason", NULL));
    }
    json_object_put(rows);
    assert_string_equal(got, expected);
}

static void create(struct enclave_manager *manager, const char *type, const char *id,
                   const char *config)
{
    struct enclave_create_options options = ENCLAVE_CREATE_OPTIONS_INIT;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char made[ENCLAVE_ID_SIZE];
    options.id = id;
    if (enclave_manager_create_sandbox(manager, type, config, &options, made, &err) != 0) {
        fail_msg("create '%s': %s", id, err.message);
    }
}

static int alive(struct enclave_manager *manager, const char *backend)
{
    char *text = NULL;
    int n = -1;
    assert_int_equal(enclave_manager_probe(manager, &text, NULL), 0);
    json_object *rows = support_json(text);
    for (size_t i = 0; i < json_object_array_length(rows); i++) {
        json_object *row = json_object_array_get_idx(rows, i);
        if (strcmp(support_text(row, "backend", NULL), backend) == 0) {
            n = atoi(support_text(row, "detail", "alive", NULL));
        }
    }
    json_object_put(rows);
    return n;
}

/* The ends are made in the background. */
static void wait_alive(struct enclave_manager *manager, const char *backend, int count)
{
    int64_t until = support_now_ms() + 20000;
    while (alive(manager, backend) != count && support_now_ms() < until) {
        (void)usleep(1000);
    }
    assert_int_equal(alive(manager, backend), count);
}

static size_t listed(struct enclave_manager *manager)
{
    char *text = NULL;
    assert_int_equal(enclave_manager_list_sandboxes(manager, 0, &text, NULL), 0);
    json_object *list = support_json(text);
    size_t n = json_object_array_length(list);
    json_object_put(list);
    return n;
}

static void wait_listed(struct enclave_manager *manager, size_t count)
{
    int64_t until = support_now_ms() + 20000;
    while (listed(manager) != count && support_now_ms() < until) {
        (void)usleep(1000);
    }
    assert_int_equal(listed(manager), count);
}

static void test_ages(void **state)
{
    (void)state;
    struct enclave_manager *manager = make_manager(NULL);
    create(manager, NULL, "old", NULL);
    atomic_fetch_add(&now_s, 47 * HOUR);
    create(manager, NULL, "stopped", NULL);
    assert_int_equal(enclave_manager_stop_sandbox(manager, "stopped", NULL), 0);
    atomic_fetch_add(&now_s, HOUR); /* exactly 48 h and 1 h: not longer than that */
    swept(manager, "");
    atomic_fetch_add(&now_s, 1);
    char *text = NULL;
    assert_int_equal(enclave_manager_sweep(manager, &text, NULL), 0);
    json_object *rows = support_json(text);
    assert_int_equal(json_object_array_length(rows), 2);
    assert_contains(json_object_to_json_string_ext(rows, JSON_C_TO_STRING_PLAIN),
                    "{\"id\":\"old\",\"reason\":\"running_ttl\"}");
    assert_contains(json_object_to_json_string_ext(rows, JSON_C_TO_STRING_PLAIN),
                    "{\"id\":\"stopped\",\"reason\":\"stopped_ttl\"}");
    json_object_put(rows);
    assert_int_equal(enclave_manager_get_sandbox_info(manager, "old", &text, NULL),
                     ENCLAVE_ENOTFOUND);
    wait_alive(manager, "null", 0);
    assert_int_equal(enclave_manager_sweep(manager, NULL, NULL), 0);
    enclave_manager_free(manager);
}

static void test_own_ttl(void **state)
{
    (void)state;
    struct enclave_manager *manager = make_manager(NULL);
    char *text = NULL;
    create(manager, NULL, "none", "{\"ttl\": 0}");
    create(manager, NULL, "short", "{\"ttl\": 9.5}"); /* counts as 10 */
    create(manager, NULL, "ended", "{\"ttl\": 10}");
    assert_int_equal(enclave_manager_stop_sandbox(manager, "ended", NULL), 0);
    assert_int_equal(enclave_manager_delete_sandbox(manager, "ended", NULL), 0);
    atomic_fetch_add(&now_s, 10);
    swept(manager, "");
    atomic_fetch_add(&now_s, 1);
    swept(manager, "short ttl");
    assert_int_equal(enclave_manager_get_sandbox_info(manager, "none", &text, NULL), 0);
    enclave_free(text);
    enclave_manager_free(manager);
}

static void test_idle_ttl(void **state)
{
    (void)state;
    static const char *const overrides[] = {"enclave.idle_ttl=60", NULL};
    struct enclave_manager *manager = make_manager(overrides);
    create(manager, NULL, "idle", "{\"tools_config\": [\"run\"]}");
    atomic_fetch_add(&now_s, 60);
    swept(manager, "");
    enclave_result_free(support_run(manager, "idle", "{\"argv\": [\"out\", \"a\"]}", NULL));
    atomic_fetch_add(&now_s, 60);
    swept(manager, "");
    atomic_fetch_add(&now_s, 1);
    swept(manager, "idle idle_ttl");
    enclave_manager_free(manager);
}

static void test_keep_alive(void **state)
{
    (void)state;
    static const char *const overrides[] = {"enclave.idle_ttl=60", "enclave.running_ttl=100", NULL};
    struct enclave_manager *manager = make_manager(overrides);
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    create(manager, NULL, "kept", "{\"ttl\": 30}");
    assert_int_equal(enclave_manager_keep_alive(manager, "kept", 200, &err), 0);
    assert_int_equal(enclave_manager_keep_alive(manager, "kept", 5, &err), 0); /* never shorter */
    atomic_fetch_add(&now_s, 200);                                             /* past all three */
    swept(manager, "");
    assert_int_equal(enclave_manager_keep_alive(manager, "kept", 7, &err), 0);
    atomic_fetch_add(&now_s, 7);
    swept(manager, "");
    atomic_fetch_add(&now_s, 1);
    swept(manager, "kept ttl");
    create(manager, NULL, "other", NULL);
    assert_int_equal(enclave_manager_keep_alive(manager, "other", 0, &err), 0);
    atomic_fetch_add(&now_s, 61);
    swept(manager, "other idle_ttl");

    assert_int_equal(enclave_manager_keep_alive(manager, "kept", 1, &err), ENCLAVE_ENOTFOUND);
    assert_int_equal(enclave_manager_keep_alive(NULL, "kept", 1, &err), ENCLAVE_EINVALID);
    create(manager, NULL, "third", NULL);
    assert_int_equal(enclave_manager_keep_alive(manager, "third", -1, &err), ENCLAVE_EINVALID);
    assert_error(err, ENCLAVE_EINVALID, "'third'");
    assert_int_equal(enclave_manager_keep_alive(manager, "third", INT64_MAX, &err),
                     ENCLAVE_EINVALID);
    enclave_manager_free(manager);
}

/* ----------------------------------------------------------------------------------- executions */

struct running {
    struct enclave_manager *manager;
    atomic_int started;
    uint32_t cause;
};

static int32_t note_start(void *ctx, uint32_t stream, const void *data, uint64_t length)
{
    struct running *running = ctx;
    (void)stream;
    (void)data;
    (void)length;
    atomic_store(&running->started, 1);
    return 0;
}

static void *hang(void *arg)
{
    struct running *running = arg;
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
    options.output = note_start;
    options.output_ctx = running;
    options.timeout_ms = 0;
    struct enclave_result *result =
        support_run(running->manager, "busy", "{\"argv\": [\"out\", \"a\", \"hang\"]}", &options);
    running->cause = result->cause;
    enclave_result_free(result);
    return NULL;
}

static void test_executing(void **state)
{
    (void)state;
    static const char *const overrides[] = {"enclave.idle_ttl=60", "enclave.running_ttl=1000",
                                            NULL};
    struct running running = {.manager = make_manager(overrides)};
    pthread_t thread;
    create(running.manager, NULL, "busy", "{\"tools_config\": [\"run\"]}");
    assert_int_equal(pthread_create(&thread, NULL, hang, &running), 0);
    while (!atomic_load(&running.started)) {
        (void)sched_yield();
    }
    atomic_fetch_add(&now_s, 1000);
    swept(running.manager, "");
    atomic_fetch_add(&now_s, 1);
    swept(running.manager, "busy running_ttl");
    (void)pthread_join(thread, NULL);
    assert_int_equal(running.cause, ENCLAVE_CAUSE_BACKEND_LOST);
    enclave_manager_free(running.manager);
}

/* ---------------------------------------------------------------------------------- slow engines */

/* Of one backend more hang than it has threads: neither the sweep nor the other backend waits for them. */
static void test_hung_engine(void **state)
{
    (void)state;
    static const char *const overrides[] = {"enclave.cleanup_interval=0.02", NULL};
    struct enclave_manager *manager = make_manager(overrides);
    for (int i = 0; i < 6; i++) {
        char id[ENCLAVE_ID_SIZE];
        (void)snprintf(id, sizeof id, "stuck-%d", i);
        create(manager, "null", id, "{\"image\": \"stuck\"}");
    }
    atomic_fetch_add(&now_s, 48 * HOUR + 1);
    wait_listed(manager, 0);
    assert_int_equal(alive(manager, "null"), 6);
    create(manager, "other", "a", NULL);
    create(manager, "other", "b", NULL);
    atomic_fetch_add(&now_s, 48 * HOUR + 1);
    wait_alive(manager, "other", 0);
    assert_int_equal(alive(manager, "null"), 6);
    create(manager, "null", "last", "{\"image\": \"release\"}");
    wait_alive(manager, "null", 1);
    enclave_manager_free(manager);
}

static void test_many(void **state)
{
    (void)state;
    struct enclave_manager *manager = make_manager(NULL);
    char *text = NULL;
    for (int i = 0; i < 2000; i++) {
        char id[ENCLAVE_ID_SIZE];
        support_sandbox(manager, id);
    }
    atomic_fetch_add(&now_s, 48 * HOUR + 1);
    assert_int_equal(enclave_manager_sweep(manager, &text, NULL), 0);
    json_object *rows = support_json(text);
    assert_int_equal(json_object_array_length(rows), 2000);
    json_object_put(rows);
    assert_int_equal(listed(manager), 0);
    wait_alive(manager, "null", 0);
    enclave_manager_free(manager);
}

/* What was swept and is not gone yet, the manager's end waits for: the backend is closed after it. */
static void test_free_after_sweep(void **state)
{
    (void)state;
    struct enclave_manager *manager = make_manager(NULL);
    for (int i = 0; i < 100; i++) {
        char id[ENCLAVE_ID_SIZE];
        support_sandbox(manager, id);
    }
    atomic_fetch_add(&now_s, 48 * HOUR + 1);
    assert_int_equal(enclave_manager_sweep(manager, NULL, NULL), 0);
    enclave_manager_free(manager);
}

/* The background thread does it too; its turn comes without anybody asking. */
static void test_background_sweep(void **state)
{
    (void)state;
    static const char *const overrides[] = {"enclave.cleanup_interval=0.02", NULL};
    struct enclave_manager *manager = make_manager(overrides);
    create(manager, NULL, "old", NULL);
    atomic_fetch_add(&now_s, 48 * HOUR + 1);
    wait_alive(manager, "null", 0);
    enclave_manager_free(manager);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ages),
        cmocka_unit_test(test_own_ttl),
        cmocka_unit_test(test_idle_ttl),
        cmocka_unit_test(test_keep_alive),
        cmocka_unit_test(test_executing),
        cmocka_unit_test(test_hung_engine),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_free_after_sweep),
        cmocka_unit_test(test_background_sweep),
    };
    return cmocka_run_group_tests_name("cleanup", tests, NULL, NULL);
}
