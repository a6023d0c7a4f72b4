/*
 * tools.c - the three tools in a real sandbox: what they answer, what they refuse, and that nothing
 * of them stays behind.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --------------------------------------------------------------------------------- file_operation */

static struct enclave_result *operate(struct fixture *f, const char *id, const char *operation,
                                      const char *path, const char *content, const char *encoding)
{
    json_object *params = json_object_new_object();
    struct enclave_result *result;

    json_object_object_add(params, "operation", json_object_new_string(operation));
    json_object_object_add(params, "file_path", json_object_new_string(path));
    if (content) {
        json_object_object_add(params, "content", json_object_new_string(content));
    }
    if (encoding) {
        json_object_object_add(params, "encoding", json_object_new_string(encoding));
    }
    result = run_tool(f->manager, id, "file_operation", json_object_to_json_string(params));
    json_object_put(params);
    return result;
}

static void expect_operation(struct fixture *f, const char *operation, const char *path,
                             const char *content, const char *output)
{
    struct enclave_result *result = operate(f, f->id, operation, path, content, NULL);

    if (result->status != ENCLAVE_RESULT_SUCCESS || strcmp(result->output, output) != 0) {
        fail_msg("%s '%s': '%s', error '%s'; expected '%s'", operation, path, result->output,
                 result->error ? result->error : "", output);
    }
    enclave_result_free(result);
}

static void expect_failed_operation(struct fixture *f, const char *id, const char *operation,
                                    const char *path, const char *content, const char *word)
{
    struct enclave_result *result = operate(f, id, operation, path, content, NULL);

    if (result->status != ENCLAVE_RESULT_ERROR || !result->error || !strstr(result->error, word)) {
        fail_msg("%s '%s': '%s', error '%s'; expected one with '%s'", operation, path,
                 result->output, result->error ? result->error : "", word);
    }
    assert_string_equal(result->output, "");
    enclave_result_free(result);
}

static void test_file_operations(void **state)
{
    struct fixture *f = *state;
    struct enclave_result *result;

    expect_operation(f, "exists", "a/b.txt", NULL, "does not exist");
    expect_operation(f, "write", "a/b.txt", "gr\xc3\xbc\xc3\x9f dich\n",
                     "File written successfully: a/b.txt");
    expect_operation(f, "exists", "a/b.txt", NULL, "exists");
    expect_operation(f, "read", "a/b.txt", NULL, "gr\xc3\xbc\xc3\x9f dich\n");
    expect_operation(f, "create", "/sandbox/empty", NULL,
                     "File written successfully: /sandbox/empty");
    expect_operation(f, "read", "empty", NULL, "");
    result = operate(f, f->id, "list", "/sandbox", NULL, NULL);
    assert_non_null(strstr(result->output, "total "));
    assert_non_null(strstr(result->output, " a\n"));
    assert_non_null(strstr(result->output, " empty\n"));
    assert_non_null(strstr(result->output, " .\n"));
    enclave_result_free(result);
    result = operate(f, f->id, "write", "bin", "AP+A", "base64");
    assert_int_equal(result->status, ENCLAVE_RESULT_SUCCESS);
    enclave_result_free(result);
    expect_shell(f->manager, f->id, "od -An -tx1 bin", " 00 ff 80\n");
    expect_operation(f, "delete", "a", NULL, "Successfully deleted: a");
    expect_operation(f, "exists", "a", NULL, "does not exist");
    expect_shell(f->manager, f->id, "rm empty bin; ls -A", "");
}

static void test_file_operations_that_fail(void **state)
{
    struct fixture *f = *state;

    expect_failed_operation(f, f->id, "read", "missing", NULL, "missing");
    expect_failed_operation(f, f->id, "list", "missing", NULL, "missing");
    expect_failed_operation(f, f->id, "delete", "missing", NULL, "missing");
    expect_failed_operation(f, f->id, "read", " ", NULL, "No file path provided");
    expect_failed_operation(f, f->id, "write", "x", NULL,
                            "Content is required for write operation");
    expect_failed_operation(f, f->id, "rename", "x", NULL, "Unknown operation: rename");
    expect_failed_operation(f, f->id, "read", "/sandbox", NULL, "/sandbox");
    expect_failed_operation(f, f->id, "write", "/etc/x", "x", "/etc/x");
    expect_failed_operation(f, f->id, "read", "/etc/shadow", NULL, "/etc/shadow");
    expect_failed_operation(f, f->id, "write", "/.enclave/enclave-agent", "x", "enclave-agent");
}

static void test_file_policy_holds_on_the_real_file(void **state)
{
    struct fixture *f = *state;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char id[ENCLAVE_ID_SIZE];
    struct enclave_result *result;
    int32_t r = enclave_manager_create_sandbox(
        f->manager, NULL,
        "{\"tools_config\": {\"shell_executor\": {}, \"file_operation\": {"
        "\"allowed_paths\": [\"/sandbox\"], \"blocked_paths\": [\"/sandbox/private\"], "
        "\"max_file_size\": 100, \"allowed_extensions\": [\".txt\"]}}}",
        NULL, id, &err);

    if (r != 0) {
        fail_msg("%s", err.message);
    }
    expect_shell(
        f->manager, id,
        "mkdir private sub; echo secret >private/s.txt; echo t >/tmp/t.txt; "
        "ln -s /tmp/t.txt out.txt; ln -s /tmp away; ln -s private in; ln -s s.txt sub/s.txt; "
        "ln -s ../private/s.txt sub/p.txt; echo ok >ok.txt; "
        "head -c 101 /dev/zero >big.txt; ln ok.txt hard.txt",
        "");
    result = operate(f, id, "read", "ok.txt", NULL, NULL);
    assert_string_equal(result->output, "ok\n");
    enclave_result_free(result);
    expect_failed_operation(f, id, "read", "/tmp/t.txt", NULL, "t.txt");
    expect_failed_operation(f, id, "read", "out.txt", NULL, "out.txt");
    expect_failed_operation(f, id, "read", "away/t.txt", NULL, "t.txt");
    expect_failed_operation(f, id, "read", "../tmp/t.txt", NULL, "t.txt");
    expect_failed_operation(f, id, "read", "/proc/self/root/tmp/t.txt", NULL, "t.txt");
    expect_failed_operation(f, id, "read", "private/s.txt", NULL, "s.txt");
    expect_failed_operation(f, id, "read", "in/s.txt", NULL, "s.txt");
    expect_failed_operation(f, id, "read", "sub/p.txt", NULL, "p.txt");
    expect_failed_operation(f, id, "write", "away/new.txt", "x", "new.txt");
    expect_failed_operation(f, id, "write", "out.txt", "x", "out.txt");
    expect_failed_operation(f, id, "write", "in/new.txt", "x", "new.txt");
    expect_failed_operation(f, id, "delete", "away/t.txt", NULL, "t.txt");
    expect_failed_operation(f, id, "list", "/tmp", NULL, "/tmp");
    expect_failed_operation(f, id, "list", "away", NULL, "away");
    expect_failed_operation(f, id, "exists", "/etc/passwd", NULL, "/etc/passwd");
    expect_failed_operation(f, id, "read", "big.txt", NULL, "max_file_size");
    expect_failed_operation(f, id, "write", "ok.py", "x", ".py");
    expect_shell(f->manager, id,
                 "cat /tmp/t.txt ok.txt private/s.txt; ls /tmp private; ls ok.py 2>/dev/null; true",
                 "t\nok\nsecret\n/tmp:\nt.txt\n\nprivate:\ns.txt\n");
    delete_sandbox(f->manager, id);
}

/* -------------------------------------------------------------------------------- python_executor */

static void test_python_tells_what_went_wrong(void **state)
{
    struct fixture *f = *state;
    struct enclave_result *result = run_python(f->manager, f->id, "x = 1\nprint(x / 0)");

    assert_int_equal(result->status, ENCLAVE_RESULT_ERROR);
    assert_int_equal(result->cause, ENCLAVE_CAUSE_EXITED);
    assert_int_equal(result->exit_code, 1);
    assert_non_null(strstr(result->error, "Traceback"));
    assert_non_null(strstr(result->error, "line 2"));
    assert_non_null(strstr(result->error, "ZeroDivisionError: division by zero"));
    enclave_result_free(result);
    result = run_python(f->manager, f->id, "def f(:\n  pass");
    assert_non_null(strstr(result->error, "SyntaxError"));
    assert_int_equal(result->exit_code, 1);
    enclave_result_free(result);
    result = run_python(f->manager, f->id, "import sys; sys.exit(7)");
    assert_int_equal(result->exit_code, 7);
    assert_non_null(strstr(result->error, "7"));
    enclave_result_free(result);
    result = run_python(f->manager, f->id, "import os; os.kill(os.getpid(), 11)");
    assert_int_equal(result->cause, ENCLAVE_CAUSE_SIGNALED);
    assert_int_equal(result->signal, 11);
    enclave_result_free(result);
    result = run_python(f->manager, f->id, "   \n");
    assert_int_equal(result->status, ENCLAVE_RESULT_ERROR);
    assert_string_equal(result->error, "No code provided");
    enclave_result_free(result);
}

static void test_python_runs_a_fresh_script(void **state)
{
    struct fixture *f = *state;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_result *result;
    static const char module[] = "def answer(): return 42\n";
    char *big = malloc(600000);

    assert_int_equal(enclave_manager_put_file(f->manager, f->id, "helper.py", module,
                                              sizeof module - 1, 0, &err),
                     0);
    result = run_python(f->manager, f->id,
                        "import sys; sys.dont_write_bytecode = True\nimport helper\n"
                        "print(helper.answer(), __name__, 'leftover' in globals())\nleftover = 1");
    assert_string_equal(result->output, "42 __main__ False\n");
    enclave_result_free(result);
    result = run_python(f->manager, f->id, "print('leftover' in globals())");
    assert_string_equal(result->output, "False\n");
    enclave_result_free(result);
    result = run_python(f->manager, f->id, "print('\xf0\x9f\x90\x8d', '\xc3\xa9', r'\\\"$HOME')");
    assert_string_equal(result->output, "\xf0\x9f\x90\x8d \xc3\xa9 \\\"$HOME\n");
    enclave_result_free(result);

    /* More than an argument of a command could hold. */
    assert_non_null(big);
    memset(big, 'y', 600000);
    memcpy(big, "x = '", 5);
    memcpy(big + 600000 - 18, "'\nprint(len(x))\n", 17);
    result = run_python(f->manager, f->id, big);
    assert_string_equal(result->output, "599977\n");
    enclave_result_free(result);
    free(big);
    expect_shell(f->manager, f->id, "rm -r *; ls -A", "");
}

static void test_shell_takes_strings_and_arrays(void **state)
{
    struct fixture *f = *state;
    struct enclave_result *result =
        run_tool(f->manager, f->id, "shell_executor",
                 "{\"command\": [\"printf\", \"%s|\", \"a b\", \"$HOME\", \"\"]}");

    assert_string_equal(result->output, "a b|$HOME||");
    enclave_result_free(result);
    expect_shell(f->manager, f->id, "echo 'a  b' | tr a-z A-Z; cd /tmp && pwd", "A  B\n/tmp\n");
    result = run_tool(f->manager, f->id, "shell_executor", "{\"command\": [\"no-such-program\"]}");
    assert_int_equal(result->status, ENCLAVE_RESULT_ERROR);
    assert_int_equal(result->exit_code, 127);
    assert_non_null(strstr(result->error, "no-such-program"));
    enclave_result_free(result);
    result = run_tool(f->manager, f->id, "shell_executor", "{\"command\": [\"/etc/passwd\"]}");
    assert_int_equal(result->exit_code, 126);
    enclave_result_free(result);
}

/* ------------------------------------------------------------------------------ what stays behind */

static void test_nothing_stays_behind(void **state)
{
    static const char look[] =
        "import os\n"
        "print(sorted(os.listdir('/tmp')), sorted(os.listdir('/sandbox')), "
        "sorted(os.listdir('/dev/shm')))\n"
        "for d in '/run', '/var/tmp', '/.enclave': print(d, sorted(os.listdir(d)))\n"
        "print(len(os.listdir('/run/enclave')))\n" /* this script's own folder */
        "print(len([p for p in os.listdir('/proc') if p.isdigit()]))\n"
        "print(sorted(os.listdir('/proc/self/fd')), os.environ.get('PYTHONPATH'))\n";
    struct fixture *f = *state;
    struct enclave_result *first = run_python(f->manager, f->id, look), *last;
    int executions = 30;

    assert_non_null(strstr(first->output, "[] [] []\n"));
    for (int i = 0; i < executions; i++) {
        enclave_result_free(run_python(f->manager, f->id, i % 3 ? "print(1)" : "1/0"));
        expect_alive(f->manager, f->id);
        enclave_result_free(operate(f, f->id, "list", "/", NULL, NULL));
    }
    enclave_result_free(run_python_for(f->manager, f->id, "while True: pass", 200));
    last = run_python(f->manager, f->id, look);
    assert_string_equal(last->output, first->output);
    printf("after %d executions:\n%s", 3 * executions + 2, last->output);
    enclave_result_free(first);
    enclave_result_free(last);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file_operations),
        cmocka_unit_test(test_file_operations_that_fail),
        cmocka_unit_test(test_file_policy_holds_on_the_real_file),
        cmocka_unit_test(test_python_tells_what_went_wrong),
        cmocka_unit_test(test_python_runs_a_fresh_script),
        cmocka_unit_test(test_shell_takes_strings_and_arrays),
        cmocka_unit_test(test_nothing_stays_behind),
    };
    int skip = test_setup();

    return skip ? skip : cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
