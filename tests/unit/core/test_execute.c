/*
 * test_execute.c - executing a tool: results, time, output limits, streaming, stdin, cancelling.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct enclave_manager *manager;
static char id[ENCLAVE_ID_SIZE];

static int set_up(void **state)
{
    (void)state;
    manager = support_manager(NULL);
    support_sandbox(manager, id);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    enclave_manager_free(manager);
    return 0;
}

/* ------------------------------------------------------------------------------------- the end */

static const struct {
    const char *argv; /* a script of the null backend */
    uint32_t status, cause;
    int32_t exit_code, signal;
    const char *output, *error; /* NULL: none */
} ends[] = {
    {"\"out\",\"hi\"", ENCLAVE_RESULT_SUCCESS, ENCLAVE_CAUSE_EXITED, 0, 0, "hi", NULL},
    {"\"out\",\"hi\",\"err\",\"woe\"", ENCLAVE_RESULT_SUCCESS, ENCLAVE_CAUSE_EXITED, 0, 0, "hi",
     "woe"},
    {"\"exit\",\"3\"", ENCLAVE_RESULT_ERROR, ENCLAVE_CAUSE_EXITED, 3, 0, "",
     "Command failed with exit code 3"},
    {"\"err\",\"woe\",\"exit\",\"3\"", ENCLAVE_RESULT_ERROR, ENCLAVE_CAUSE_EXITED, 3, 0, "", "woe"},
    {"\"missing\"", ENCLAVE_RESULT_ERROR, ENCLAVE_CAUSE_EXITED, 127, 0, "",
     "Cannot start 'missing': no such program"},
    {"\"signal\",\"11\"", ENCLAVE_RESULT_ERROR, ENCLAVE_CAUSE_SIGNALED, -1, 11, "",
     "Command was ended by signal 11 (SEGV)"},
    {"\"out\",\"a\",\"oom\"", ENCLAVE_RESULT_ERROR, ENCLAVE_CAUSE_OOM, -1, 9, "a",
     "Command was killed: the sandbox was out of memory"},
    {"\"out\",\"a\",\"lost\"", ENCLAVE_RESULT_ERROR, ENCLAVE_CAUSE_BACKEND_LOST, -1, 0, "a",
     "The sandbox went away: the engine was struck by lightning"},
};

static void test_every_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(ends); i++) {
        char params[256];
        (void)snprintf(params, sizeof params, "{\"argv\": [%s]}", ends[i].argv);
        struct enclave_result *result = support_run(manager, id, params, NULL);
        assert_int_equal(result->size, sizeof *result);
        assert_int_equal(result->status, ends[i].status);
        assert_int_equal(result->cause, ends[i].cause);
        assert_int_equal(result->exit_code, ends[i].exit_code);
        assert_int_equal(result->signal, ends[i].signal);
        assert_string_equal(result->output, ends[i].output);
        assert_string_equal(result->tool_name, "run");
        assert_int_equal(result->truncated, 0);
        if (ends[i].error) {
            assert_string_equal(result->error, ends[i].error);
        } else {
            assert_null(result->error);
        }
        enclave_result_free(result);
    }
}

static void test_result_json(void **state)
{
    (void)state;
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
    char *text = NULL;
    options.execution_id = "mine";
    struct enclave_result *result =
        support_run(manager, id, "{\"argv\": [\"out\", \"hi\", \"exit\", \"4\"]}", &options);
    assert_int_equal(enclave_result_json(result, &text, NULL), 0);
    json_object *json = support_json(text);
    assert_string_equal(support_text(json, "status", NULL), "error");
    assert_string_equal(support_text(json, "cause", NULL), "exited");
    assert_string_equal(support_text(json, "execution_id", NULL), "mine");
    assert_string_equal(support_text(json, "output", NULL), "hi");
    assert_int_equal(support_number(json, "exit_code"), 4);
    assert_string_equal(support_text(json, "metadata", "cpu_time", NULL), "0.001500");
    assert_string_equal(support_text(json, "metadata", "stdout_bytes", NULL), "2");
    json_object_put(json);
    enclave_result_free(result);
}

static void test_what_a_tool_sets(void **state)
{
    (void)state;
    struct enclave_result *result = support_run(
        manager, id,
        "{\"argv\": [\"out\", \"old\"], \"output\": \"new\", \"metadata\": \"[1, null]\"}", NULL);
    assert_string_equal(result->output, "new");
    assert_int_equal(result->status, ENCLAVE_RESULT_SUCCESS);
    assert_contains(result->metadata, "\"told\":[1,null]");
    enclave_result_free(result);
    result = support_run(manager, id, "{\"output\": \"some\", \"error\": \"it broke\"}", NULL);
    assert_int_equal(result->status, ENCLAVE_RESULT_ERROR);
    assert_int_equal(result->cause, ENCLAVE_CAUSE_EXITED);
    assert_int_equal(result->exit_code, -1);
    assert_string_equal(result->error, "it broke");
    enclave_result_free(result);
}

/* Metadata of a tool may nest as deep as any JSON that is accepted. */
static void test_deep_metadata(void **state)
{
    (void)state;
    char params[512] = "{\"metadata\": \"", *text = NULL;
    for (int i = 0; i < 60; i++) {
        strcat(params, "[");
    }
    for (int i = 0; i < 60; i++) {
        strcat(params, "]");
    }
    strcat(params, "\"}");
    struct enclave_result *result = support_run(manager, id, params, NULL);
    assert_int_equal(enclave_result_json(result, &text, NULL), 0);
    enclave_free(text);
    enclave_result_free(result);
}

static void refused(const char *tool, const char *params, int32_t code, const char *text)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_result *result = (void *)&err;
    assert_int_equal(enclave_manager_execute_tool(manager, id, tool, params, NULL, &result, &err),
                     code);
    assert_error(err, code, text);
    assert_ptr_equal(result, &err);
}

static void test_refusals(void **state)
{
    (void)state;
    refused("absent", NULL, ENCLAVE_ENOTFOUND, "enabled: run, plain");
    refused("run", "{\"argv\": \"x\"}", ENCLAVE_EINVALID,
            "parameter 'argv': expected array, got a string");
    refused("run", "{\"argw\": []}", ENCLAVE_EINVALID, "did you mean 'argv'?");
    refused("run", "{\"colour\": \"blue\"}", ENCLAVE_EINVALID, "expected one of [ \"red\"");
    refused("run", "{\"argv\": []}", ENCLAVE_EINVALID, "argv is empty");
    refused("run", "{\"argv\": [\"out\", \"\"], \"script\": \"a/b\"}", ENCLAVE_EINVALID,
            "bad script name 'a/b'");
    refused("run", "{\"argv\": [\"out\", \"\"], \"script\": \"ab\"}", ENCLAVE_EINVALID,
            "script_index 7 is beyond argv");
    refused("run", "{\"argv\": [\"refuse\"]}", ENCLAVE_ELOST, "the engine is gone");
    refused("run", "{\"metadata\": \"{\"}", ENCLAVE_EINVALID, "set_metadata: not valid JSON");
    refused("run", "{", ENCLAVE_EINVALID, "parameters: not valid JSON");
    refused("run", "[]", ENCLAVE_EINVALID, "parameters: expected an object, got an array");
    refused("run", "{\"own_ms\": \"\xff\"}", ENCLAVE_EINVALID, "not valid UTF-8 at byte 12");
    refused("run", "{\"timeout\": NaN}", ENCLAVE_EINVALID, "not finite");
    refused("run", "{\"timeout\": -1}", ENCLAVE_EINVALID, "expected at least 0, got -1");
    refused("run", "{\"timeout\": 1e9}", ENCLAVE_EINVALID, "expected at most 1000000");
}

/* What a plugin returns without a word, or what is no code at all. */
static void test_bare_returns(void **state)
{
    (void)state;
    static const struct {
        const char *params;
        int32_t code;
        const char *text;
    } rows[] = {
        {"{\"return\": -17}", ENCLAVE_ETOOBIG, "tool 'run': plugin 'run': execute: too large"},
        {"{\"return\": 5}", ENCLAVE_EINTERNAL, "its execute returned 5, which is no error code"},
        {"{\"return\": -99}", ENCLAVE_EINTERNAL, "its execute returned -99"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct enclave_error err = ENCLAVE_ERROR_INIT;
        struct enclave_result *result = NULL;
        assert_int_equal(
            enclave_manager_execute_tool(manager, id, "run", rows[i].params, NULL, &result, &err),
            rows[i].code);
        assert_null(result);
        assert_error(err, rows[i].code, rows[i].text);
    }
}

static void test_huge_parameters(void **state)
{
    (void)state;
    size_t size = (64u << 20) + 64;
    char *params = malloc(size);
    assert_non_null(params);
    memset(params, ' ', size);
    params[size - 1] = '\0';
    params[0] = '{';
    params[size - 2] = '}';
    refused("run", params, ENCLAVE_ETOOBIG, "at most 67108864");
    free(params);
}

/* ----------------------------------------------------------------------------------------- time */

static void expect_timeout(const char *sandbox, const char *params, int64_t request_ms,
                           const char *sentence)
{
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
    options.timeout_ms = request_ms;
    struct enclave_result *result = support_run(manager, sandbox, params, &options);
    assert_int_equal(result->cause, ENCLAVE_CAUSE_TIMEOUT);
    assert_int_equal(result->status, ENCLAVE_RESULT_TIMEOUT);
    assert_string_equal(result->output, "partial");
    assert_string_equal(result->error, sentence);
    assert_true(result->wall_us >= 200000);
    enclave_result_free(result);
}

static void test_timeout_precedence(void **state)
{
    (void)state;
    static const char hang[] = "\"argv\": [\"out\", \"partial\", \"hang\"]";
    char params[128], other[ENCLAVE_ID_SIZE], third[ENCLAVE_ID_SIZE];
    struct enclave_error err = ENCLAVE_ERROR_INIT;

    assert_int_equal(
        enclave_manager_create_sandbox(
            manager, NULL, "{\"tools_config\": {\"run\": {\"timeout\": 0.3}}}", NULL, other, &err),
        0);
    assert_int_equal(
        enclave_manager_create_sandbox(
            manager, NULL, "{\"tools_config\": [\"run\"], \"timeout\": 0.4}", NULL, third, &err),
        0);
    (void)snprintf(params, sizeof params, "{%s, \"timeout\": 0.5}", hang);
    expect_timeout(id, params, 20000, "Command timed out after 0.5 seconds");
    (void)snprintf(params, sizeof params, "{%s, \"timeout\": null}", hang);
    expect_timeout(id, params, 600, "Command timed out after 0.6 seconds");
    (void)snprintf(params, sizeof params, "{%s}", hang);
    expect_timeout(other, params, 700, "Command timed out after 0.7 seconds");
    expect_timeout(other, params, -1, "Command timed out after 0.3 seconds");
    expect_timeout(third, params, -1, "Command timed out after 0.4 seconds");
    (void)snprintf(params, sizeof params, "{%s, \"own_ms\": 350}", hang);
    expect_timeout(id, params, 20000, "Command timed out after 0.35 seconds");
}

static void test_no_timeout(void **state)
{
    (void)state;
    static const int64_t none[] = {0, INT64_MAX};
    for (size_t i = 0; i < COUNT(none); i++) {
        struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
        options.timeout_ms = none[i];
        struct enclave_result *result = support_run(
            manager, id, "{\"argv\": [\"sleep\", \"40\", \"out\", \"done\"]}", &options);
        assert_string_equal(result->output, "done");
        enclave_result_free(result);
    }
}

/* So little time is still a limit, not none. */
static void test_tiny_timeout(void **state)
{
    (void)state;
    struct enclave_result *result =
        support_run(manager, id, "{\"argv\": [\"hang\"], \"timeout\": 0.0001}", NULL);
    assert_int_equal(result->cause, ENCLAVE_CAUSE_TIMEOUT);
    enclave_result_free(result);
}

/* --------------------------------------------------------------------------------------- output */

struct heard {
    uint64_t bytes[3];
    unsigned calls, stop_at, slow_ms;
    char text[64];
};

static int32_t listen(void *ctx, uint32_t stream, const void *data, uint64_t length)
{
    struct heard *heard = ctx;
    size_t n = strlen(heard->text);
    for (uint64_t i = 0; i < length && n + 1 < sizeof heard->text; i++) {
        heard->text[n++] = ((const char *)data)[i];
    }
    heard->bytes[stream] += length;
    if (heard->slow_ms) {
        (void)usleep(heard->slow_ms * 1000);
    }
    return ++heard->calls == heard->stop_at;
}

static struct enclave_result *run_heard(const char *params, struct heard *heard)
{
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
    options.output = listen;
    options.output_ctx = heard;
    return support_run(manager, id, params, &options);
}

static void test_streaming(void **state)
{
    (void)state;
    struct heard heard = {{0}, 0, 0, 0, ""};
    struct enclave_result *result =
        run_heard("{\"argv\": [\"out\", \"a\", \"err\", \"b\", \"out\", \"c\"]}", &heard);
    assert_string_equal(heard.text, "abc");
    assert_string_equal(result->output, "ac");
    assert_string_equal(result->error, "b");
    enclave_result_free(result);

    heard = (struct heard){{0}, 0, 0, 1, ""};
    result = run_heard("{\"argv\": [\"flood\", \"3000000\"]}", &heard);
    assert_int_equal(heard.bytes[ENCLAVE_STDOUT], 3000000);
    assert_int_equal(result->stdout_bytes, 3000000);
    assert_int_equal(result->truncated, 1);
    assert_int_equal(result->output_length, 1 << 20);
    enclave_result_free(result);

    heard = (struct heard){{0}, 0, 0, 0, ""};
    result = run_heard("{\"output\": \"set\"}", &heard);
    assert_string_equal(heard.text, "set");
    enclave_result_free(result);
}

static int32_t stall_once(void *ctx, uint32_t stream, const void *data, uint64_t length)
{
    struct heard *heard = ctx;
    (void)data;
    heard->bytes[stream] += length;
    if (heard->calls++ == 0) {
        (void)usleep(heard->slow_ms * 1000); /* meanwhile the queue fills up */
    }
    return 0;
}

/* More than both windows. For the thread sanitizer, to which a piece is like another, a tenth: it takes 6 us each. */
#ifdef __SANITIZE_THREAD__
enum { DRIPPED = 212000 };
#else
enum { DRIPPED = 2120000 };
#endif

/* A program that writes single bytes to a stalled reader: all of it is within the windows. */
static void test_queue_holds_both_windows(void **state)
{
    (void)state;
    struct heard heard = {{0}, 0, 0, 1200, ""};
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
    options.output = stall_once;
    options.output_ctx = &heard;
    options.timeout_ms = 0; /* it takes what it takes */
    char params[64];
    (void)snprintf(params, sizeof params, "{\"argv\": [\"drip\", \"%d\"]}", DRIPPED);
    struct enclave_result *result = support_run(manager, id, params, &options);
    assert_int_equal(heard.bytes[ENCLAVE_STDOUT] + heard.bytes[ENCLAVE_STDERR], DRIPPED);
    enclave_result_free(result);
}

/* The time of a program that writes without a pause is not stretched by a slow listener. */
static void test_slow_listener_and_deadline(void **state)
{
    (void)state;
    struct heard heard = {{0}, 0, 0, 20, ""};
    struct enclave_result *result =
        run_heard("{\"argv\": [\"flood\", \"1000000000\"], \"timeout\": 0.1}", &heard);
    assert_int_equal(result->cause, ENCLAVE_CAUSE_TIMEOUT);
    assert_true(result->stdout_bytes <
                32000000); /* a window for each call of the listener, and no more */
    enclave_result_free(result);
}

static void test_listener_cancels(void **state)
{
    (void)state;
    struct heard heard = {{0}, 0, 2, 0, ""};
    struct enclave_result *result = run_heard(
        "{\"argv\": [\"out\", \"a\", \"sleep\", \"20\", \"out\", \"b\", \"hang\"]}", &heard);
    assert_int_equal(result->cause, ENCLAVE_CAUSE_CANCELLED);
    assert_int_equal(result->status, ENCLAVE_RESULT_CANCELLED);
    assert_string_equal(result->error, "Command was cancelled");
    enclave_result_free(result);

    heard = (struct heard){{0}, 0, 1, 0, ""};
    result = run_heard("{\"output\": \"set\"}", &heard);
    assert_int_equal(result->cause, ENCLAVE_CAUSE_CANCELLED);
    enclave_result_free(result);
}

static void test_cap(void **state)
{
    (void)state;
    struct enclave_result *result =
        support_run(manager, id, "{\"argv\": [\"flood\", \"30000000\"]}", NULL);
    assert_int_equal(result->truncated, 1);
    assert_int_equal(result->stdout_bytes, 30000000);
    assert_int_equal(result->output_length, 1 << 20);
    assert_int_equal(result->cause, ENCLAVE_CAUSE_EXITED);
    enclave_result_free(result);
}

static void test_kill_on_limit(void **state)
{
    (void)state;
    char other[ENCLAVE_ID_SIZE];
    assert_int_equal(enclave_manager_create_sandbox(
                         manager, NULL,
                         "{\"tools_config\": {\"run\": {\"limit\": \"1k\", \"kill\": true}}}", NULL,
                         other, NULL),
                     0);
    for (int streamed = 0; streamed < 2; streamed++) {
        struct heard heard = {{0}, 0, 0, 0, ""};
        struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
        options.output = streamed ? listen : NULL;
        options.output_ctx = &heard;
        struct enclave_result *result =
            support_run(manager, other, "{\"argv\": [\"flood\", \"20000\", \"hang\"]}", &options);
        assert_int_equal(result->cause, ENCLAVE_CAUSE_OUTPUT_LIMIT);
        assert_int_equal(result->output_length, 1024);
        assert_int_equal(result->truncated, 1);
        enclave_result_free(result);
    }
}

static void test_sinks(void **state)
{
    (void)state;
    struct heard heard = {{0}, 0, 0, 0, ""};
    struct enclave_result *result =
        run_heard("{\"argv\": [\"out\", \"12345\", \"err\", \"e\"], \"sink\": \"count\"}", &heard);
    assert_string_equal(result->output, "");
    assert_contains(result->metadata, "\"sunk\":5");
    assert_string_equal(heard.text, "e");
    enclave_result_free(result);
    refused("run", "{\"argv\": [\"out\", \"1\", \"hang\"], \"sink\": \"fail\"}", ENCLAVE_ETOOBIG,
            "the receiver of the output failed");
}

/* ---------------------------------------------------------------------------------------- stdin */

static void test_stdin(void **state)
{
    (void)state;
    static char data[1000000];
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (char)('a' + i % 26);
    }
    options.stdin_data = data;
    options.stdin_length = sizeof data;
    struct enclave_result *result = support_run(manager, id, "{\"argv\": [\"cat\"]}", &options);
    assert_int_equal(result->output_length, sizeof data);
    assert_memory_equal(result->output, data, sizeof data);
    enclave_result_free(result);
    result = support_run(manager, id, "{\"argv\": [\"cat\", \"out\", \"end\"]}", NULL);
    assert_string_equal(result->output, "end");
    enclave_result_free(result);
    /* A program that does not read must not hold up the call. */
    result = support_run(manager, id, "{\"argv\": [\"out\", \"deaf\"]}", &options);
    assert_string_equal(result->output, "deaf");
    enclave_result_free(result);
}

/* ----------------------------------------------------------------------------------- cancelling */

static void *trigger_later(void *cancel)
{
    (void)usleep(30000);
    enclave_cancel_trigger(cancel);
    return NULL;
}

static void test_cancel(void **state)
{
    (void)state;
    for (int before = 0; before < 2; before++) {
        struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
        pthread_t thread;
        assert_int_equal(enclave_cancel_new(&options.cancel, NULL), 0);
        if (before) {
            enclave_cancel_trigger(options.cancel);
        } else {
            assert_int_equal(pthread_create(&thread, NULL, trigger_later, options.cancel), 0);
        }
        struct enclave_result *result =
            support_run(manager, id, "{\"argv\": [\"hang\"]}", &options);
        assert_int_equal(result->cause, ENCLAVE_CAUSE_CANCELLED);
        enclave_result_free(result);
        if (!before) {
            (void)pthread_join(thread, NULL);
        }
        enclave_cancel_trigger(options.cancel);
        enclave_cancel_free(options.cancel);
    }
    enclave_cancel_trigger(NULL);
    enclave_cancel_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_end),
        cmocka_unit_test(test_result_json),
        cmocka_unit_test(test_what_a_tool_sets),
        cmocka_unit_test(test_deep_metadata),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_huge_parameters),
        cmocka_unit_test(test_timeout_precedence),
        cmocka_unit_test(test_no_timeout),
        cmocka_unit_test(test_tiny_timeout),
        cmocka_unit_test(test_streaming),
        cmocka_unit_test(test_queue_holds_both_windows),
        cmocka_unit_test(test_slow_listener_and_deadline),
        cmocka_unit_test(test_listener_cancels),
        cmocka_unit_test(test_cap),
        cmocka_unit_test(test_kill_on_limit),
        cmocka_unit_test(test_sinks),
        cmocka_unit_test(test_bare_returns),
        cmocka_unit_test(test_stdin),
        cmocka_unit_test(test_cancel),
    };
    return cmocka_run_group_tests_name("execute", tests, set_up, tear_down);
}
