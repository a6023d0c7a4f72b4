/*
 * What is sent again, and what never is.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fake_remote.h"
#include "sandbox.h"

#include "../engine/cmocka_all.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The first `times` requests that have `part` are refused in the given way. */
struct script {
    const char *part;
    int times;
    int status; /* 0: the connection is closed */
    const char *headers;
    int closes; /* after each answer */
    int dies;   /* the port is closed with the connection */
    struct fake_server *server;
    atomic_int seen;
};

static int answer(void *ctx, int fd, const char *request)
{
    struct script *script = ctx;

    if (strstr(request, script->part) && atomic_fetch_add(&script->seen, 1) < script->times) {
        if (script->dies) {
            fake_server_refuse(script->server);
        }
        if (script->status) {
            fake_answer(fd, script->status, script->headers,
                        "{\"detail\":\"full\",\"code\":\"busy\"}");
        }
        return script->status != 0;
    }
    if (strncmp(request, "GET /sandboxes", 14) == 0) {
        fake_answer(fd, 200, "", "[]");
    } else if (strncmp(request, "DELETE ", 7) == 0 && atomic_load(&script->seen) > 1) {
        fake_answer(fd, 404, "", "{\"detail\":\"no sandbox\",\"code\":\"notfound\"}");
    } else if (strncmp(request, "POST /sandbox/tool", 18) == 0) {
        fake_answer(fd, 200, "", "{\"status\":\"success\",\"output\":\"\"}");
    } else {
        fake_answer(fd, 200, "", "{\"message\":\"ok\"}");
    }
    return !script->closes;
}

struct setup {
    struct script script;
    struct fake_server *server;
    struct remote *remote;
    struct text text;
    struct enclave_sink sink;
    struct enclave_error err;
};

static struct setup *setup_new(struct script script, const char *more)
{
    struct setup *setup = calloc(1, sizeof *setup);

    assert_non_null(setup);
    memcpy(&setup->script, &script, sizeof script);
    setup->server = fake_server_new(NULL, answer, &setup->script);
    setup->script.server = setup->server;
    setup->remote = fake_server_remote(setup->server, more);
    setup->sink = text_sink(&setup->text);
    setup->err.size = sizeof setup->err;
    return setup;
}

static void setup_free(struct setup *setup)
{
    remote_close(setup->remote);
    fake_server_free(setup->server);
    free(setup);
}

static int32_t take_nothing(void *ctx, const struct enclave_tool_result *result)
{
    (void)result;
    ++*(int *)ctx;
    return 0;
}

static int32_t execute(struct setup *setup)
{
    int results = 0;
    struct sandbox *sandbox = sandbox_new(setup->remote, "abc");
    struct enclave_tool_call call = {.size = sizeof call,
                                     .cancel_fd = -1,
                                     .tool = "shell_executor",
                                     .params = "{}",
                                     .execution_id = "e",
                                     .timeout_ms = -1,
                                     .ctx = &results,
                                     .result = take_nothing};
    int32_t r = sandbox_execute_tool(sandbox, &call, &setup->err);

    assert_int_equal(results, r == 0);
    sandbox_free(sandbox);
    return r;
}

/* -------------------------------------------------------------------------------------- broken */

static void test_get_is_repeated(void **state)
{
    struct setup *setup =
        setup_new((struct script){.part = "GET /sandboxes", .times = 3}, ",\"retry_timeout\":30");

    (void)state;
    assert_int_equal(remote_list(setup->remote, 0, &setup->sink, &setup->err), 0);
    assert_int_equal(fake_server_requests(setup->server, "GET /sandboxes"), 4);
    setup_free(setup);
}

static void test_not_for_ever(void **state)
{
    struct setup *setup = setup_new((struct script){.part = "GET /sandboxes", .times = 1000000},
                                    ",\"retry_timeout\":0.5");

    (void)state;
    assert_int_equal(remote_list(setup->remote, 0, &setup->sink, &setup->err),
                     ENCLAVE_EUNREACHABLE);
    assert_in_range(fake_server_requests(setup->server, "GET /sandboxes"), 2, 10);
    setup_free(setup);
}

static void test_execution_is_not(void **state)
{
    struct setup *setup = setup_new((struct script){.part = "POST /sandbox/tool", .times = 1},
                                    ",\"retry_timeout\":30");

    (void)state;
    assert_int_equal(execute(setup), ENCLAVE_ELOST);
    assert_non_null(strstr(setup->err.message, "what became of it is not known"));
    assert_int_equal(fake_server_requests(setup->server, "POST /sandbox/tool"), 1);
    setup_free(setup);
}

/* A kept connection that the server has closed meanwhile is seen to be closed, before anything is sent over it. */
static void check_connections(int closes, unsigned connections)
{
    struct setup *setup = setup_new((struct script){.part = "none", .closes = closes}, "");
    int server;

    assert_int_equal(remote_server(setup->remote, -1, &server, &setup->err), 0);
    for (int i = 0; i < 4; i++) {
        usleep(closes ? 200000 : 0); /* for the end of the connection to come */
        assert_int_equal(execute(setup), 0);
    }
    assert_int_equal(fake_server_connections(setup->server), connections);
    setup_free(setup);
}

static void test_connections(void **state)
{
    (void)state;
    check_connections(0, 1);
    check_connections(1, 5); /* the first request asked what the server is */
}

/* The server dies with a request that came over a kept connection: libcurl tries another one, in vain. */
static void test_dies(void **state)
{
    struct setup *setup =
        setup_new((struct script){.part = "POST /sandbox/tool", .times = 1, .dies = 1},
                  ",\"retry_timeout\":30");

    (void)state;
    assert_int_equal(execute(setup), ENCLAVE_ELOST);
    setup_free(setup);
    setup = setup_new((struct script){.part = "GET /stats", .times = 1, .dies = 1},
                      ",\"retry_timeout\":0.4");
    assert_int_equal(remote_list(setup->remote, 0, &setup->sink, &setup->err), 0);
    assert_int_equal(remote_stats(setup->remote, &setup->sink, &setup->err), ENCLAVE_EUNREACHABLE);
    setup_free(setup);
}

static void test_delete_is(void **state)
{
    struct setup *setup =
        setup_new((struct script){.part = "DELETE ", .times = 1}, ",\"retry_timeout\":30");

    (void)state;
    assert_int_equal(sandbox_delete(setup->remote, "abc", "delete", 0, &setup->err), 0);
    assert_int_equal(fake_server_requests(setup->server, "DELETE /sandbox/abc"), 2);
    /* This one was gone before. */
    assert_int_equal(sandbox_delete(setup->remote, "abc", "delete", 0, &setup->err),
                     ENCLAVE_ENOTFOUND);
    setup_free(setup);
}

/* ------------------------------------------------------------------------------------- put off */

static void check_put_off(int status, const char *headers, unsigned requests, int32_t code)
{
    struct setup *setup = setup_new(
        (struct script){
            .part = "POST /sandbox/tool", .times = 1, .status = status, .headers = headers},
        ",\"retry_timeout\":30");

    assert_int_equal(execute(setup), code);
    assert_int_equal(fake_server_requests(setup->server, "POST /sandbox/tool"), requests);
    setup_free(setup);
}

static void test_put_off(void **state)
{
    (void)state;
    check_put_off(429, "Retry-After: 0\r\n", 2, 0);
    check_put_off(503, "Retry-After: 0\r\n", 2, 0);
    check_put_off(429, "", 1, ENCLAVE_EBUSY);                       /* not asked to come again */
    check_put_off(429, "Retry-After: 86400\r\n", 1, ENCLAVE_EBUSY); /* nobody waits so long */
    check_put_off(500, "Retry-After: 0\r\n", 1, ENCLAVE_EBUSY);     /* not put off */
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void test_retry_after(void **state)
{
    struct setup *setup = setup_new(
        (struct script){
            .part = "GET /sandboxes", .times = 1, .status = 429, .headers = "Retry-After: 1\r\n"},
        ",\"retry_timeout\":30");
    int64_t begun = now_ms();

    (void)state;
    assert_int_equal(remote_list(setup->remote, 0, &setup->sink, &setup->err), 0);
    assert_true(now_ms() - begun >= 1000);
    setup_free(setup);
}

/* --------------------------------------------------------------------------------------- away */

static void *start_later(void *arg)
{
    usleep(300000);
    fake_server_start(arg);
    return NULL;
}

/* Nothing had been sent, so even an execution is safe to send. */
static void test_restart(void **state)
{
    struct setup *setup = setup_new((struct script){.part = "none"}, ",\"retry_timeout\":60");
    pthread_t thread;

    (void)state;
    assert_int_equal(execute(setup), 0);
    fake_server_stop(setup->server);
    assert_int_equal(pthread_create(&thread, NULL, start_later, setup->server), 0);
    assert_int_equal(execute(setup), 0);
    pthread_join(thread, NULL);
    assert_int_equal(fake_server_requests(setup->server, "POST /sandbox/tool"), 2);
    setup_free(setup);
}

static void test_cancelled_while_away(void **state)
{
    struct setup *setup = setup_new((struct script){.part = "none"}, ",\"retry_timeout\":600");
    int cancel_fd = fake_cancel_after(200), server;

    (void)state;
    fake_server_stop(setup->server);
    assert_int_equal(remote_server(setup->remote, cancel_fd, &server, &setup->err),
                     ENCLAVE_ECANCELLED);
    close(cancel_fd);
    setup_free(setup);
}

/* --------------------------------------------------------------------------------- many at once */

static void *list_often(void *arg)
{
    struct setup *setup = arg;

    for (int i = 0; i < 50; i++) {
        struct enclave_error err = ENCLAVE_ERROR_INIT;
        struct text *text = malloc(sizeof *text);
        struct enclave_sink sink = text_sink(text);
        assert_int_equal(remote_list(setup->remote, 0, &sink, &err), 0);
        free(text);
    }
    return NULL;
}

static void test_many_threads(void **state)
{
    struct setup *setup = setup_new((struct script){.part = "none"}, "");
    pthread_t threads[12];

    (void)state;
    for (size_t i = 0; i < 12; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, list_often, setup), 0);
    }
    for (size_t i = 0; i < 12; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(fake_server_requests(setup->server, "GET /sandboxes"), 600);
    assert_true(fake_server_connections(setup->server) < 250); /* they are kept, 8 of them */
    setup_free(setup);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_get_is_repeated),  cmocka_unit_test(test_not_for_ever),
        cmocka_unit_test(test_execution_is_not), cmocka_unit_test(test_connections),
        cmocka_unit_test(test_delete_is),        cmocka_unit_test(test_dies),
        cmocka_unit_test(test_put_off),          cmocka_unit_test(test_retry_after),
        cmocka_unit_test(test_restart),          cmocka_unit_test(test_cancelled_while_away),
        cmocka_unit_test(test_many_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
