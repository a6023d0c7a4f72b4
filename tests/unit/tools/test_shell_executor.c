/*
 * test_shell_executor.c - what shell_executor asks the host to run.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fake_host.h"

#include <stdlib.h>
#include <string.h>

static void assert_argv(const struct fake *fake, const char *const *expected)
{
    assert_int_equal(fake->call.runs, 1);
    for (int i = 0; i < fake->call.argc; i++) {
        assert_non_null(expected[i]);
        assert_string_equal(fake->call.argv[i], expected[i]);
    }
    assert_null(expected[fake->call.argc]);
}

#define ASSERT_ARGV(fake, ...) assert_argv(fake, (const char *const[]){__VA_ARGS__, NULL})

static void test_schema(void **state)
{
    fake_assert_schema(*state, (const char *const[]){"command", NULL});
}

static void test_string_goes_to_the_shell(void **state)
{
    struct fake *fake = *state;

    assert_int_equal(fake_open(fake, "{\"shell_path\": \"/bin/sh\"}"), 0);
    assert_int_equal(fake_execute(fake, "{\"command\": \"echo 'a b' | wc\", \"timeout\": 5}"), 0);
    ASSERT_ARGV(fake, "/bin/sh", "-c", "echo 'a b' | wc");
    assert_int_equal(fake->call.timeout_ms, ENCLAVE_TIMEOUT_DEFAULT);
    assert_int_equal(fake->call.max_output, 0);
    assert_int_equal(fake->call.flags, 0);
    assert_null(fake->call.error);
}

static void test_array_is_executed_as_it_is(void **state)
{
    struct fake *fake = *state;

    assert_int_equal(fake_open(fake, "{}"), 0);
    assert_int_equal(fake_execute(fake, "{\"command\": [\"echo\", \"$HOME; ls\", \"\"]}"), 0);
    ASSERT_ARGV(fake, "echo", "$HOME; ls", "");
}

static void test_line_that_looks_like_an_option(void **state)
{
    struct fake *fake = *state;

    assert_int_equal(fake_open(fake, "{}"), 0);
    assert_int_equal(fake_execute(fake, "{\"command\": \"-x\"}"), 0);
    ASSERT_ARGV(fake, "/bin/sh", "-c", "--", "-x");
}

static void test_options_reach_the_command(void **state)
{
    struct fake *fake = *state;

    assert_int_equal(fake_open(fake, "{\"shell_path\": \"bash\", \"max_output_size\": 4096,"
                                     " \"on_output_limit\": \"kill\"}"),
                     0);
    assert_int_equal(fake_execute(fake, "{\"command\": \"ls\"}"), 0);
    ASSERT_ARGV(fake, "bash", "-c", "ls");
    assert_int_equal(fake->call.max_output, 4096);
    assert_int_equal(fake->call.flags, ENCLAVE_COMMAND_KILL_ON_LIMIT);
}

static void test_long_line_becomes_a_script(void **state)
{
    struct fake *fake = *state;
    size_t length = (size_t)200 * 1024;
    char *params = malloc(length + 32);
    char *end = stpcpy(params, "{\"command\": \"");

    memset(end, ':', length);
    strcpy(end + length, "\"}");
    assert_int_equal(fake_open(fake, "{}"), 0);
    assert_int_equal(fake_execute(fake, params), 0);
    ASSERT_ARGV(fake, "/bin/sh", "script.sh");
    assert_int_equal(fake->call.script_index, 1);
    assert_string_equal(fake->call.script_name, "script.sh");
    assert_int_equal(fake->call.script_length, length);
    assert_memory_equal(fake->call.script, end, length);
    free(params);
}

static void test_nothing_to_run(void **state)
{
    struct fake *fake = *state;
    static const char *const empty[] = {"{\"command\": \"\"}", "{\"command\": \" \\n\"}",
                                        "{\"command\": []}", "{\"command\": [\"\"]}"};

    assert_int_equal(fake_open(fake, "{}"), 0);
    for (size_t i = 0; i < sizeof empty / sizeof *empty; i++) {
        assert_int_equal(fake_execute(fake, empty[i]), 0);
        assert_string_equal(fake->call.error, "No command provided");
        assert_int_equal(fake->call.runs, 0);
    }
}

static void test_nul_is_refused(void **state)
{
    struct fake *fake = *state;

    assert_int_equal(fake_open(fake, "{}"), 0);
    assert_int_equal(fake_execute(fake, "{\"command\": \"ls\\u0000x\"}"), ENCLAVE_EINVALID);
    assert_int_equal(fake_execute(fake, "{\"command\": [\"ls\", \"a\\u0000b\"]}"),
                     ENCLAVE_EINVALID);
    assert_int_equal(fake->call.runs, 0);
}

static void assert_refused(struct fake *fake, const char *params)
{
    assert_int_equal(fake_execute(fake, params), 0);
    assert_int_equal(fake->call.runs, 0);
    assert_non_null(strstr(fake->call.error, "allowed_commands"));
}

static void test_allowed_commands(void **state)
{
    struct fake *fake = *state;

    assert_int_equal(fake_open(fake, "{\"allowed_commands\": [\"ls\", \"/usr/bin/wc\"]}"), 0);
    assert_int_equal(fake_execute(fake, "{\"command\": [\"ls\", \"-l\"]}"), 0);
    ASSERT_ARGV(fake, "ls", "-l");
    assert_int_equal(fake_execute(fake, "{\"command\": [\"/usr/bin/wc\"]}"), 0);
    ASSERT_ARGV(fake, "/usr/bin/wc");
    assert_refused(fake, "{\"command\": [\"rm\", \"x\"]}");
    assert_refused(fake, "{\"command\": [\"/tmp/ls\"]}");
    assert_refused(fake, "{\"command\": [\"wc\"]}");
    assert_refused(fake, "{\"command\": \"ls\"}");
}

static void test_blocked_commands(void **state)
{
    struct fake *fake = *state;

    assert_int_equal(fake_open(fake, "{\"blocked_commands\": [\"rm\"]}"), 0);
    assert_int_equal(fake_execute(fake, "{\"command\": [\"ls\"]}"), 0);
    ASSERT_ARGV(fake, "ls");
    assert_refused(fake, "{\"command\": [\"rm\"]}");
    assert_refused(fake, "{\"command\": [\"/bin/rm\", \"x\"]}");
    assert_refused(fake, "{\"command\": \"rm x\"}");
}

static void test_bad_options(void **state)
{
    struct fake *fake = *state;

    fake_assert_open_refused(fake, "{\"on_output_limit\": \"drop\"}", "drop");
    fake_assert_open_refused(fake, "{\"shell_path\": \"\"}", "shell_path");
    fake_assert_open_refused(fake, "[]", "shell_executor");
}

static void test_failure_of_the_host_is_passed_on(void **state)
{
    struct fake *fake = *state;

    assert_int_equal(fake_open(fake, "{}"), 0);
    fake->call.code = ENCLAVE_ELOST;
    fake->call.message = "gone";
    assert_int_equal(fake_execute(fake, "{\"command\": [\"ls\"]}"), ENCLAVE_ELOST);
    assert_string_equal(fake->err.message, "gone");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_schema),
        TEST(test_string_goes_to_the_shell),
        TEST(test_array_is_executed_as_it_is),
        TEST(test_line_that_looks_like_an_option),
        TEST(test_options_reach_the_command),
        TEST(test_long_line_becomes_a_script),
        TEST(test_nothing_to_run),
        TEST(test_nul_is_refused),
        TEST(test_allowed_commands),
        TEST(test_blocked_commands),
        TEST(test_bad_options),
        TEST(test_failure_of_the_host_is_passed_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
