/*
 * tools.c - the built-in tools, which work on every backend.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "box.h"
#include "groups.h"

#include <json-c/json.h>
#include <string.h>

static void python_output(struct test *t)
{
    struct enclave_result *result = run_python(t, box_shared(t),
                                               "import sys\nprint('gr\xc3\xbc\xc3\x9f')\n"
                                               "print('bad', file=sys.stderr)\n");

    expect_exit(t, result, 0);
    expect_text(t, result->output, "gr\xc3\xbc\xc3\x9f\n");
    expect_text(t, result->error, "bad\n");
}

static void python_fails(struct test *t)
{
    struct enclave_result *result = run_python(t, box_shared(t), "print(1)\n1 / 0");

    expect_exit(t, result, 1);
    expect_text(t, result->output, "1\n");
    expect_part(t, result->error, "Traceback");
    expect_part(t, result->error, "line 2");
    expect_part(t, result->error, "ZeroDivisionError");
    result = run_python(t, box_shared(t), "def (:");
    expect_exit(t, result, 1);
    expect_part(t, result->error, "SyntaxError");
    expect_exit(t, run_python(t, box_shared(t), "import sys; sys.exit(42)"), 42);
}

static void python_is_fresh(struct test *t)
{
    struct box *box = box_shared(t);

    expect_python(t, box, "import json, os\nx = 1\nos.environ['LEFT'] = '1'\njson.left = 1", "");
    for (int i = 0; i < 3; i++) { /* also when it is forked from a warm one */
        expect_python(
            t, box,
            "import json, os\n"
            "print(__name__, 'x' in globals(), 'LEFT' in os.environ, hasattr(json, 'left'))",
            "__main__ False False False\n");
    }
}

static void python_imports(struct test *t)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct box *box = box_shared(t);

    expect_ok(t,
              enclave_manager_put_file(box->manager, box->id, "conformance_module.py",
                                       "answer = 42\n", 12, 0, &err),
              &err);
    expect_python(t, box,
                  "import sys; sys.path.insert(0, '/sandbox')\n"
                  "import conformance_module as m; print(m.answer)",
                  "42\n");
    expect_shell(t, box, "rm -r conformance_module.py __pycache__", "");
}

static struct enclave_result *operate(struct test *t, const struct box *box, const char *operation,
                                      const char *path, const char *content)
{
    json_object *params = json_object_new_object();

    json_object_object_add(params, "operation", json_object_new_string(operation));
    json_object_object_add(params, "file_path", json_object_new_string(path));
    if (content) {
        json_object_object_add(params, "content", json_object_new_string(content));
    }
    char *text = test_text(t, "%s", json_object_to_json_string(params));
    json_object_put(params);
    return run_tool(t, box, "file_operation", text, NULL);
}

static void expect_operation(struct test *t, const char *operation, const char *path,
                             const char *content, const char *output)
{
    struct enclave_result *result = operate(t, box_shared(t), operation, path, content);

    test_note(t, "%s '%s': %s", operation, path, result->error ? result->error : "");
    expect_int(t, result->status, ENCLAVE_RESULT_SUCCESS);
    expect_part(t, result->output, output);
}

static void expect_refused(struct test *t, const struct box *box, const char *operation,
                           const char *path, const char *content, const char *part)
{
    struct enclave_result *result = operate(t, box, operation, path, content);

    test_note(t, "%s '%s'", operation, path);
    expect_int(t, result->status, ENCLAVE_RESULT_ERROR);
    expect_part(t, result->error, part);
    expect_text(t, result->output, "");
}

static void file_operations(struct test *t)
{
    expect_operation(t, "exists", "tool/file.txt", NULL, "does not exist");
    expect_operation(t, "write", "tool/file.txt", "gr\xc3\xbc\xc3\x9f\n", "tool/file.txt");
    expect_operation(t, "exists", "tool/file.txt", NULL, "exists");
    expect_operation(t, "read", "/sandbox/tool/file.txt", NULL, "gr\xc3\xbc\xc3\x9f\n");
    expect_operation(t, "list", "tool", NULL, "file.txt");
    expect_operation(t, "delete", "tool", NULL, "tool");
    expect_operation(t, "exists", "tool", NULL, "does not exist");
    expect_refused(t, box_shared(t), "read", "tool/file.txt", NULL, "tool/file.txt");
    expect_refused(t, box_shared(t), "delete", "tool", NULL, "tool");
    expect_refused(t, box_shared(t), "no-such-operation", "x", NULL, "no-such-operation");
}

static void file_walls(struct test *t)
{
    struct box *box = box_new(
        t, "{'tools_config': {'shell_executor': {}, 'file_operation': {"
           "'allowed_paths': ['/sandbox/open'], 'blocked_paths': ['/sandbox/open/shut']}}}");

    expect_shell(t, box,
                 "mkdir -p open/shut; echo yes >open/file; echo no >secret; echo no >open/shut/x; "
                 "ln -s ../secret open/link; ln -s open way",
                 "");
    struct enclave_result *result = operate(t, box, "read", "way/file", NULL);
    expect_text(t, result->output, "yes\n"); /* what it leads to counts */
    static const char *const shut[] = {"secret",    "/etc/passwd", "open/../secret",
                                       "open/link", "open/shut/x", "../sandbox/secret"};
    for (size_t i = 0; i < sizeof shut / sizeof *shut; i++) {
        expect_refused(t, box, "read", shut[i], NULL, shut[i]);
        expect_refused(t, box, "write", shut[i], "x", shut[i]);
    }
    expect_shell(t, box, "cat secret open/shut/x", "no\nno\n");
}

static void not_enabled(struct test *t)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_result *result = NULL;
    struct box *box = box_new(t, "{'tools_config': ['shell_executor']}");
    int32_t r = enclave_manager_execute_tool(box->manager, box->id, "python_executor",
                                             "{\"code\": \"1\"}", NULL, &result, &err);

    expect_error(t, r, ENCLAVE_ENOTFOUND, &err, "python_executor");
    r = enclave_manager_execute_tool(box->manager, box->id, "no_such_tool", "{}", NULL, &result,
                                     &err);
    expect_error(t, r, ENCLAVE_ENOTFOUND, &err, "no_such_tool");
}

static void schemas(struct test *t)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct box *box = box_shared(t);
    char *text = NULL;

    expect_ok(t, enclave_manager_get_sandbox_tools(box->manager, box->id, &text, &err), &err);
    char *copy = test_text(t, "%s", text);
    enclave_free(text);
    expect_part(t, copy, "\"python_executor\":{\"type\":\"function\",\"function\":{");
    expect_part(t, copy, "\"shell_executor\"");
    expect_part(t, copy, "\"file_operation\"");
}

static const struct tap_case cases[] = {
    {"python_output", "python_executor: what is printed, and stderr", python_output},
    {"python_fails", "python_executor: tracebacks and exit codes", python_fails},
    {"python_is_fresh", "python_executor: a call finds nothing of the one before", python_is_fresh},
    {"python_imports", "python_executor: modules that were put in can be imported", python_imports},
    {"file_operations", "file_operation: writes, reads, lists, deletes", file_operations},
    {"file_walls", "file_operation: allowed and blocked paths hold, links or not", file_walls},
    {"not_enabled", "a tool that is not enabled, or not there, is not found", not_enabled},
    {"schemas", "each enabled tool has a schema", schemas},
};
TAP_GROUP(tools, cases);
