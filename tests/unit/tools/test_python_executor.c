/*
 * test_python_executor.c - what python_executor asks the host to run; and the module lists, whose
 * program is run by a real interpreter.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fake_host.h"

#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void test_schema(void **state)
{
    fake_assert_schema(*state, (const char *const[]){"code", NULL});
}

static void test_code_is_a_script(void **state)
{
    struct fake *fake = *state;

    assert_int_equal(fake_open(fake, "{}"), 0);
    assert_int_equal(fake_execute(fake, "{\"code\": \"print(40 + 2)\\n\", \"timeout\": 3}"), 0);
    assert_int_equal(fake->call.argc, 3);
    assert_string_equal(fake->call.argv[0], "python3");
    assert_string_equal(fake->call.argv[1], "-u");
    assert_int_equal(fake->call.script_index, 2);
    assert_string_equal(fake->call.script_name, "script.py");
    assert_string_equal(fake->call.script, "print(40 + 2)\n");
    assert_int_equal(fake->call.timeout_ms, ENCLAVE_TIMEOUT_DEFAULT);
    assert_int_equal(fake->call.flags, 0);
    assert_null(fake->call.error);
    assert_null(fake->call.output);
}

static void test_module_path(void **state)
{
    struct fake *fake = *state;

    assert_int_equal(fake_open(fake, "{}"), 0);
    assert_int_equal(fake_execute(fake, "{\"code\": \"1\"}"), 0);
    assert_string_equal(fake->call.env, "PYTHONPATH=/work");
    fake->call.config = "{\"env_vars\": {\"PYTHONPATH\": \"/opt/lib\"}}";
    assert_int_equal(fake_execute(fake, "{\"code\": \"1\"}"), 0);
    assert_string_equal(fake->call.env, "PYTHONPATH=/work:/opt/lib");
}

static void test_options_reach_the_command(void **state)
{
    struct fake *fake = *state;

    assert_int_equal(fake_open(fake, "{\"python_path\": \"/opt/py\", \"unbuffered\": false,"
                                     " \"max_output_size\": 10, \"on_output_limit\": \"kill\"}"),
                     0);
    assert_int_equal(fake_execute(fake, "{\"code\": \"a\\u0000b\"}"), 0);
    assert_int_equal(fake->call.argc, 2);
    assert_string_equal(fake->call.argv[0], "/opt/py");
    assert_int_equal(fake->call.script_index, 1);
    assert_int_equal(fake->call.script_length, 3);
    assert_int_equal(fake->call.max_output, 10);
    assert_int_equal(fake->call.flags, ENCLAVE_COMMAND_KILL_ON_LIMIT);
}

static void test_no_code(void **state)
{
    struct fake *fake = *state;

    assert_int_equal(fake_open(fake, "{}"), 0);
    assert_int_equal(fake_execute(fake, "{\"code\": \"\"}"), 0);
    assert_string_equal(fake->call.error, "No code provided");
    assert_int_equal(fake_execute(fake, "{\"code\": \" \\n\\t\"}"), 0);
    assert_string_equal(fake->call.error, "No code provided");
    assert_int_equal(fake->call.runs, 0);
}

static void test_bad_options(void **state)
{
    struct fake *fake = *state;

    fake_assert_open_refused(fake, "{\"on_output_limit\": \"\"}", "on_output_limit");
    fake_assert_open_refused(fake, "{\"python_path\": \"\"}", "python_path");
    fake_assert_open_refused(fake, "{\"blocked_modules\": [\"os\", \"a b\"]}", "a b");
    fake_assert_open_refused(fake, "{\"allowed_modules\": [\"a,b\"]}", "a,b");
    fake_assert_open_refused(fake, "{\"allowed_modules\": [\"\"]}", "allowed_modules");
    fake_assert_open_refused(fake, "{\"allowed_modules\": [1]}", "allowed_modules");
}

/* Run what the tool asked for with this machine's python3; `text` receives stdout and stderr. */
static int run_for_real(struct enclave_call *call, char *text, size_t size)
{
    char path[] = "/tmp/enclave-test-XXXXXX.py";
    int fd = mkstemps(path, 3);
    posix_spawn_file_actions_t actions;
    int ends[2];
    size_t length = 0;
    ssize_t n;
    int status = -1;
    pid_t pid;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, call->script, call->script_length), call->script_length);
    close(fd);
    free(call->argv[call->script_index]);
    call->argv[call->script_index] = strdup(path);
    assert_int_equal(pipe(ends), 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    if (posix_spawnp(&pid, call->argv[0], &actions, NULL, call->argv, environ) != 0) {
        unlink(path);
        skip();
    }
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    while (length + 1 < size && (n = read(ends[0], text + length, size - 1 - length)) > 0) {
        length += (size_t)n;
    }
    text[length] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    unlink(path);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void assert_script(struct fake *fake, const char *params, int exit_code, const char *part)
{
    char text[8192];
    int code;

    assert_int_equal(fake_execute(fake, params), 0);
    code = run_for_real(&fake->call, text, sizeof text);
    if (code != exit_code || !strstr(text, part)) {
        fail_msg("%s: exit code %d, expected %d and '%s' in: %s", params, code, exit_code, part,
                 text);
    }
}

static void test_blocked_modules(void **state)
{
    struct fake *fake = *state;

    assert_int_equal(fake_open(fake, "{\"blocked_modules\": [\"os\", \"xml.dom\"]}"), 0);
    assert_script(fake, "{\"code\": \"import os\"}", 1, "ImportError: module 'os' is blocked");
    assert_script(fake, "{\"code\": \"from os.path import join\"}", 1, "'os.path' is blocked");
    assert_script(fake, "{\"code\": \"from xml import dom\"}", 1, "'xml.dom' is blocked");
    assert_script(fake, "{\"code\": \"import xml.sax; print('fine')\"}", 0, "fine");
    assert_script(fake, "{\"code\": \"import tempfile; print(tempfile.gettempdir())\"}", 0, "/");
}

static void test_allowed_modules(void **state)
{
    struct fake *fake = *state;

    assert_int_equal(fake_open(fake, "{\"allowed_modules\": [\"json\", \"time\", \"xml.dom\"]}"),
                     0);
    assert_script(fake, "{\"code\": \"import json; print(json.dumps([42]))\"}", 0, "[42]");
    assert_script(fake, "{\"code\": \"from xml import dom; print('fine')\"}", 0, "fine");
    assert_script(fake, "{\"code\": \"import time; print(time.strptime('7', '%d')[2])\"}", 0, "7");
    assert_script(fake, "{\"code\": \"import math\"}", 1, "module 'math' is not allowed");
    assert_script(fake, "{\"code\": \"import sys\"}", 1, "module 'sys' is not allowed");
}

/* With a list set, a script otherwise finds what it would find without. */
static void test_lists_leave_the_script_alone(void **state)
{
    struct fake *fake = *state;

    assert_int_equal(fake_open(fake, "{\"blocked_modules\": [\"ctypes\"]}"), 0);
    assert_script(fake,
                  "{\"code\": \"import sys, pickle\\n"
                  "class A: pass\\n"
                  "a = pickle.loads(pickle.dumps(A()))\\n"
                  "print(type(a) is A, __name__, sys.argv == [__file__], "
                  "sys.path[0] == __file__.rpartition('/')[0], "
                  "[n for n in globals() if n in ('run', 'main', 'builtins')])\"}",
                  0, "True __main__ True True []");
    assert_script(fake, "{\"code\": \"import sys\\nsys.exit(7)\"}", 7, "");
    assert_script(fake, "{\"code\": \"\\n\\n1/0\"}", 1, "line 3, in <module>");
    assert_script(fake, "{\"code\": \"from __future__ import division\\nprint('ok')\"}", 0, "ok");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_schema),
        TEST(test_code_is_a_script),
        TEST(test_module_path),
        TEST(test_no_code),
        TEST(test_options_reach_the_command),
        TEST(test_bad_options),
        TEST(test_blocked_modules),
        TEST(test_allowed_modules),
        TEST(test_lists_leave_the_script_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
