/*
 * lifecycle.c - the life of a sandbox as the manager tells it: made, described, stopped, deleted,
 * swept.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support.h"

#include <json-c/json.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int32_t create_named(struct enclave_manager *manager, const char *name,
                            char id[ENCLAVE_ID_SIZE], struct enclave_error *err)
{
    struct enclave_create_options options = ENCLAVE_CREATE_OPTIONS_INIT;

    options.id = name;
    return enclave_manager_create_sandbox(manager, NULL, NULL, &options, id, err);
}

static void expect_member(struct enclave_manager *manager, const char *id, const char *key,
                          const char *value)
{
    char *text = info_member(manager, id, key);

    assert_string_equal(text, value);
    free(text);
}

static int64_t number_at(json_object *object, const char *group, const char *key)
{
    json_object *inner = object, *value = NULL;

    if (group && !json_object_object_get_ex(object, group, &inner)) {
        return -1;
    }
    return json_object_object_get_ex(inner, key, &value) ? json_object_get_int64(value) : 0;
}

static json_object *stats_of(struct enclave_manager *manager)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char *text = NULL;
    json_object *stats;

    assert_int_equal(enclave_manager_get_stats(manager, &text, &err), 0);
    stats = json_tokener_parse(text);
    assert_non_null(stats);
    enclave_free(text);
    return stats;
}

static size_t count_listed(struct enclave_manager *manager, uint32_t status)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char *text = NULL;
    json_object *list;
    size_t count;

    assert_int_equal(enclave_manager_list_sandboxes(manager, status, &text, &err), 0);
    list = json_tokener_parse(text);
    assert_true(json_object_is_type(list, json_type_array));
    count = json_object_array_length(list);
    json_object_put(list);
    enclave_free(text);
    return count;
}

static void test_a_made_sandbox_is_described(void **state)
{
    struct fixture *f = *state;
    char *metadata = info_member(f->manager, f->id, "metadata");
    char *config = info_member(f->manager, f->id, "config");

    assert_int_equal(strlen(f->id), 8);
    assert_int_equal(strspn(f->id, "23456789abcdefghijkmnopqrstuvwxyz"), 8);
    expect_member(f->manager, f->id, "id", f->id);
    expect_member(f->manager, f->id, "status", "running");
    expect_member(f->manager, f->id, "type", test_backend());
    assert_non_null(strstr(metadata, "container_id"));
    assert_non_null(strstr(config, "\"memory_limit\": \"512m\""));
    free(metadata);
    free(config);
}

static void test_its_tools_are_function_schemas(void **state)
{
    static const char *const names[] = {"python_executor", "shell_executor", "file_operation"};
    struct fixture *f = *state;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char *text = NULL;
    json_object *tools;

    assert_int_equal(enclave_manager_get_sandbox_tools(f->manager, f->id, &text, &err), 0);
    tools = json_tokener_parse(text);
    assert_int_equal(json_object_object_length(tools), 3);
    for (size_t i = 0; i < 3; i++) {
        json_object *tool = NULL, *type = NULL, *function = NULL, *name = NULL;

        assert_true(json_object_object_get_ex(tools, names[i], &tool));
        assert_true(json_object_object_get_ex(tool, "type", &type));
        assert_string_equal(json_object_get_string(type), "function");
        assert_true(json_object_object_get_ex(tool, "function", &function));
        assert_true(json_object_object_get_ex(function, "name", &name));
        assert_string_equal(json_object_get_string(name), names[i]);
        assert_true(json_object_object_get_ex(function, "parameters", NULL));
    }
    json_object_put(tools);
    enclave_free(text);
}

static void test_an_id_can_be_given_once(void **state)
{
    struct fixture *f = *state;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char id[ENCLAVE_ID_SIZE] = "", again[ENCLAVE_ID_SIZE] = "untouched";
    int32_t r = create_named(f->manager, "my_own-1", id, &err);

    assert_int_equal(r, 0);
    assert_string_equal(id, "my_own-1");
    r = create_named(f->manager, "my_own-1", again, &err);
    expect_error(r, ENCLAVE_EEXISTS, &err, "my_own-1");
    assert_string_equal(again, "untouched");
    delete_sandbox(f->manager, id);
    r = create_named(f->manager, "my_own-1", id, &err);
    assert_int_equal(r, 0);
    delete_sandbox(f->manager, id);
    assert_int_equal(engine_containers(f->instance), 1);
}

static void test_a_bad_id_is_refused(void **state)
{
    static const char *const bad[] = {"", "../x", "UPPER", "a b", "-x", "a\nb", "a/b"};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct enclave_error err = ENCLAVE_ERROR_INIT;
        char id[ENCLAVE_ID_SIZE];
        int32_t r = create_named(f->manager, bad[i], id, &err);

        expect_error(r, ENCLAVE_EINVALID, &err, "id");
    }
    assert_int_equal(engine_containers(f->instance), 1);
}

static void test_an_unknown_id_is_not_found(void **state)
{
    struct fixture *f = *state;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_result *result = NULL;
    char *text = NULL;
    int32_t r = enclave_manager_get_sandbox_info(f->manager, "nobody", &text, &err);

    expect_error(r, ENCLAVE_ENOTFOUND, &err, "nobody");
    r = enclave_manager_get_sandbox_tools(f->manager, "nobody", &text, &err);
    expect_error(r, ENCLAVE_ENOTFOUND, &err, "nobody");
    r = enclave_manager_stop_sandbox(f->manager, "nobody", &err);
    expect_error(r, ENCLAVE_ENOTFOUND, &err, "nobody");
    r = enclave_manager_delete_sandbox(f->manager, "nobody", &err);
    expect_error(r, ENCLAVE_ENOTFOUND, &err, "nobody");
    r = enclave_manager_execute_tool(f->manager, "nobody", "shell_executor",
                                     "{\"command\": \"true\"}", NULL, &result, &err);
    expect_error(r, ENCLAVE_ENOTFOUND, &err, "nobody");
    assert_null(result);
    assert_null(text);
}

static void test_a_stopped_one_stays_until_it_is_deleted(void **state)
{
    struct fixture *f = *state;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_result *result = NULL;
    char id[ENCLAVE_ID_SIZE];
    int64_t start;
    int32_t r;

    make_sandbox(f->manager, "", id);
    start = now_ms();
    assert_int_equal(enclave_manager_stop_sandbox(f->manager, id, &err), 0);
    printf("stop: %lld ms\n", (long long)(now_ms() - start));
    expect_member(f->manager, id, "status", "stopped");
    assert_int_equal(engine_containers(f->instance), 1);
    r = enclave_manager_execute_tool(f->manager, id, "shell_executor", "{\"command\": \"true\"}",
                                     NULL, &result, &err);
    expect_error(r, ENCLAVE_ESTATE, &err, id);
    assert_int_equal(enclave_manager_stop_sandbox(f->manager, id, &err), 0);
    assert_int_equal(count_listed(f->manager, ENCLAVE_STATUS_STOPPED), 1);
    delete_sandbox(f->manager, id);
    r = enclave_manager_delete_sandbox(f->manager, id, &err);
    expect_error(r, ENCLAVE_ENOTFOUND, &err, id);
}

static void test_delete_answers_at_once(void **state)
{
    struct fixture *f = *state;
    char id[ENCLAVE_ID_SIZE];
    int64_t start, took;

    make_sandbox(f->manager, "", id);
    start = now_ms();
    delete_sandbox(f->manager, id);
    took = now_ms() - start;
    printf("delete: %lld ms\n", (long long)took);
    assert_true(took < 3000); /* nobody waits out a grace of 10 s; the bench has the real bound */
    assert_int_equal(engine_containers(f->instance), 1);
}

static void test_statistics_count(void **state)
{
    struct fixture *f = *state;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char id[ENCLAVE_ID_SIZE];
    json_object *stats, *type = NULL;

    make_sandbox(f->manager, "", id);
    assert_int_equal(enclave_manager_stop_sandbox(f->manager, id, &err), 0);
    stats = stats_of(f->manager);
    assert_int_equal(number_at(stats, NULL, "total_sandboxes"), 2);
    assert_int_equal(number_at(stats, NULL, "running"), 1);
    assert_int_equal(number_at(stats, "status_counts", "running"), 1);
    assert_int_equal(number_at(stats, "status_counts", "stopped"), 1);
    assert_int_equal(number_at(stats, "sandbox_types", test_backend()), 2);
    assert_int_equal(number_at(stats, NULL, "cleanup_interval"), 300);
    assert_true(json_object_object_get_ex(stats, "manager_type", &type));
    assert_string_equal(json_object_get_string(type), "local");
    json_object_put(stats);
    assert_int_equal(count_listed(f->manager, 0), 2);
    assert_int_equal(count_listed(f->manager, ENCLAVE_STATUS_RUNNING), 1);
    assert_int_equal(count_listed(f->manager, ENCLAVE_STATUS_ERROR), 0);
    delete_sandbox(f->manager, id);
}

/* ------------------------------------------------------------------------------------- sweeping */

static int64_t read_clock(void *ctx)
{
    return atomic_load((_Atomic int64_t *)ctx);
}

static struct enclave_manager *make_clocked(const char *instance, _Atomic int64_t *clock)
{
    struct enclave_manager_options options = ENCLAVE_MANAGER_OPTIONS_INIT;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_manager *manager = NULL;
    char own[128], backend[64];
    const char *overrides[] = {own, backend, NULL};

    (void)snprintf(backend, sizeof backend, "enclave.backend=%s", test_backend());
    (void)snprintf(own, sizeof own, "enclave.instance=%s", instance);
    options.config_path = "";
    options.overrides = overrides;
    options.clock = read_clock;
    options.clock_ctx = clock;
    assert_int_equal(enclave_manager_new(&options, &manager, &err), 0);
    return manager;
}

static void expect_swept(struct enclave_manager *manager, const char *id, const char *reason)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char *text = NULL;

    assert_int_equal(enclave_manager_sweep(manager, &text, &err), 0);
    if (id) {
        assert_non_null(strstr(text, id));
        assert_non_null(strstr(text, reason));
    } else {
        assert_null(strstr(text, "reason"));
    }
    enclave_free(text);
}

static void test_a_sweep_deletes_what_is_old(void **state)
{
    _Atomic int64_t clock = 1000;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_manager *manager;
    char instance[64], runs[ENCLAVE_ID_SIZE], stopped[ENCLAVE_ID_SIZE];

    (void)state;
    unique_name(instance, sizeof instance, "sweep");
    manager = make_clocked(instance, &clock);
    make_sandbox(manager, "", runs);
    make_sandbox(manager, "", stopped);
    assert_int_equal(enclave_manager_stop_sandbox(manager, stopped, &err), 0);
    atomic_fetch_add(&clock, 3600);
    expect_swept(manager, NULL, NULL);
    atomic_fetch_add(&clock, 1);
    expect_swept(manager, stopped, "stopped_ttl");
    atomic_fetch_add(&clock, 48 * 3600 - 3601);
    expect_swept(manager, NULL, NULL);
    assert_int_equal(engine_containers(instance), 1);
    atomic_fetch_add(&clock, 1);
    expect_swept(manager, runs, "running_ttl");
    assert_int_equal(engine_containers(instance), 0);
    assert_int_equal(count_listed(manager, 0), 0);
    enclave_manager_free(manager);
}

static void test_all_can_be_deleted_at_once(void **state)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_manager *manager;
    char instance[64], id[ENCLAVE_ID_SIZE];
    int64_t start;

    (void)state;
    unique_name(instance, sizeof instance, "all");
    manager = make_manager(instance, NULL);
    for (int i = 0; i < 4; i++) {
        make_sandbox(manager, "", id);
    }
    assert_int_equal(engine_containers(instance), 4);
    start = now_ms();
    assert_int_equal(enclave_manager_cleanup_all_sandboxes(manager, &err), 0);
    printf("delete of 4 at once: %lld ms\n", (long long)(now_ms() - start));
    assert_int_equal(engine_containers(instance), 0);
    assert_int_equal(count_listed(manager, 0), 0);
    make_sandbox(manager, "", id);
    enclave_manager_free(manager); /* takes the last one along */
    assert_int_equal(engine_containers(instance), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_made_sandbox_is_described),
        cmocka_unit_test(test_its_tools_are_function_schemas),
        cmocka_unit_test(test_an_id_can_be_given_once),
        cmocka_unit_test(test_a_bad_id_is_refused),
        cmocka_unit_test(test_an_unknown_id_is_not_found),
        cmocka_unit_test(test_a_stopped_one_stays_until_it_is_deleted),
        cmocka_unit_test(test_delete_answers_at_once),
        cmocka_unit_test(test_statistics_count),
        cmocka_unit_test(test_a_sweep_deletes_what_is_old),
        cmocka_unit_test(test_all_can_be_deleted_at_once),
    };
    int skip = test_setup();

    return skip ? skip : cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
