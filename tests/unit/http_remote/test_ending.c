/*
 * How long a server is waited for once the manager ends.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fake_remote.h"
#include "sandbox.h"

#include "../engine/cmocka_all.h"

#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

/* But for the end of the manager, longer than any test may take. */
#define FOR_EVER                                                                                   \
    ",\"connect_timeout\":3600,\"request_timeout\":3600,\"retry_timeout\":3600,"                   \
    "\"end_timeout\":1"

struct script {
    int lives;        /* it answers when it is asked for its health */
    unsigned healths; /* a delete is done when that was asked so often; 0: never */
    int puts_off;     /* lists, for an hour */
    struct fake_server *server;
};

static int answer(void *ctx, int fd, const char *request)
{
    struct script *script = ctx;

    if (script->puts_off && strncmp(request, "GET /sandboxes", 14) == 0) {
        fake_answer(fd, 429, "Retry-After: 3000\r\n", "{\"detail\":\"full\",\"code\":\"busy\"}");
    } else if (script->lives && strncmp(request, "GET /health", 11) == 0) {
        fake_answer(fd, 200, "", "{\"healthy\":true}");
    } else if (script->healths && strncmp(request, "DELETE ", 7) == 0) {
        fake_server_wait(script->server, "GET /health", script->healths);
        fake_answer(fd, 200, "", "{}");
    } else {
        fake_wait_for_close(fd);
        return 0;
    }
    return 1;
}

struct setup {
    struct script script;
    struct fake_server *server;
    struct remote *remote;
    struct text text;
    struct enclave_sink sink;
    int32_t code; /* of what a thread asked */
    struct enclave_error err;
    struct enclave_host host;
    sem_t told; /* something, to the log: that it will be asked again */
};

static void post_told(void *ctx, uint32_t level, const char *message)
{
    struct setup *setup = ctx;

    (void)level, (void)message;
    sem_post(&setup->told);
}

static struct setup *setup_new(struct script script, const char *more)
{
    struct setup *setup = calloc(1, sizeof *setup);

    assert_non_null(setup);
    setup->script = script;
    setup->server = fake_server_new(NULL, answer, &setup->script);
    setup->script.server = setup->server;
    setup->remote = fake_server_remote(setup->server, more);
    setup->sink = text_sink(&setup->text);
    setup->err.size = sizeof setup->err;
    assert_int_equal(sem_init(&setup->told, 0, 0), 0);
    setup->host = (struct enclave_host){.size = sizeof setup->host, .ctx = setup, .log = post_told};
    setup->remote->host = &setup->host;
    return setup;
}

static void setup_free(struct setup *setup)
{
    remote_close(setup->remote);
    fake_server_free(setup->server);
    sem_destroy(&setup->told);
    free(setup);
}

static int32_t destroy(struct setup *setup, const char *id)
{
    return sandbox_destroy(sandbox_new(setup->remote, id), &setup->err);
}

static int32_t take_nothing(void *ctx, const struct enclave_tool_result *result)
{
    (void)ctx, (void)result;
    return 0;
}

/* -------------------------------------------------------------------------------------- silence */

/* The first of many is waited for; for the others the server has been given up. */
static void test_given_up(void **state)
{
    struct setup *setup = setup_new((struct script){0}, ",\"request_timeout\":0.5");
    struct enclave_tool_call call = {.size = sizeof call,
                                     .cancel_fd = -1,
                                     .tool = "shell_executor",
                                     .execution_id = "e",
                                     .timeout_ms = -1,
                                     .result = take_nothing};

    (void)state;
    remote_ending(setup->remote);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(destroy(setup, "abc"), ENCLAVE_EUNREACHABLE);
        assert_non_null(strstr(setup->err.message, "delete sandbox 'abc': the server at"));
        assert_non_null(strstr(setup->err.message, "gives no sign of life any more"));
    }
    assert_int_equal(fake_server_requests(setup->server, "DELETE "), 1);
    struct sandbox *sandbox = sandbox_new(setup->remote, "abc");
    assert_int_equal(sandbox_execute_tool(sandbox, &call, &setup->err), ENCLAVE_EUNREACHABLE);
    assert_int_equal(sandbox_stop(sandbox, &setup->err), ENCLAVE_EUNREACHABLE);
    assert_int_equal(fake_server_requests(setup->server, "POST "), 0);
    sandbox_free(sandbox);
    setup_free(setup);
}

/* It takes longer than a server may be silent, but it lives. */
static void test_slow(void **state)
{
    struct setup *setup =
        setup_new((struct script){.lives = 1, .healths = 3}, ",\"request_timeout\":3");

    (void)state;
    remote_ending(setup->remote);
    assert_int_equal(destroy(setup, "abc"), 0);
    setup_free(setup);
}

/* --------------------------------------------------------------------------------------- waking */

static void *run_destroy(void *arg)
{
    struct setup *setup = arg;

    setup->code = destroy(setup, "abc");
    return NULL;
}

static void *run_list(void *arg)
{
    struct setup *setup = arg;

    setup->code = remote_list(setup->remote, 0, &setup->sink, &setup->err);
    return NULL;
}

/* What is under way ends too, be it waiting for an answer or for the time to ask again. */
static void check_woken(struct script script, void *(*run)(void *arg), const char *request,
                        int32_t code)
{
    struct setup *setup = setup_new(script, FOR_EVER);
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, run, setup), 0);
    fake_server_wait(setup->server, request, 1);
    if (script.puts_off) {
        assert_int_equal(sem_wait(&setup->told), 0);
    }
    /* By then it waits for what does not come; woken before, it ends just so. */
    (void)poll(NULL, 0, 300);
    remote_ending(setup->remote);
    pthread_join(thread, NULL);
    assert_int_equal(setup->code, code);
    setup_free(setup);
}

static void test_woken(void **state)
{
    (void)state;
    check_woken((struct script){0}, run_destroy, "DELETE ", ENCLAVE_ETIMEOUT);
    check_woken((struct script){0}, run_list, "GET /sandboxes", ENCLAVE_ETIMEOUT);
    check_woken((struct script){.puts_off = 1}, run_list, "GET /sandboxes", ENCLAVE_EBUSY);
}

/* A server that lives is not waited for without end either. */
static void test_all_in_time(void **state)
{
    struct setup *setup = setup_new((struct script){.lives = 1}, FOR_EVER);

    (void)state;
    remote_ending(setup->remote);
    assert_int_equal(destroy(setup, "abc"), ENCLAVE_ETIMEOUT);
    assert_int_not_equal(destroy(setup, "abc"), 0);
    assert_int_equal(fake_server_requests(setup->server, "DELETE "), 1);
    setup_free(setup);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_given_up),
        cmocka_unit_test(test_slow),
        cmocka_unit_test(test_woken),
        cmocka_unit_test(test_all_in_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
