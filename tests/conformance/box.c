/*
 * box.c - see box.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "box.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------------------------- making */

struct subject *subject_of(const struct test *t)
{
    return test_subject(t);
}

struct box *box_shared(struct test *t)
{
    struct subject *subject = subject_of(t);
    struct box *box = test_alloc(t, sizeof *box);

    box->manager = subject->manager;
    (void)snprintf(box->id, sizeof box->id, "%s", subject->shared);
    return box;
}

char *box_config(struct test *t, const char *config)
{
    json_object *object = json_tokener_parse(config && *config ? config : "{}");

    if (!json_object_is_type(object, json_type_object)) {
        json_object_put(object);
        fail(t, "no configuration: %s", config);
    }
    if (!json_object_object_get_ex(object, "tools_config", NULL)) {
        json_object_object_add(object, "tools_config", json_tokener_parse(SUBJECT_TOOLS));
    }
    char *text = test_text(t, "%s", json_object_to_json_string(object));
    json_object_put(object);
    return text;
}

static void tidy_box(struct test *t, void *what)
{
    struct box *box = what;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    int32_t r = enclave_manager_delete_sandbox(box->manager, box->id, &err);

    if (r < 0 && r != ENCLAVE_ENOTFOUND) { /* the case may have deleted it */
        test_spoil(t, "tidying up: %s", err.message);
    }
}

struct box *box_new_in(struct test *t, struct enclave_manager *manager, const char *config)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct box *box = test_alloc(t, sizeof *box);
    char *text = box_config(t, config);

    box->manager = manager;
    if (enclave_manager_create_sandbox(manager, NULL, text, NULL, box->id, &err) < 0) {
        fail(t, "%s; with %s", err.message, text);
    }
    if (manager == subject_of(t)->manager) { /* with another one they go with it */
        test_defer(t, tidy_box, box);
    }
    return box;
}

struct box *box_new(struct test *t, const char *config)
{
    return box_new_in(t, subject_of(t)->manager, config);
}

void expect_no_box(struct test *t, const char *config, int32_t code, int32_t other,
                   const char *part)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct box box = {.manager = subject_of(t)->manager, .id = "untouched"};
    int32_t r = enclave_manager_create_sandbox(box.manager, NULL, config, NULL, box.id, &err);

    if (r == 0) {
        tidy_box(t, &box);
        fail(t, "a create took %s", config);
    }
    test_note(t, "%s", err.message);
    expect_error_of(t, r, code, other, &err, part);
    expect_text(t, box.id, "untouched");
}

static void tidy_manager(struct test *t, void *what)
{
    (void)t;
    enclave_manager_free(what);
}

struct enclave_manager *manager_new(struct test *t)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_manager *manager = NULL;

    expect_ok(t, subject_manager(subject_of(t), &manager, &err), &err);
    test_defer(t, tidy_manager, manager);
    return manager;
}

void manager_end(struct test *t, struct enclave_manager *manager)
{
    test_forget(t, manager);
    enclave_manager_free(manager);
}

const char *box_info(struct test *t, const struct box *box, const char *member)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char *text = NULL;

    expect_ok(t, enclave_manager_get_sandbox_info(box->manager, box->id, &text, &err), &err);
    json_object *info = json_tokener_parse(text), *value = NULL;
    enclave_free(text);
    (void)json_object_object_get_ex(info, member, &value);
    char *copy = test_text(t, "%s", value ? json_object_get_string(value) : "");
    json_object_put(info);
    return copy;
}

int box_lists(struct test *t, const struct box *box, const char *list, const char *name)
{
    json_object *metadata = json_tokener_parse(box_info(t, box, "metadata")), *names = NULL;
    int found = 0;

    if (json_object_object_get_ex(metadata, list, &names) &&
        json_object_is_type(names, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(names); i++) {
            const char *one = json_object_get_string(json_object_array_get_idx(names, i));
            found |= one && strcmp(one, name) == 0;
        }
    }
    json_object_put(metadata);
    return found;
}

void box_delete(struct test *t, const struct box *box)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;

    expect_ok(t, enclave_manager_delete_sandbox(box->manager, box->id, &err), &err);
}

/* ------------------------------------------------------------------------------------- running */

char *params_of(struct test *t, const char *key, const char *value)
{
    json_object *params = json_object_new_object();

    json_object_object_add(params, key, json_object_new_string(value));
    char *text = test_text(t, "%s", json_object_to_json_string(params));
    json_object_put(params);
    return text;
}

static void tidy_result(struct test *t, void *what)
{
    (void)t;
    enclave_result_free(what);
}

struct enclave_result *keep_result(struct test *t, struct enclave_result *result)
{
    test_defer(t, tidy_result, result);
    return result;
}

struct enclave_result *run_tool(struct test *t, const struct box *box, const char *tool,
                                const char *params, const struct enclave_execute_options *options)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_result *result = NULL;

    if (enclave_manager_execute_tool(box->manager, box->id, tool, params, options, &result, &err) <
        0) {
        fail(t, "%s with %.200s: %s", tool, params, err.message);
    }
    return keep_result(t, result);
}

struct enclave_result *run_shell_for(struct test *t, const struct box *box, const char *command,
                                     int64_t timeout_ms)
{
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;

    options.timeout_ms = timeout_ms;
    return run_tool(t, box, "shell_executor", params_of(t, "command", command), &options);
}

struct enclave_result *run_python_for(struct test *t, const struct box *box, const char *code,
                                      int64_t timeout_ms)
{
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;

    options.timeout_ms = timeout_ms;
    return run_tool(t, box, "python_executor", params_of(t, "code", code), &options);
}

struct enclave_result *run_shell(struct test *t, const struct box *box, const char *command)
{
    return run_shell_for(t, box, command, -1);
}

struct enclave_result *run_python(struct test *t, const struct box *box, const char *code)
{
    return run_python_for(t, box, code, -1);
}

void expect_shell(struct test *t, const struct box *box, const char *command, const char *output)
{
    struct enclave_result *result = run_shell(t, box, command);

    test_note(t, "%.300s", command);
    expect_exit(t, result, 0);
    expect_text(t, result->output, output);
}

void expect_python(struct test *t, const struct box *box, const char *code, const char *output)
{
    struct enclave_result *result = run_python(t, box, code);

    expect_exit(t, result, 0);
    expect_text(t, result->output, output);
}

void expect_alive(struct test *t, const struct box *box)
{
    expect_shell(t, box, "echo alive", "alive\n");
}

/* --------------------------------------------------------------------------------- expectations */

void expect_ok_(struct test *t, const char *file, int line, const char *what, int32_t got,
                const struct enclave_error *err)
{
    if (got != 0) {
        test_fail(t, file, line, "%.160s: %s: %s", what, enclave_error_name(got), err->message);
    }
}

void expect_error_(struct test *t, const char *file, int line, int32_t got, int32_t code,
                   int32_t other, const struct enclave_error *err, const char *part)
{
    if (got != code && got != other) {
        test_fail(t, file, line, "expected the error %s, got %s: %s", enclave_error_name(code),
                  got == 0 ? "success" : enclave_error_name(got), err->message);
    }
    test_expect_int(t, file, line, "err.code", err->code, got);
    test_expect_part(t, file, line, "err.message", err->message, part);
    if (!*err->message || strpbrk(err->message, "\r\n")) {
        test_fail(t, file, line, "expected one line, got '%s'", err->message);
    }
}

static void show(struct test *t, const struct enclave_result *result)
{
    test_note(t, "result: status %u, cause %s, exit code %d, signal %d, after %lld ms",
              (unsigned)result->status, enclave_cause_name(result->cause), (int)result->exit_code,
              (int)result->signal, (long long)result->wall_us / 1000);
    test_note(t, "output: %.1000s", result->output);
    test_note(t, "error: %.1000s", result->error ? result->error : "");
}

void expect_cause_(struct test *t, const char *file, int line, const struct enclave_result *result,
                   uint32_t wanted)
{
    if (result->cause != wanted) {
        show(t, result);
        test_fail(t, file, line, "expected the cause %s, got %s", enclave_cause_name(wanted),
                  enclave_cause_name(result->cause));
    }
}

void expect_exit_(struct test *t, const char *file, int line, const struct enclave_result *result,
                  int code)
{
    expect_cause_(t, file, line, result, ENCLAVE_CAUSE_EXITED);
    if (result->exit_code != code) {
        show(t, result);
    }
    test_expect_int(t, file, line, "exit code", result->exit_code, code);
    test_expect_int(t, file, line, "status", result->status,
                    code == 0 ? ENCLAVE_RESULT_SUCCESS : ENCLAVE_RESULT_ERROR);
}

int64_t metadata_number(const struct enclave_result *result, const char *key)
{
    json_object *metadata = json_tokener_parse(result->metadata), *value = NULL;
    int64_t number =
        json_object_object_get_ex(metadata, key, &value) ? json_object_get_int64(value) : -1;

    json_object_put(metadata);
    return number;
}

const char *metadata_text(struct test *t, const struct enclave_result *result, const char *key)
{
    json_object *metadata = json_tokener_parse(result->metadata), *value = NULL;

    (void)json_object_object_get_ex(metadata, key, &value);
    char *copy = test_text(t, "%s", value ? json_object_get_string(value) : "");
    json_object_put(metadata);
    return copy;
}
