/*
 * Executions: plain and streamed, cancelled by descriptor and by the receiver, by servers that die, hang, or cannot do it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fake_remote.h"
#include "sandbox.h"

#include "../engine/cmocka_all.h"

#include <enclave/enclave.h>

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RESULT(cause)                                                                              \
    "{\"status\":\"success\",\"cause\":\"" cause "\",\"exit_code\":0,\"output\":\"hi\\n\","        \
    "\"error\":null,\"metadata\":{}}"
#define OUTPUT "{\"event\":\"output\",\"stream\":\"stdout\",\"offset\":0,\"data\":\"hi\\n\"}\n"
#define LAST(cause) "{\"event\":\"result\",\"result\":" RESULT(cause) "}\n"

enum { PLAIN, STREAM, STREAM_CUT, STREAM_ERROR, STREAM_GARBAGE, UNTIL_CANCELLED, HANG, REFUSE };

struct script {
    int kind;
    int foreign;
    int unknown_first; /* cancels that find nothing */
    int health_hangs;
    const char *body; /* of REFUSE */
    atomic_int cancels;
    int cancelled[2]; /* a pipe */
};

static void stream(const struct script *script, int fd)
{
    char byte;

    fake_stream(fd);
    fake_send(fd, OUTPUT "{\"event\":\"ping\"}\n");
    if (script->kind == STREAM_ERROR) {
        fake_send(fd, "{\"event\":\"error\",\"error\":{\"detail\":\"it went\",\"code\":\"lost\","
                      "\"cause\":\"backend_lost\",\"status\":502}}\n");
    } else if (script->kind == STREAM_GARBAGE) {
        fake_send(fd, "and so on\n");
        fake_wait_for_close(fd);
    } else if (script->kind == UNTIL_CANCELLED) {
        assert_int_equal(read(script->cancelled[0], &byte, 1), 1);
        fake_send(fd, LAST("cancelled"));
    } else if (script->kind == STREAM) {
        fake_send(fd, LAST("exited"));
    }
}

static int execute_there(struct script *script, int fd, const char *request)
{
    char byte;

    if (script->kind == HANG) {
        fake_wait_for_close(fd);
        return 0;
    }
    if (script->kind == REFUSE) {
        fake_answer(fd, 404, "", script->body);
        return 1;
    }
    if (strstr(request, "Accept: application/x-ndjson\r\n")) {
        stream(script, fd);
        return 0;
    }
    if (script->kind == UNTIL_CANCELLED) {
        assert_int_equal(read(script->cancelled[0], &byte, 1), 1);
        fake_answer(fd, 200, "", RESULT("cancelled"));
    } else if (script->foreign) {
        fake_answer_foreign(
            fd, 200,
            "{\"status\":\"error\",\"output\":\"hi\\n\",\"error\":\"oh\",\"metadata\":"
            "{},\"execution_time\":null}");
    } else {
        fake_answer(fd, 200, "", RESULT("exited"));
    }
    return 1;
}

static int answer(void *ctx, int fd, const char *request)
{
    struct script *script = ctx;

    if (strncmp(request, "POST /sandbox/tool/execute", 26) == 0) {
        return execute_there(script, fd, request);
    }
    if (strncmp(request, "POST /execution/", 16) == 0) {
        if (atomic_fetch_add(&script->cancels, 1) < script->unknown_first) {
            fake_answer(fd, 404, "", "{\"detail\":\"no such execution\",\"code\":\"notfound\"}");
        } else {
            fake_answer(fd, 200, "", "{\"message\":\"\"}");
            assert_int_equal(write(script->cancelled[1], "x", 1), 1);
        }
        return 1;
    }
    if (script->foreign) {
        fake_answer_foreign(fd, 200, "{\"healthy\":true}");
    } else if (script->health_hangs && atomic_fetch_add(&script->cancels, 1) > 0) {
        fake_wait_for_close(fd);
    } else {
        fake_answer(fd, 200, "", "{\"healthy\":true}");
    }
    return 1;
}

struct setup {
    struct script script;
    struct fake_server *server;
    struct remote *remote;
    struct sandbox *sandbox;
    struct enclave_error err;
    char heard[256];
    int gives_up;
    int results;
    uint32_t cause;
    int32_t exit_code;
};

static struct setup *setup_new(struct script script, const char *more)
{
    struct setup *setup = calloc(1, sizeof *setup);

    assert_non_null(setup);
    memcpy(&setup->script, &script, sizeof script);
    assert_int_equal(pipe(setup->script.cancelled), 0);
    setup->server = fake_server_new(NULL, answer, &setup->script);
    setup->remote = fake_server_remote(setup->server, more);
    setup->sandbox = sandbox_new(setup->remote, "abc");
    setup->err.size = sizeof setup->err;
    return setup;
}

static void setup_free(struct setup *setup)
{
    sandbox_free(setup->sandbox);
    remote_close(setup->remote);
    fake_server_free(setup->server);
    close(setup->script.cancelled[0]);
    close(setup->script.cancelled[1]);
    free(setup);
}

static int32_t hear(void *ctx, uint32_t which, const void *data, uint64_t length)
{
    struct setup *setup = ctx;
    size_t at = strlen(setup->heard);

    snprintf(setup->heard + at, sizeof setup->heard - at, "%u:%.*s;", which, (int)length,
             (const char *)data);
    return setup->gives_up;
}

static int32_t take(void *ctx, const struct enclave_tool_result *result)
{
    struct setup *setup = ctx;

    setup->results++;
    setup->cause = result->cause;
    setup->exit_code = result->exit_code;
    assert_int_equal(result->output_length, 3);
    assert_memory_equal(result->output, "hi\n", 3);
    return 0;
}

static int32_t execute(struct setup *setup, int streams, int cancel_fd)
{
    struct enclave_tool_call call = {.size = sizeof call,
                                     .cancel_fd = cancel_fd,
                                     .tool = "shell \"executor\"",
                                     .params = "{\"command\":\"x\"}",
                                     .execution_id = "id/1",
                                     .timeout_ms = 1500,
                                     .stdin_data = streams ? NULL : "in\n",
                                     .stdin_length = streams ? 0 : 3,
                                     .ctx = setup,
                                     .output = streams ? hear : NULL,
                                     .result = take};
    int32_t r = sandbox_execute_tool(setup->sandbox, &call, &setup->err);

    assert_int_equal(setup->results, r == 0);
    return r;
}

static void test_plain(void **state)
{
    struct setup *setup = setup_new((struct script){.kind = PLAIN}, "");

    (void)state;
    assert_int_equal(execute(setup, 0, -1), 0);
    assert_int_equal(setup->cause, ENCLAVE_CAUSE_EXITED);
    assert_int_equal(
        fake_server_requests(
            setup->server,
            "\r\n\r\n{\"sandbox_id\":\"abc\",\"tool_name\":\"shell \\u0022executor\\u0022\","
            "\"parameters\":{\"command\":\"x\"},\"timeout\":1.500,\"execution_id\":\"id/1\","
            "\"stdin\":\"in\\u000a\"}"),
        1);
    setup_free(setup);
}

static void test_streamed(void **state)
{
    struct setup *setup = setup_new((struct script){.kind = STREAM}, "");

    (void)state;
    assert_int_equal(execute(setup, 1, -1), 0);
    assert_string_equal(setup->heard, "1:hi\n;");
    assert_int_equal(setup->cause, ENCLAVE_CAUSE_EXITED);
    setup_free(setup);
}

static void check_stream(int kind, int32_t code, const char *part)
{
    struct setup *setup = setup_new((struct script){.kind = kind}, "");

    assert_int_equal(execute(setup, 1, -1), code);
    assert_non_null(strstr(setup->err.message, part));
    setup_free(setup);
}

static void test_bad_streams(void **state)
{
    (void)state;
    check_stream(STREAM_CUT, ENCLAVE_ELOST, "without a result");
    check_stream(STREAM_ERROR, ENCLAVE_ELOST, "it went");
    check_stream(STREAM_GARBAGE, ENCLAVE_EPROTOCOL, "something else");
}

static void test_refused(void **state)
{
    struct setup *setup =
        setup_new((struct script){.kind = REFUSE,
                                  .body = "{\"detail\":\"Sandbox not found\",\"code\":\"notfound\","
                                          "\"message\":\"execute a tool: no sandbox 'abc'\"}"},
                  "");

    (void)state;
    assert_int_equal(execute(setup, 1, -1), ENCLAVE_ENOTFOUND);
    assert_string_equal(setup->err.message, "execute a tool: no sandbox 'abc'");
    setup_free(setup);
}

/* ------------------------------------------------------------------------------------ cancelling */

static void check_cancel(int streams, int unknown_first)
{
    struct setup *setup =
        setup_new((struct script){.kind = UNTIL_CANCELLED, .unknown_first = unknown_first}, "");
    int cancel_fd = fake_cancel_after(300);

    assert_int_equal(execute(setup, streams, cancel_fd), 0);
    assert_int_equal(setup->cause, ENCLAVE_CAUSE_CANCELLED);
    assert_int_equal(fake_server_requests(setup->server, "POST /execution/id%2F1/cancel "),
                     1 + unknown_first);
    close(cancel_fd);
    setup_free(setup);
}

static void test_cancelled(void **state)
{
    (void)state;
    check_cancel(0, 0);
    check_cancel(1, 0);
    check_cancel(0, 3); /* it came before the execution was known */
}

static void test_receiver_gives_up(void **state)
{
    struct setup *setup = setup_new((struct script){.kind = UNTIL_CANCELLED}, "");

    (void)state;
    setup->gives_up = 1;
    assert_int_equal(execute(setup, 1, -1), 0);
    assert_int_equal(setup->cause, ENCLAVE_CAUSE_CANCELLED);
    assert_string_equal(setup->heard, "1:hi\n;");
    setup_free(setup);
}

/* ------------------------------------------------------------------------------------- silence */

/* A server that lives may take its time. */
static void test_silent(void **state)
{
    struct setup *setup =
        setup_new((struct script){.kind = UNTIL_CANCELLED}, ",\"request_timeout\":0.2");
    int cancel_fd = fake_cancel_after(1200);

    (void)state;
    assert_int_equal(execute(setup, 0, cancel_fd), 0);
    assert_true(fake_server_requests(setup->server, "GET /health") >= 3);
    close(cancel_fd);
    setup_free(setup);
}

static void test_hung(void **state)
{
    struct setup *setup = setup_new((struct script){.kind = HANG, .health_hangs = 1},
                                    ",\"request_timeout\":0.3,\"retry_timeout\":30");

    (void)state;
    assert_int_equal(execute(setup, 0, -1), ENCLAVE_ELOST);
    assert_non_null(strstr(setup->err.message, "no sign of life"));
    assert_int_equal(fake_server_requests(setup->server, "POST /sandbox/tool"), 1);
    setup_free(setup);
}

/* ----------------------------------------------------------------------------------- ms-enclave */

static void test_foreign(void **state)
{
    struct setup *setup = setup_new((struct script){.kind = PLAIN, .foreign = 1}, "");

    (void)state;
    assert_int_equal(execute(setup, 1, -1), 0);
    assert_string_equal(setup->heard, "1:hi\n;2:oh;"); /* all of it at the end */
    assert_int_equal(setup->exit_code, 1);
    assert_int_equal(fake_server_requests(setup->server, "x-ndjson"), 0);
    assert_int_equal(fake_server_requests(setup->server, "execution_id"), 0);
    setup_free(setup);
}

static void test_foreign_lacks(void **state)
{
    struct setup *setup = setup_new((struct script){.kind = HANG, .foreign = 1}, "");
    struct text *text = malloc(sizeof *text);
    struct enclave_sink sink = text_sink(text);
    int cancel_fd = fake_cancel_after(300);

    (void)state;
    assert_int_equal(execute(setup, 0, -1), ENCLAVE_ENOTSUP); /* with stdin */
    assert_non_null(strstr(setup->err.message, "stdin is not supported"));
    assert_int_equal(execute(setup, 1, cancel_fd),
                     ENCLAVE_ECANCELLED); /* at once, and lets it run */
    assert_int_equal(fake_server_requests(setup->server, "POST /execution/"), 0);
    assert_int_equal(sandbox_keep_alive(setup->sandbox, 5, &setup->err), ENCLAVE_ENOTSUP);
    assert_int_equal(remote_sweep(setup->remote, &sink, &setup->err), ENCLAVE_ENOTSUP);
    close(cancel_fd);
    free(text);
    setup_free(setup);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),       cmocka_unit_test(test_streamed),
        cmocka_unit_test(test_bad_streams), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_cancelled),   cmocka_unit_test(test_receiver_gives_up),
        cmocka_unit_test(test_silent),      cmocka_unit_test(test_hung),
        cmocka_unit_test(test_foreign),     cmocka_unit_test(test_foreign_lacks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
