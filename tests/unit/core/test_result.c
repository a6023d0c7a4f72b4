/*
 * test_result.c - results: text of any bytes, states, JSON.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support.h"

#include "result.h"

#include <string.h>

static struct enclave_result *make(const char *output, size_t length, const char *error,
                                   struct enclave_outcome outcome)
{
    struct buffer out = {.data = (char *)(uintptr_t)output, .length = length};
    struct buffer err = {.data = (char *)(uintptr_t)error, .length = error ? strlen(error) : 0};
    struct result_facts facts = {
        .tool_name = "t", .execution_id = "e", .output = &out, .error = &err, .outcome = outcome};
    struct enclave_result *result = NULL;
    assert_int_equal(result_make(&facts, &result, NULL), 0);
    return result;
}

static void test_bytes(void **state)
{
    (void)state;
    struct enclave_outcome fine = {.cause = ENCLAVE_CAUSE_EXITED};
    struct enclave_result *result = make("a\0b", 3, NULL, fine);
    assert_int_equal(result->output_length, 3);
    assert_memory_equal(result->output, "a\0b", 4);
    assert_null(result->error);
    assert_null(strstr(result->metadata, "base64"));
    enclave_result_free(result);

    result = make("a\xff", 2, "\xfe", fine);
    assert_string_equal(result->output, "a\xef\xbf\xbd");
    assert_string_equal(result->error, "\xef\xbf\xbd");
    assert_contains(result->metadata, "\"output_base64\":\"Yf8=\"");
    assert_contains(result->metadata, "\"error_base64\":\"/g==\"");
    enclave_result_free(result);

    result = make(NULL, 0, NULL, fine);
    assert_string_equal(result->output, "");
    enclave_result_free(result);
}

static void test_status_and_json(void **state)
{
    (void)state;
    static const struct {
        struct enclave_outcome outcome;
        const char *status, *cause, *exit_code, *signal;
    } rows[] = {
        {{.cause = ENCLAVE_CAUSE_EXITED}, "success", "exited", "0", ""},
        {{.cause = ENCLAVE_CAUSE_EXITED, .exit_code = 2}, "error", "exited", "2", ""},
        {{.cause = ENCLAVE_CAUSE_EXITED, .exit_code = -1}, "success", "exited", "", ""},
        {{.cause = ENCLAVE_CAUSE_SIGNALED, .exit_code = -1, .signal = 9},
         "error",
         "signaled",
         "",
         "9"},
        {{.cause = ENCLAVE_CAUSE_TIMEOUT, .exit_code = -1}, "timeout", "timeout", "", ""},
        {{.cause = ENCLAVE_CAUSE_CANCELLED, .exit_code = -1}, "cancelled", "cancelled", "", ""},
        {{.cause = ENCLAVE_CAUSE_OOM, .exit_code = -1, .signal = 9}, "error", "oom", "", "9"},
        {{.cause = ENCLAVE_CAUSE_OUTPUT_LIMIT, .exit_code = -1}, "error", "output_limit", "", ""},
        {{.cause = ENCLAVE_CAUSE_BACKEND_LOST, .exit_code = -1}, "error", "backend_lost", "", ""},
    };
    static const char *const keys[] = {"status",       "cause",     "exit_code",      "signal",
                                       "truncated",    "timestamp", "execution_time", "tool_name",
                                       "execution_id", "output",    "error",          "metadata"};
    for (size_t i = 0; i < COUNT(rows); i++) {
        char *text = NULL;
        struct enclave_result *result = make("x\0y", 3, NULL, rows[i].outcome);
        assert_int_equal(enclave_result_json(result, &text, NULL), 0);
        assert_null(strchr(text, '\n'));
        json_object *json = support_json(text);
        assert_int_equal(json_object_object_length(json), COUNT(keys));
        for (size_t k = 0; k < COUNT(keys); k++) {
            assert_true(json_object_object_get_ex(json, keys[k], NULL));
        }
        assert_string_equal(support_text(json, "status", NULL), rows[i].status);
        assert_string_equal(support_text(json, "cause", NULL), rows[i].cause);
        assert_string_equal(support_text(json, "exit_code", NULL), rows[i].exit_code);
        assert_string_equal(support_text(json, "signal", NULL), rows[i].signal);
        assert_int_equal(json_object_get_string_len(json_object_object_get(json, "output")), 3);
        json_object_put(json);
        enclave_result_free(result);
    }
}

static struct enclave_result *taken(const char *output, size_t length, const char *error,
                                    const char *metadata)
{
    struct enclave_tool_result told = {
        .size = sizeof told,
        .status = ENCLAVE_RESULT_ERROR,
        .cause = ENCLAVE_CAUSE_EXITED,
        .exit_code = 3,
        .output = output,
        .output_length = length,
        .error = error,
        .error_length = error ? strlen(error) : 0,
        .metadata = metadata,
        .stdout_bytes = 77,
    };
    struct enclave_result *result = NULL;
    assert_int_equal(result_take("t", "e", &told, &result, NULL), 0);
    assert_int_equal(result->status, ENCLAVE_RESULT_ERROR);
    assert_int_equal(result->exit_code, 3);
    assert_int_equal(result->stdout_bytes, 77);
    assert_string_equal(result->tool_name, "t");
    assert_string_equal(result->execution_id, "e");
    return result;
}

/* What another manager tells is not told twice. */
static void test_of_another_manager(void **state)
{
    (void)state;
    struct enclave_result *result = taken("a\0b", 3, NULL, "{\"cpu_time\":0.000123,\"x\":[1]}");
    assert_memory_equal(result->output, "a\0b", 4);
    assert_int_equal(result->output_length, 3);
    assert_null(result->error);
    assert_string_equal(result->metadata, "{\"cpu_time\":0.000123,\"x\":[1]}");
    enclave_result_free(result);

    result = taken(NULL, 0, "", NULL);
    assert_string_equal(result->output, "");
    assert_string_equal(result->error, "");
    assert_string_equal(result->metadata, "{}");
    enclave_result_free(result);

    /* It has shown the bytes as we would. */
    result = taken("a\xef\xbf\xbd", 4, NULL, "{\"output_base64\":\"Yf8=\"}");
    assert_string_equal(result->output, "a\xef\xbf\xbd");
    assert_string_equal(result->metadata, "{\"output_base64\":\"Yf8=\"}");
    enclave_result_free(result);

    result = taken("a\xff", 2, "\xfe", "{\"output_base64\":\"Yf8=\",\"x\":1}");
    assert_string_equal(result->output, "a\xef\xbf\xbd");
    assert_string_equal(result->error, "\xef\xbf\xbd");
    assert_string_equal(result->metadata,
                        "{\"x\":1,\"output_base64\":\"Yf8=\",\"error_base64\":\"/g==\"}");
    enclave_result_free(result);

    result = taken("\xff", 1, NULL, "no JSON");
    assert_string_equal(result->metadata, "{\"output_base64\":\"/w==\"}");
    enclave_result_free(result);

    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_tool_result endless = {.output = "", .output_length = UINT64_MAX};
    assert_int_equal(result_take("t", "e", &endless, &result, &err), ENCLAVE_EPROTOCOL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_bytes),
                                       cmocka_unit_test(test_of_another_manager),
                                       cmocka_unit_test(test_status_and_json)};
    return cmocka_run_group_tests_name("result", tests, NULL, NULL);
}
