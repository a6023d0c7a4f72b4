/*
 * output.c - output that is more than is kept: counted, cut, and never in the manager's memory.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEPT = 1 << 20 };

static void test_a_flood_is_counted_and_cut(void **state)
{
    struct fixture *f = *state;
    int64_t megabytes = test_count(10240, 300);
    struct footprint before = footprint_now(), after;
    struct enclave_result *result;
    char code[256];

    (void)snprintf(
        code, sizeof code,
        "import os\nx = b'0123456789abcde\\n' * 65536\nfor i in range(%lld):\n    n = 0\n"
        "    while n < len(x): n += os.write(1, x[n:])\n",
        (long long)megabytes);
    result = run_python_for(f->manager, f->id, code, 0);
    after = footprint_now();
    printf("%lld MB printed in %lld ms; resident memory %+ld KiB\n", (long long)megabytes,
           (long long)result->wall_us / 1000, after.rss_kib - before.rss_kib);
    assert_int_equal(result->cause, ENCLAVE_CAUSE_EXITED);
    assert_int_equal(result->status, ENCLAVE_RESULT_SUCCESS);
    assert_int_equal(result->truncated, 1);
    assert_int_equal(result->output_length, KEPT);
    assert_int_equal(result->stdout_bytes, megabytes << 20);
    assert_int_equal(metadata_number(result, "stdout_bytes"), megabytes << 20);
    assert_memory_equal(result->output, "0123456789abcde\n", 16);
    assert_memory_equal(result->output + KEPT - 16, "0123456789abcde\n", 16);
    assert_true(after.rss_kib - before.rss_kib < 16 * 1024 || test_is_sanitized());
    enclave_result_free(result);
    expect_alive(f->manager, f->id);
}

static void test_a_flood_without_a_newline_on_stderr(void **state)
{
    struct fixture *f = *state;
    struct enclave_result *result =
        run_shell(f->manager, f->id, "head -c 20000000 /dev/zero | tr '\\0' x >&2");

    assert_int_equal(result->cause, ENCLAVE_CAUSE_EXITED);
    assert_int_equal(result->truncated, 1);
    assert_int_equal(result->stderr_bytes, 20000000);
    assert_int_equal(result->error_length, KEPT);
    assert_int_equal(result->stdout_bytes, 0);
    enclave_result_free(result);
}

/* A flood into a timeout: the writer must be killable while nobody takes its output. */
static void test_a_flood_ends_at_its_time(void **state)
{
    struct fixture *f = *state;
    char *params = params_for("command", "yes", 1);
    struct enclave_result *result = run_tool(f->manager, f->id, "shell_executor", params);

    assert_int_equal(result->cause, ENCLAVE_CAUSE_TIMEOUT);
    assert_int_equal(result->truncated, 1);
    assert_int_equal(result->output_length, KEPT);
    assert_true(result->wall_us < 3000000 || test_is_sanitized());
    enclave_result_free(result);
    free(params);
    expect_alive(f->manager, f->id);
}

static void test_a_limit_may_kill(void **state)
{
    struct fixture *f = *state;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_result *result;
    char id[ENCLAVE_ID_SIZE];
    int32_t r = enclave_manager_create_sandbox(
        f->manager, NULL,
        "{\"tools_config\": {\"shell_executor\": {\"max_output_size\": 1000, "
        "\"on_output_limit\": \"kill\"}}}",
        NULL, id, &err);

    if (r != 0) {
        fail_msg("%s", err.message);
    }
    result = run_shell(f->manager, id, "yes");
    assert_int_equal(result->cause, ENCLAVE_CAUSE_OUTPUT_LIMIT);
    assert_int_equal(result->status, ENCLAVE_RESULT_ERROR);
    assert_int_equal(result->truncated, 1);
    assert_int_equal(result->output_length, 1000);
    enclave_result_free(result);
    result = run_shell(f->manager, id, "head -c 1000 /dev/zero"); /* just as much as allowed */
    assert_int_equal(result->cause, ENCLAVE_CAUSE_EXITED);
    assert_int_equal(result->truncated, 0);
    enclave_result_free(result);
    delete_sandbox(f->manager, id);
}

static void test_what_is_not_text_is_kept(void **state)
{
    struct fixture *f = *state;
    struct enclave_result *result =
        run_shell(f->manager, f->id, "printf 'a\\377\\000b'; printf '\\303\\244' >&2");
    json_object *metadata = json_tokener_parse(result->metadata), *bytes = NULL;
    char *text = NULL;
    struct enclave_error err = ENCLAVE_ERROR_INIT;

    assert_int_equal(result->stdout_bytes, 4);
    assert_int_equal(result->output_length, 6);
    assert_memory_equal(result->output, "a\xef\xbf\xbd\0b", 7);
    assert_string_equal(result->error, "\xc3\xa4");
    assert_true(json_object_object_get_ex(metadata, "output_base64", &bytes));
    assert_string_equal(json_object_get_string(bytes), "Yf8AYg==");
    assert_false(json_object_object_get_ex(metadata, "error_base64", NULL));
    assert_int_equal(enclave_result_json(result, &text, &err), 0);
    assert_non_null(strstr(text, "\\u0000b"));
    enclave_free(text);
    json_object_put(metadata);
    enclave_result_free(result);
}

/* Cut in the middle of a character: what is shown stays UTF-8. */
static void test_a_cut_keeps_characters_whole(void **state)
{
    struct fixture *f = *state;
    struct enclave_result *result =
        run_python(f->manager, f->id, "print('x' + '\\u00e4' * 1000000, end='')");

    assert_int_equal(result->truncated, 1);
    assert_int_equal(result->stdout_bytes, 2000001);
    assert_true(result->output_length >= KEPT - 1 && result->output_length <= KEPT + 2);
    assert_memory_equal(result->output, "x\xc3\xa4", 3);
    enclave_result_free(result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_flood_is_counted_and_cut),
        cmocka_unit_test(test_a_flood_without_a_newline_on_stderr),
        cmocka_unit_test(test_a_flood_ends_at_its_time),
        cmocka_unit_test(test_a_limit_may_kill),
        cmocka_unit_test(test_what_is_not_text_is_kept),
        cmocka_unit_test(test_a_cut_keeps_characters_whole),
    };
    int skip = test_setup();

    return skip ? skip : cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
