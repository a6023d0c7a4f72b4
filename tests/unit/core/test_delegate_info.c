/*
 * test_delegate_info.c - what is told of sandboxes of another manager, and what is said when that one
 * cannot be asked, or answers with nonsense.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "delegate_support.h"

#include <stdatomic.h>
#include <string.h>

/* ---------------------------------------------------------------------------------- what is told */

static void test_info(void **state)
{
    (void)state;
    struct enclave_create_options options = ENCLAVE_CREATE_OPTIONS_INIT;
    static const char *const keys[] = {"id",     "status",     "type",           "created_at",
                                       "config", "updated_at", "available_tools"};
    char id[ENCLAVE_ID_SIZE], *text = NULL, *direct = NULL;
    options.owner = "alice";
    assert_int_equal(enclave_manager_create_sandbox(outer, NULL, "{\"tools_config\": [\"plain\"]}",
                                                    &options, id, NULL),
                     0);
    json_object *theirs = delegate_info_of(inner, id), *ours = delegate_info_of(outer, id);
    for (size_t i = 0; i < COUNT(keys); i++) {
        assert_string_equal(support_text(ours, keys[i], NULL), support_text(theirs, keys[i], NULL));
    }
    assert_string_equal(support_text(ours, "type", NULL), "null");
    assert_string_equal(support_text(theirs, "metadata", "owner", NULL), "the front");
    assert_string_equal(support_text(ours, "metadata", "owner", NULL), "alice");
    assert_string_equal(support_text(ours, "metadata", "remote_owner", NULL), "the front");
    assert_string_equal(support_text(ours, "metadata", "enforced", NULL),
                        support_text(theirs, "metadata", "enforced", NULL));
    json_object_put(theirs);
    json_object_put(ours);
    assert_int_equal(enclave_manager_get_sandbox_tools(inner, id, &direct, NULL), 0);
    assert_int_equal(enclave_manager_get_sandbox_tools(outer, id, &text, NULL), 0);
    json_object *a = support_json(text), *b = support_json(direct);
    assert_true(json_object_equal(a, b));
    json_object_put(a);
    json_object_put(b);
}

static void test_list(void **state)
{
    (void)state;
    char id[ENCLAVE_ID_SIZE], *text = NULL;
    delegate_sandbox(outer, "a", id);
    delegate_sandbox(outer, "b", id);
    delegate_sandbox(inner, "c", id);
    assert_int_equal(enclave_manager_stop_sandbox(outer, "b", NULL), 0);
    assert_int_equal(delegate_list_length(outer, 0), 3); /* each once */
    assert_int_equal(delegate_list_length(outer, ENCLAVE_STATUS_RUNNING), 2);
    assert_int_equal(delegate_list_length(outer, ENCLAVE_STATUS_STOPPED), 1);
    assert_int_equal(delegate_list_length(outer, ENCLAVE_STATUS_IDLE), 0);
    assert_int_equal(enclave_manager_list_sandboxes(outer, ENCLAVE_STATUS_STOPPED, &text, NULL), 0);
    assert_contains(text, "\"id\":\"b\"");
    assert_contains(text, "\"remote_owner\":\"the front\"");
    enclave_free(text);
}

static void test_stats(void **state)
{
    (void)state;
    char id[ENCLAVE_ID_SIZE], *text = NULL;
    delegate_sandbox(outer, NULL, id);
    enclave_result_free(support_run(outer, id, SAY_A, NULL));
    (void)enclave_manager_execute_tool(outer, id, "none", "{}", NULL,
                                       &(struct enclave_result *){NULL}, NULL);
    assert_int_equal(enclave_manager_get_stats(outer, &text, NULL), 0);
    json_object *stats = support_json(text);
    assert_string_equal(support_text(stats, "manager_type", NULL), "http");
    assert_int_equal(support_number(stats, "executions"), 2);
    assert_int_equal(support_number(stats, "created"), 1);
    assert_string_equal(support_text(stats, "remote", "manager_type", NULL), "local");
    assert_string_equal(support_text(stats, "remote", "created", NULL), "1");
    /* Its tools are not loaded here. */
    assert_string_equal(support_text(stats, "executions_by_tool", "elsewhere", "exited", NULL),
                        "1");
    json_object_put(stats);
    atomic_store(&there.fails, ENCLAVE_EUNREACHABLE);
    assert_int_equal(enclave_manager_get_stats(outer, &text, NULL), 0);
    assert_null(strstr(text, "\"remote\""));
    enclave_free(text);
    atomic_store(&there.fails, 0);
}

static void test_keep_alive(void **state)
{
    (void)state;
    struct enclave_error here = ENCLAVE_ERROR_INIT, direct = ENCLAVE_ERROR_INIT;
    char id[ENCLAVE_ID_SIZE];
    delegate_sandbox(outer, NULL, id);
    assert_int_equal(enclave_manager_keep_alive(outer, id, 100, &here), 0);
    assert_int_equal(enclave_manager_keep_alive(inner, id, -1, &direct), ENCLAVE_EINVALID);
    assert_int_equal(enclave_manager_keep_alive(outer, id, -1, &here), ENCLAVE_EINVALID);
    assert_string_equal(here.message, direct.message);
    assert_int_equal(enclave_manager_keep_alive(inner, "nobody", 1, &direct), ENCLAVE_ENOTFOUND);
    assert_int_equal(enclave_manager_keep_alive(outer, "nobody", 1, &here), ENCLAVE_ENOTFOUND);
    assert_string_equal(here.message, direct.message);
}

/* ---------------------------------------------------------------------------- what cannot be asked */

static void test_a_line_that_is_cut(void **state)
{
    (void)state;
    static const int32_t codes[] = {ENCLAVE_ELOST, ENCLAVE_EUNREACHABLE, ENCLAVE_EUNAUTHORIZED};
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char id[ENCLAVE_ID_SIZE], other[ENCLAVE_ID_SIZE], *text = NULL;
    struct enclave_result *result = NULL;
    delegate_sandbox(outer, NULL, id);
    for (size_t i = 0; i < COUNT(codes); i++) {
        atomic_store(&there.fails, codes[i]);
#define FAILS(call)                                                                                \
    assert_int_equal(call, codes[i]);                                                              \
    assert_int_equal(err.code, codes[i]);                                                          \
    assert_string_equal(err.message, "ask elsewhere: the line is cut")
        FAILS(enclave_manager_execute_tool(outer, id, "run", SAY_A, NULL, &result, &err));
        FAILS(enclave_manager_execute_tool(outer, "unknown", "run", SAY_A, NULL, &result, &err));
        FAILS(enclave_manager_create_sandbox(outer, NULL, NULL, NULL, other, &err));
        FAILS(enclave_manager_get_sandbox_info(outer, id, &text, &err));
        FAILS(enclave_manager_get_sandbox_tools(outer, id, &text, &err));
        FAILS(enclave_manager_list_sandboxes(outer, 0, &text, &err));
        FAILS(enclave_manager_stop_sandbox(outer, id, &err));
        FAILS(enclave_manager_keep_alive(outer, id, 5, &err));
        FAILS(enclave_manager_sweep(outer, &text, &err));
        FAILS(enclave_manager_put_file(outer, id, "f", "a", 1, 0, &err));
#undef FAILS
        assert_int_equal(delegate_entries(), 1); /* also tells that the stats are to be had */
    }
    atomic_store(&there.fails, 0);
    enclave_result_free(support_run(outer, id, SAY_A, NULL)); /* nothing of it has stayed */
    /* What could not be deleted is found again by its id. */
    atomic_store(&there.fails, ENCLAVE_EUNREACHABLE);
    assert_int_equal(enclave_manager_delete_sandbox(outer, id, &err), ENCLAVE_EUNREACHABLE);
    assert_string_equal(err.message, "ask elsewhere: the line is cut");
    atomic_store(&there.fails, 0);
    assert_int_equal(enclave_manager_delete_sandbox(outer, id, &err), 0);
    assert_false(delegate_has_sandbox(inner, id));
}

static void test_nonsense(void **state)
{
    (void)state;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char id[ENCLAVE_ID_SIZE], *text = NULL;
    delegate_sandbox(outer, NULL, id);
    atomic_store(&there.talks, 1);
    assert_int_equal(enclave_manager_get_sandbox_info(outer, id, &text, &err), ENCLAVE_EPROTOCOL);
    assert_error(err, ENCLAVE_EPROTOCOL, "info: backend 'elsewhere' gave no JSON object");
    assert_int_equal(enclave_manager_get_sandbox_tools(outer, id, &text, &err), ENCLAVE_EPROTOCOL);
    assert_int_equal(enclave_manager_list_sandboxes(outer, 0, &text, &err), ENCLAVE_EPROTOCOL);
    assert_error(err, ENCLAVE_EPROTOCOL, "list: backend 'elsewhere' gave no JSON array");
    assert_int_equal(enclave_manager_sweep(outer, &text, &err), ENCLAVE_EPROTOCOL);
    assert_int_equal(delegate_entries(), 1);
    atomic_store(&there.talks, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DELEGATE_TEST(test_info),
        DELEGATE_TEST(test_list),
        DELEGATE_TEST(test_stats),
        DELEGATE_TEST(test_keep_alive),
        DELEGATE_TEST(test_a_line_that_is_cut),
        DELEGATE_TEST(test_nonsense),
    };
    return cmocka_run_group_tests_name("delegate_info", tests, NULL, NULL);
}
