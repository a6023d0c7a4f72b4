/*
 * test_manager.c - the life of sandboxes: create, info, list, stats, stop, delete.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int64_t now_s;

static int64_t test_clock(void *ctx)
{
    (void)ctx;
    return now_s;
}

static struct enclave_manager *make_manager(void)
{
    struct enclave_manager_options options = ENCLAVE_MANAGER_OPTIONS_INIT;
    options.clock = test_clock;
    now_s = 1000;
    return support_manager_with(&options);
}

static int alive(struct enclave_manager *manager)
{
    char *text = NULL;
    assert_int_equal(enclave_manager_probe(manager, &text, NULL), 0);
    json_object *rows = support_json(text);
    int n = atoi(support_text(json_object_array_get_idx(rows, 0), "detail", "alive", NULL));
    json_object_put(rows);
    return n;
}

static size_t listed(struct enclave_manager *manager, uint32_t status)
{
    char *text = NULL;
    assert_int_equal(enclave_manager_list_sandboxes(manager, status, &text, NULL), 0);
    json_object *list = support_json(text);
    size_t n = json_object_array_length(list);
    json_object_put(list);
    return n;
}

static void test_life(void **state)
{
    (void)state;
    struct enclave_manager *manager = make_manager();
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_result *result = NULL;
    char id[ENCLAVE_ID_SIZE], *text = NULL;

    support_sandbox(manager, id);
    assert_int_equal(strlen(id), 8);
    assert_int_equal(alive(manager), 1);
    assert_int_equal(enclave_manager_get_sandbox_info(manager, id, &text, &err), 0);
    json_object *info = support_json(text);
    assert_string_equal(support_text(info, "id", NULL), id);
    assert_string_equal(support_text(info, "status", NULL), "running");
    assert_string_equal(support_text(info, "type", NULL), "null");
    assert_string_equal(support_text(info, "config", "image", NULL), "python:3.11-slim");
    assert_string_equal(support_text(info, "metadata", "null", NULL), "true");
    assert_string_equal(support_text(info, "metadata", "unenforced", NULL),
                        "[ \"read_only_root\" ]");
    const char *enforced = support_text(info, "metadata", "enforced", NULL);
    assert_non_null(strstr(enforced, "\"memory_limit\""));
    assert_non_null(strstr(enforced, "\"network_off\""));
    assert_null(strstr(enforced, "\"read_only_root\"")); /* the backend cannot */
    assert_null(strstr(enforced, "\"privileged\""));     /* nobody asked */
    assert_string_equal(
        support_text(info, "available_tools", "run", "function", "description", NULL),
        "does what it is told");
    assert_int_equal(strlen(support_text(info, "created_at", NULL)), 27);
    json_object_put(info);

    assert_int_equal(enclave_manager_get_sandbox_tools(manager, id, &text, &err), 0);
    json_object *tools = support_json(text);
    assert_string_equal(support_text(tools, "plain", "type", NULL), "function");
    assert_string_equal(support_text(tools, "plain", "function", "name", NULL), "plain");
    assert_string_equal(support_text(tools, "plain", "function", "parameters", "type", NULL),
                        "object");
    json_object_put(tools);

    assert_int_equal(enclave_manager_stop_sandbox(manager, id, &err), 0);
    assert_int_equal(enclave_manager_stop_sandbox(manager, id, &err), 0);
    assert_int_equal(listed(manager, ENCLAVE_STATUS_STOPPED), 1);
    assert_int_equal(listed(manager, ENCLAVE_STATUS_RUNNING), 0);
    assert_int_equal(enclave_manager_execute_tool(manager, id, "run", NULL, NULL, &result, &err),
                     ENCLAVE_ESTATE);
    assert_error(err, ENCLAVE_ESTATE, "is not running: its status is stopped");
    assert_int_equal(enclave_manager_get_stats(manager, &text, &err), 0);
    json_object *stats = support_json(text);
    assert_int_equal(support_number(stats, "total_sandboxes"), 1);
    assert_int_equal(support_number(stats, "running"), 0);
    assert_int_equal(support_number(stats, "created"), 1);
    assert_string_equal(support_text(stats, "status_counts", "stopped", NULL), "1");
    assert_string_equal(support_text(stats, "sandbox_types", "null", NULL), "1");
    json_object_put(stats);

    assert_int_equal(enclave_manager_delete_sandbox(manager, id, &err), 0);
    assert_int_equal(enclave_manager_delete_sandbox(manager, id, &err), ENCLAVE_ENOTFOUND);
    assert_error(err, ENCLAVE_ENOTFOUND, id);
    assert_int_equal(alive(manager), 0);
    assert_int_equal(listed(manager, 0), 0);
    enclave_manager_free(manager);
}

static void refused(struct enclave_manager *manager, const char *type, const char *config,
                    int32_t code, const char *text)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char id[ENCLAVE_ID_SIZE] = "untouched";
    assert_int_equal(enclave_manager_create_sandbox(manager, type, config, NULL, id, &err), code);
    assert_error(err, code, text);
    assert_string_equal(id, "untouched");
    assert_int_equal(listed(manager, 0), 0);
    assert_int_equal(alive(manager), 0);
}

static void test_refused_creates(void **state)
{
    (void)state;
    struct enclave_manager *manager = make_manager();
    refused(manager, "absent", NULL, ENCLAVE_ENOTFOUND,
            "no backend 'absent' is loaded; loaded: null");
    refused(manager, NULL, "{\"image\": \"missing\"}", ENCLAVE_ENOTFOUND, "image 'missing'");
    refused(manager, NULL, "{\"memory\": 1}", ENCLAVE_EINVALID, "unknown field 'memory'");
    refused(manager, NULL, "{\"memory_limt\": 1}", ENCLAVE_EINVALID,
            "did you mean 'memory_limit'?");
    refused(manager, NULL, "{\"timeout\": \"x\"}", ENCLAVE_EINVALID, "field 'timeout'");
    refused(manager, NULL, "[]", ENCLAVE_EINVALID, "configuration: expected an object");
    refused(manager, NULL, "{\"tools_config\": [\"nope\"]}", ENCLAVE_ENOTFOUND,
            "no tool 'nope' is loaded; loaded:");
    refused(manager, NULL, "{\"tools_config\": {\"run\": {\"limt\": 1}}}", ENCLAVE_EINVALID,
            "tool 'run': unknown option 'limt'; did you mean 'limit'?");
    refused(manager, NULL, "{\"tools_config\": {\"run\": {\"limit\": \"x\"}}}", ENCLAVE_EINVALID,
            "option 'limit': expected a size");
    refused(manager, NULL, "{\"runtime\": \"runsc\"}", ENCLAVE_EUNENFORCED,
            "cannot enforce here what was asked for: runtime");
    refused(manager, NULL, "{\"read_only_root\": true}", ENCLAVE_EUNENFORCED, "read_only_root");
    enclave_manager_free(manager);
}

static void test_ids(void **state)
{
    (void)state;
    struct enclave_manager *manager = make_manager();
    struct enclave_create_options options = ENCLAVE_CREATE_OPTIONS_INIT;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char id[ENCLAVE_ID_SIZE];
    options.id = "mine-1";
    assert_int_equal(enclave_manager_create_sandbox(manager, NULL, NULL, &options, id, &err), 0);
    assert_string_equal(id, "mine-1");
    assert_int_equal(enclave_manager_create_sandbox(manager, NULL, NULL, &options, id, &err),
                     ENCLAVE_EEXISTS);
    assert_error(err, ENCLAVE_EEXISTS, "there is a sandbox 'mine-1' already");
    options.id = "../etc";
    assert_int_equal(enclave_manager_create_sandbox(manager, NULL, NULL, &options, id, &err),
                     ENCLAVE_EINVALID);
    enclave_manager_free(manager);
}

static void *trigger_later(void *cancel)
{
    (void)usleep(30000);
    enclave_cancel_trigger(cancel);
    return NULL;
}

static void test_cancelled_create(void **state)
{
    (void)state;
    struct enclave_manager *manager = make_manager();
    for (int before = 0; before < 2; before++) {
        struct enclave_create_options options = ENCLAVE_CREATE_OPTIONS_INIT;
        struct enclave_error err = ENCLAVE_ERROR_INIT;
        char id[ENCLAVE_ID_SIZE];
        pthread_t thread;
        assert_int_equal(enclave_cancel_new(&options.cancel, NULL), 0);
        if (before) {
            enclave_cancel_trigger(options.cancel);
        }
        assert_int_equal(pthread_create(&thread, NULL, trigger_later, options.cancel), 0);
        assert_int_equal(enclave_manager_create_sandbox(manager, NULL, "{\"image\": \"slow\"}",
                                                        &options, id, &err),
                         ENCLAVE_ECANCELLED);
        (void)pthread_join(thread, NULL);
        enclave_cancel_free(options.cancel);
        assert_int_equal(listed(manager, 0), 0);
    }
    enclave_manager_free(manager);
}

static void test_startup_command(void **state)
{
    (void)state;
    struct enclave_manager *manager = make_manager();
    char id[ENCLAVE_ID_SIZE], *text = NULL;
    assert_int_equal(
        enclave_manager_create_sandbox(
            manager, NULL, "{\"command\": [\"flood\", \"500000\", \"hang\"]}", NULL, id, NULL),
        0);
    assert_int_equal(enclave_manager_get_sandbox_info(manager, id, &text, NULL), 0);
    json_object *info = support_json(text);
    assert_string_equal(support_text(info, "metadata", "command", "running", NULL), "true");
    json_object_put(info);
    assert_int_equal(enclave_manager_delete_sandbox(manager, id, NULL), 0);
    assert_int_equal(enclave_manager_create_sandbox(manager, NULL, "{\"command\": [\"refuse\"]}",
                                                    NULL, id, NULL),
                     0);
    enclave_manager_free(manager);
}

static void test_ini_defaults(void **state)
{
    (void)state;
    static const char *const overrides[] = {"sandbox.env_vars={\"A\": \"1\", \"B\": \"2\"}",
                                            "sandbox.tools_config=run, plain",
                                            "tool run.timeout=0.5", "sandbox.timeout=7", NULL};
    struct enclave_manager *manager = support_manager(overrides);
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char id[ENCLAVE_ID_SIZE], *text = NULL;
    assert_int_equal(enclave_manager_create_sandbox(manager, NULL, "{\"env_vars\": {\"B\": \"3\"}}",
                                                    NULL, id, &err),
                     0);
    assert_int_equal(enclave_manager_get_sandbox_info(manager, id, &text, &err), 0);
    json_object *info = support_json(text);
    assert_string_equal(support_text(info, "config", "env_vars", NULL),
                        "{ \"A\": \"1\", \"B\": \"3\" }");
    assert_string_equal(support_text(info, "config", "timeout", NULL), "7");
    assert_string_equal(support_text(info, "available_tools", "run", "type", NULL), "function");
    json_object_put(info);
    enclave_manager_free(manager);
}

static void test_null_arguments(void **state)
{
    (void)state;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_manager *manager = make_manager();
    struct enclave_result *result = NULL;
    char id[ENCLAVE_ID_SIZE], *text = NULL;
    void *data = NULL;
    uint64_t length = 0;
    assert_int_equal(enclave_manager_new(NULL, NULL, &err), ENCLAVE_EINVALID);
    assert_int_equal(enclave_manager_create_sandbox(NULL, NULL, NULL, NULL, id, &err),
                     ENCLAVE_EINVALID);
    assert_int_equal(enclave_manager_create_sandbox(manager, NULL, NULL, NULL, NULL, NULL),
                     ENCLAVE_EINVALID);
    assert_int_equal(enclave_manager_get_sandbox_info(manager, NULL, &text, &err),
                     ENCLAVE_ENOTFOUND);
    assert_int_equal(enclave_manager_get_sandbox_info(NULL, "a", &text, NULL), ENCLAVE_EINVALID);
    assert_int_equal(enclave_manager_list_sandboxes(manager, 99, &text, &err), ENCLAVE_EINVALID);
    assert_int_equal(enclave_manager_get_sandbox_tools(NULL, "a", &text, &err), ENCLAVE_EINVALID);
    assert_int_equal(enclave_manager_stop_sandbox(manager, "../x", &err), ENCLAVE_ENOTFOUND);
    assert_int_equal(enclave_manager_delete_sandbox(NULL, "a", &err), ENCLAVE_EINVALID);
    assert_int_equal(enclave_manager_cleanup_all_sandboxes(NULL, &err), ENCLAVE_EINVALID);
    assert_int_equal(enclave_manager_sweep(NULL, &text, &err), ENCLAVE_EINVALID);
    assert_int_equal(enclave_manager_get_stats(manager, NULL, &err), ENCLAVE_EINVALID);
    assert_int_equal(enclave_manager_execute_tool(manager, "a", NULL, NULL, NULL, &result, &err),
                     ENCLAVE_EINVALID);
    assert_int_equal(enclave_manager_execute_tool(manager, NULL, "t", NULL, NULL, &result, &err),
                     ENCLAVE_ENOTFOUND);
    assert_int_equal(enclave_manager_get_config(manager, NULL, &err), ENCLAVE_EINVALID);
    assert_int_equal(enclave_manager_get_plugins(NULL, &text, &err), ENCLAVE_EINVALID);
    assert_int_equal(enclave_manager_probe(NULL, &text, &err), ENCLAVE_EINVALID);
    assert_int_equal(enclave_manager_get_file(manager, "a", "", 0, &data, &length, &err),
                     ENCLAVE_EINVALID);
    assert_int_equal(enclave_result_json(NULL, &text, &err), ENCLAVE_EINVALID);
    assert_int_equal(enclave_cancel_new(NULL, &err), ENCLAVE_EINVALID);
    assert_null(text);
    enclave_manager_free(manager);
    enclave_manager_free(NULL);
    enclave_result_free(NULL);
}

static void test_owner(void **state)
{
    (void)state;
    struct enclave_create_options options = ENCLAVE_CREATE_OPTIONS_INIT;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char id[ENCLAVE_ID_SIZE], longest[65], *text = NULL;
    memset(longest, 'o', sizeof longest - 1);
    longest[64] = '\0';
    struct enclave_manager *manager = make_manager();
    const char *const bad[] = {"", "a\tb", "\xc3\xa9", "\x7f", longest};
    for (size_t i = 0; i < COUNT(bad); i++) {
        options.owner = bad[i];
        assert_int_equal(enclave_manager_create_sandbox(manager, NULL, "{}", &options, id, &err),
                         ENCLAVE_EINVALID);
        assert_error(err, ENCLAVE_EINVALID,
                     "create a sandbox: owner: expected 1 to 63 printable ASCII characters");
    }
    longest[63] = '\0';
    longest[0] = '"';
    options.owner = longest;
    assert_int_equal(enclave_manager_create_sandbox(manager, NULL, "{}", &options, id, &err), 0);
    assert_int_equal(enclave_manager_get_sandbox_info(manager, id, &text, &err), 0);
    json_object *info = support_json(text);
    assert_string_equal(support_text(info, "metadata", "owner", NULL), longest);
    json_object_put(info);
    enclave_manager_free(manager);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_life),
        cmocka_unit_test(test_refused_creates),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_cancelled_create),
        cmocka_unit_test(test_startup_command),
        cmocka_unit_test(test_owner),
        cmocka_unit_test(test_ini_defaults),
        cmocka_unit_test(test_null_arguments),
    };
    return cmocka_run_group_tests_name("manager", tests, NULL, NULL);
}
