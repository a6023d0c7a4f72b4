/*
 * test_delegate_execute.c - executions and files in sandboxes of another manager: what comes of them
 * is what comes of them there, errors included.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "delegate_support.h"

#include <string.h>
#include <time.h>

/* -------------------------------------------------------------------------------------- executing */

/* All that does not differ from one run to the next. */
static void same_result(const char *id, const char *params)
{
    static const char *const keys[] = {"status", "cause",     "exit_code",
                                       "signal", "truncated", "execution_id",
                                       "output", "error",     "tool_name"};
    static const char *const told[] = {"stdout_bytes", "stderr_bytes", "output_base64",
                                       "error_base64", "told",         "oom_kills"};
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
    struct enclave_manager *both[] = {inner, outer};
    json_object *seen[2];
    options.execution_id = "x-1";
    options.timeout_ms = 300;
    for (size_t i = 0; i < 2; i++) {
        char *text = NULL;
        struct enclave_result *result = support_run(both[i], id, params, &options);
        assert_int_equal(enclave_result_json(result, &text, NULL), 0);
        seen[i] = support_json(text);
        enclave_result_free(result);
    }
    for (size_t i = 0; i < COUNT(keys); i++) {
        assert_string_equal(support_text(seen[1], keys[i], NULL),
                            support_text(seen[0], keys[i], NULL));
    }
    for (size_t i = 0; i < COUNT(told); i++) {
        assert_string_equal(support_text(seen[1], "metadata", told[i], NULL),
                            support_text(seen[0], "metadata", told[i], NULL));
    }
    json_object_put(seen[0]);
    json_object_put(seen[1]);
}

static void test_results(void **state)
{
    (void)state;
    char id[ENCLAVE_ID_SIZE];
    delegate_sandbox(outer, NULL, id);
    same_result(id, SAY_A);
    same_result(id, "{\"argv\": [\"out\", \"a\", \"err\", \"b\", \"exit\", \"3\"]}");
    same_result(id, "{\"argv\": [\"signal\", \"11\"]}");
    same_result(id, "{\"argv\": [\"oom\"]}");
    same_result(id, "{\"argv\": [\"lost\"]}");
    same_result(id, "{\"argv\": [\"flood\", \"3000000\"]}");
    same_result(id, "{\"argv\": [\"missing\"]}");
    same_result(id, HANG);
    same_result(id, "{\"output\": \"o\", \"error\": \"e\", \"metadata\": \"7\"}");
    same_result(id, "{}");
}

static void same_failure(const char *id, const char *tool, const char *params, int32_t code)
{
    struct enclave_error here = ENCLAVE_ERROR_INIT, direct = ENCLAVE_ERROR_INIT;
    struct enclave_result *result = NULL;
    assert_int_equal(enclave_manager_execute_tool(inner, id, tool, params, NULL, &result, &direct),
                     code);
    assert_int_equal(enclave_manager_execute_tool(outer, id, tool, params, NULL, &result, &here),
                     code);
    assert_int_equal(here.code, code);
    assert_string_equal(here.message, direct.message);
    assert_null(result);
}

static void test_failures(void **state)
{
    (void)state;
    char id[ENCLAVE_ID_SIZE];
    delegate_sandbox(outer, NULL, id);
    same_failure(id, "run", "{", ENCLAVE_EINVALID);
    same_failure(id, "run", "[]", ENCLAVE_EINVALID);
    same_failure(id, "run", "{\"colour\": \"blue\"}", ENCLAVE_EINVALID);
    same_failure(id, "run", "{\"argv\": [\"refuse\"]}", ENCLAVE_ELOST);
    same_failure(id, "none", "{}", ENCLAVE_ENOTFOUND);
    same_failure("nobody", "run", "{}", ENCLAVE_ENOTFOUND);
    same_failure("No Id", "run", "{}", ENCLAVE_ENOTFOUND);
    assert_int_equal(delegate_entries(),
                     1); /* a tool that is not there is no sandbox that is not */
    assert_int_equal(enclave_manager_stop_sandbox(outer, id, NULL), 0);
    same_failure(id, "run", "{}", ENCLAVE_ESTATE);
    assert_int_equal(enclave_manager_delete_sandbox(outer, id, NULL), 0);
    same_failure(id, "run", "{}", ENCLAVE_ENOTFOUND);

    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
    struct enclave_error here = ENCLAVE_ERROR_INIT, direct = ENCLAVE_ERROR_INIT;
    struct enclave_result *result = NULL;
    char long_id[200];
    memset(long_id, 'a', sizeof long_id - 1);
    long_id[sizeof long_id - 1] = '\0';
    options.execution_id = long_id;
    delegate_sandbox(outer, NULL, id);
    assert_int_equal(
        enclave_manager_execute_tool(inner, id, "run", "{}", &options, &result, &direct),
        ENCLAVE_EINVALID);
    assert_int_equal(enclave_manager_execute_tool(outer, id, "run", "{}", &options, &result, &here),
                     ENCLAVE_EINVALID);
    assert_string_equal(here.message, direct.message);
}

struct seen {
    char text[64];
    size_t length;
    int calls;
    struct enclave_cancel *cancel;
    int give_up;
};

static int32_t see(void *ctx, uint32_t stream, const void *data, uint64_t length)
{
    struct seen *seen = ctx;
    assert_int_equal(stream, 1);
    if (seen->length + length < sizeof seen->text) {
        memcpy(seen->text + seen->length, data, length);
        seen->length += length;
    }
    seen->calls++;
    if (seen->cancel) {
        enclave_cancel_trigger(seen->cancel);
    }
    return seen->give_up;
}

static void test_streams(void **state)
{
    (void)state;
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
    struct seen seen = {.length = 0};
    char id[ENCLAVE_ID_SIZE];
    delegate_sandbox(outer, NULL, id);
    options.output = see;
    options.output_ctx = &seen;
    options.stdin_data = "from stdin";
    options.stdin_length = 10;
    struct enclave_result *result = support_run(outer, id, "{\"argv\": [\"cat\"]}", &options);
    assert_string_equal(result->output, "from stdin");
    assert_memory_equal(seen.text, "from stdin", 10);
    assert_int_equal(strlen(result->execution_id), 16);
    enclave_result_free(result);

    options.stdin_data = NULL;
    seen = (struct seen){.give_up = 1};
    result = support_run(outer, id, HANG, &options);
    assert_int_equal(result->cause, ENCLAVE_CAUSE_CANCELLED);
    assert_int_equal(result->status, ENCLAVE_RESULT_CANCELLED);
    enclave_result_free(result);

    seen = (struct seen){.give_up = 0};
    assert_int_equal(enclave_cancel_new(&seen.cancel, NULL), 0);
    options.cancel = seen.cancel;
    result = support_run(outer, id, HANG, &options);
    assert_int_equal(result->cause, ENCLAVE_CAUSE_CANCELLED);
    enclave_result_free(result);
    enclave_cancel_free(seen.cancel);
}

static void test_submitted(void **state)
{
    (void)state;
    struct enclave_completion done = ENCLAVE_COMPLETION_INIT;
    char id[ENCLAVE_ID_SIZE];
    uint64_t ticket = 0;
    int user = 5;
    delegate_sandbox(inner, NULL, id); /* not made by us */
    assert_int_equal(enclave_manager_submit(outer, id, "run", HANG, NULL, &user, &ticket, NULL), 0);
    assert_int_equal(enclave_manager_cancel_ticket(outer, ticket, NULL), 0);
    while (enclave_manager_next_completion(outer, &done, NULL) != 0) {
        struct timespec pause = {0, 1000000};
        (void)nanosleep(&pause, NULL);
    }
    assert_ptr_equal(done.user_data, &user);
    assert_true(done.code == ENCLAVE_ECANCELLED ||
                (done.result && done.result->cause == ENCLAVE_CAUSE_CANCELLED));
    enclave_result_free(done.result);
    assert_int_equal(enclave_manager_submit(outer, "nobody", "run", NULL, NULL, NULL, NULL, NULL),
                     ENCLAVE_ENOTFOUND);
}

/* ------------------------------------------------------------------------------------------ files */

static int32_t gather(void *ctx, const void *data, uint64_t length)
{
    struct seen *seen = ctx;
    return see(seen, 1, data, length);
}

static void test_files(void **state)
{
    (void)state;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct seen seen = {.length = 0};
    struct enclave_sink sink = {sizeof sink, 0, &seen, gather};
    char id[ENCLAVE_ID_SIZE];
    void *data = NULL;
    uint64_t length = 0;
    delegate_sandbox(outer, NULL, id);
    assert_int_equal(enclave_manager_get_file(outer, id, "f", 0, &data, &length, &err),
                     ENCLAVE_ENOTFOUND);
    assert_error(err, ENCLAVE_ENOTFOUND, "nothing was put here");
    assert_int_equal(delegate_entries(), 1);
    assert_int_equal(enclave_manager_put_file(outer, id, "f", "abc", 3, 0, &err), 0);
    assert_int_equal(enclave_manager_get_file(inner, id, "f", 0, &data, &length, &err), 0);
    assert_string_equal(data, "abc");
    enclave_free(data);
    assert_int_equal(enclave_manager_get_file(outer, id, "f", 0, &data, &length, &err), 0);
    assert_string_equal(data, "abc");
    assert_int_equal(length, 3);
    enclave_free(data);
    assert_int_equal(enclave_manager_get_archive(outer, id, "f", &sink, &err), ENCLAVE_ENOTFOUND);
    assert_int_equal(enclave_manager_put_dir(outer, id, ENCLAVE_TEST_FIXTURES "/..", "/x", &err),
                     0);
    assert_int_equal(enclave_manager_get_archive(outer, id, "f", &sink, &err), 0);
    assert_true(seen.calls > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DELEGATE_TEST(test_results),   DELEGATE_TEST(test_failures), DELEGATE_TEST(test_streams),
        DELEGATE_TEST(test_submitted), DELEGATE_TEST(test_files),
    };
    return cmocka_run_group_tests_name("delegate_execute", tests, NULL, NULL);
}
