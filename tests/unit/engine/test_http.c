/*
 * Requests against a scripted engine: what it may answer, what it must not get away with, and what
 * happens when it is silent, goes away and comes back.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fake.h"

#include "cmocka_all.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

/* A fixed answer, after which the connection is closed, or left open and silent. */
struct script {
    const char *answer;
    int stays_open;
};

static int play(void *ctx, int fd, const char *request)
{
    const struct script *script = ctx;

    (void)request;
    fake_send(fd, script->answer);
    if (script->stays_open) {
        fake_wait_for_close(fd);
    }
    return 0;
}

static int32_t get(struct engine *engine, int64_t timeout_ms, int cancel_fd, long *status,
                   json_object **json, struct enclave_error *err)
{
    return engine_request(engine, "GET", "/x", NULL, timeout_ms, cancel_fd, status, json, err);
}

/* GET /x against a script: the code expected, and words of its message. */
static void expect(const char *answer, int stays_open, int32_t expected, const char *words)
{
    struct script script = {answer, stays_open};
    struct fake *fake = fake_new("1.41", NULL, play, &script);
    struct engine *engine = fake_engine(fake);
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    json_object *json = NULL;
    long status = -1;
    int32_t code = get(engine, 3000, -1, &status, &json, &err);

    if (code != expected || (words && !strstr(err.message, words))) {
        fail_msg("%.60s: %d (%s), expected %d (%s)", answer, code, err.message, expected, words);
    }
    assert_null(strchr(err.message, '\n'));
    if (code) {
        assert_null(json);
    }
    json_object_put(json);
    engine_free(engine);
    fake_free(fake);
}

static void answers(void **state)
{
    (void)state;
    expect(HEAD "Content-Length: 2\r\n\r\n{}", 1, 0, NULL);
    expect(HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 1, 0, NULL);
    expect("HTTP/1.0 200 OK\r\n\r\n[1]", 0, 0, NULL);
    expect("HTTP/1.1 204 No Content\r\n\r\n", 1, 0, NULL);
    expect("HTTP/1.1 304 Not Modified\r\n\r\n", 1, 0, NULL);
    expect("HTTP/1.1 100 Continue\r\n\r\n" HEAD "Content-Length: 2\r\n\r\n{}", 1, 0, NULL);
}

static void errors(void **state)
{
    (void)state;
    expect("HTTP/1.1 404 Not Found\r\nContent-Length: 32\r\n\r\n"
           "{\"message\":\"No such container\"}\n",
           1, ENCLAVE_ENOTFOUND, "Docker: No such container (404 to GET /x)");
    expect("HTTP/1.1 409 C\r\nContent-Length: 0\r\n\r\n", 1, ENCLAVE_EEXISTS, "no reason given");
    expect("HTTP/1.1 400 C\r\nContent-Length: 3\r\n\r\nbad", 1, ENCLAVE_EINVALID, "Docker: bad");
    expect("HTTP/1.1 401 C\r\nContent-Length: 0\r\n\r\n", 1, ENCLAVE_EUNAUTHORIZED, NULL);
    expect("HTTP/1.1 403 C\r\nContent-Length: 0\r\n\r\n", 1, ENCLAVE_EUNAUTHORIZED, NULL);
    expect("HTTP/1.1 500 C\r\nContent-Length: 10\r\n\r\n\x1b[31m\xff\n<b>", 1, ENCLAVE_EBACKEND,
           "Docker: [31m? <b>");
    expect("HTTP/1.1 503 C\r\nContent-Length: 0\r\n\r\n", 1, ENCLAVE_EBACKEND, NULL);
}

static void broken_answers(void **state)
{
    (void)state;
    expect("", 0, ENCLAVE_EUNREACHABLE, "closed the connection before");
    expect("HTTP/1.1 200 OK\r\nContent-Le", 0, ENCLAVE_EUNREACHABLE, "closed the connection");
    expect(HEAD "Content-Length: 10\r\n\r\n{}", 0, ENCLAVE_EUNREACHABLE, "in the middle");
    expect(HEAD "Transfer-Encoding: chunked\r\n\r\n10\r\n{}", 0, ENCLAVE_EUNREACHABLE,
           "in the middle");
    expect(HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", 0, ENCLAVE_EUNREACHABLE,
           "in the middle");
    expect(HEAD "Transfer-Encoding: chunked\r\n\r\n1", 0, ENCLAVE_EUNREACHABLE, "in the middle");
    expect(HEAD "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", 1, ENCLAVE_EPROTOCOL,
           "does not speak HTTP");
    expect(HEAD "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n{}", 1, ENCLAVE_EPROTOCOL,
           NULL);
    expect("SSH-2.0-OpenSSH_9.2\r\n", 0, ENCLAVE_EPROTOCOL, "does not speak HTTP");
    expect("\x15\x03\x01\x00\x02\x02\x16", 0, ENCLAVE_EPROTOCOL, NULL);
    expect(HEAD "Content-Length: 4294967296\r\n\r\n{", 1, ENCLAVE_EPROTOCOL, "more than 16 MiB");
    expect(HEAD "Content-Length: 99999999999999999999999\r\n\r\n{", 1, ENCLAVE_EPROTOCOL, NULL);
    expect(HEAD "Content-Length: -5\r\n\r\n{}", 1, ENCLAVE_EPROTOCOL, NULL);
    expect(HEAD "Content-Length: 5\r\n\r\nhello", 1, ENCLAVE_EPROTOCOL, "not JSON");
    expect(HEAD "Content-Length: 4\r\n\r\n{}{}", 1, ENCLAVE_EPROTOCOL, "not JSON");
}

static int redirect(void *ctx, int fd, const char *request)
{
    char text[256];

    (void)request;
    snprintf(text, sizeof text, "HTTP/1.1 307 Moved\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n",
             (char *)ctx);
    fake_send(fd, text);
    return 1;
}

static void redirects_are_not_followed(void **state)
{
    static char *const places[] = {"http://localhost/elsewhere", "http://127.0.0.1:1/elsewhere",
                                   "file:///etc/passwd"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct fake *fake = fake_new("1.41", NULL, redirect, places[i]);
        struct engine *engine = fake_engine(fake);
        struct enclave_error err = ENCLAVE_ERROR_INIT;
        long status = 0;
        assert_int_equal(get(engine, 3000, -1, &status, NULL, &err), ENCLAVE_EPROTOCOL);
        assert_int_equal(status, 307);
        assert_non_null(strstr(err.message, "redirect"));
        assert_int_equal(fake_requests(fake, "elsewhere"), 0);
        engine_free(engine);
        fake_free(fake);
    }
}

/* ------------------------------------------------------------------------------- large answers */

static int endless_body(void *ctx, int fd, const char *request)
{
    char block[65536];

    (void)ctx, (void)request;
    memset(block, ' ', sizeof block);
    fake_send(fd, HEAD "\r\n");
    for (size_t sent = 0; sent < (size_t)256 << 20; sent += sizeof block) {
        fake_send_bytes(fd, block, sizeof block);
    }
    return 0;
}

static int endless_headers(void *ctx, int fd, const char *request)
{
    char line[1024];

    (void)ctx, (void)request;
    memset(line, 'x', sizeof line);
    line[1] = ':';
    memcpy(line + sizeof line - 2, "\r\n", 2);
    fake_send(fd, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 65536; i++) {
        fake_send_bytes(fd, line, sizeof line);
    }
    return 0;
}

static int deep_json(void *ctx, int fd, const char *request)
{
    char *body = malloc(200001);

    (void)ctx, (void)request;
    memset(body, '[', 100000);
    memset(body + 100000, ']', 100000);
    body[200000] = '\0';
    fake_send_answer(fd, 200, body);
    free(body);
    return 1;
}

static int json_of(void *ctx, int fd, const char *request)
{
    size_t length = *(size_t *)ctx;
    char *body = malloc(length + 1);

    (void)request;
    memset(body, 'x', length);
    body[0] = body[length - 1] = '"';
    body[length] = '\0';
    fake_send_answer(fd, 200, body);
    free(body);
    return 1;
}

static void expect_of(fake_answer_fn answer, void *ctx, int32_t expected)
{
    struct fake *fake = fake_new("1.41", NULL, answer, ctx);
    struct engine *engine = fake_engine(fake);
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    json_object *json = NULL;
    int32_t code = get(engine, 20000, -1, NULL, &json, &err);

    if (code != expected) {
        fail_msg("%d: %s", code, err.message);
    }
    json_object_put(json);
    engine_free(engine);
    fake_free(fake);
}

static void large_answers(void **state)
{
    size_t fits = (size_t)15 << 20, too_large = (size_t)20 << 20;

    (void)state;
    expect_of(json_of, &fits, 0);
    expect_of(json_of, &too_large, ENCLAVE_EPROTOCOL);
    expect_of(endless_body, NULL, ENCLAVE_EPROTOCOL);
    expect_of(endless_headers, NULL, ENCLAVE_EPROTOCOL);
    expect_of(deep_json, NULL, ENCLAVE_EPROTOCOL);
}

/* ------------------------------------------------------------------------------------- silence */

static int silent(void *ctx, int fd, const char *request)
{
    (void)ctx, (void)request;
    fake_wait_for_close(fd);
    return 0;
}

static void deadlines_and_cancelling(void **state)
{
    struct fake *fake = fake_new("1.41", NULL, silent, NULL);
    struct engine *engine = fake_engine(fake);
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    long status = -1, start = fake_now_ms();
    int cancel, pipe_fds[2];

    (void)state;
    assert_int_equal(get(engine, 200, -1, &status, NULL, &err), ENCLAVE_ETIMEOUT);
    assert_int_equal(status, 0);
    assert_in_range(fake_now_ms() - start, 190, 10000);

    cancel = fake_cancel_after(100);
    start = fake_now_ms();
    assert_int_equal(get(engine, 0, cancel, &status, NULL, &err), ENCLAVE_ECANCELLED);
    assert_in_range(fake_now_ms() - start, 90, 10000);
    start = fake_now_ms(); /* it stays triggered */
    assert_int_equal(get(engine, 0, cancel, &status, NULL, &err), ENCLAVE_ECANCELLED);
    assert_in_range(fake_now_ms() - start, 0, 10000);
    close(cancel);

    assert_int_equal(pipe(pipe_fds), 0); /* a pipe without a writer: POLLHUP only */
    close(pipe_fds[1]);
    assert_int_equal(get(engine, 0, pipe_fds[0], &status, NULL, &err), ENCLAVE_ECANCELLED);
    close(pipe_fds[0]);
    engine_free(engine);
    fake_free(fake);
}

/* Waiting must not burn the processor. */
static void waiting_is_idle(void **state)
{
    struct fake *fake = fake_new("1.41", NULL, silent, NULL);
    struct engine *engine = fake_engine(fake);
    int cancel = fake_cancel_after(60000);
    struct rusage before, after;
    long used;

    (void)state;
    assert_int_equal(getrusage(RUSAGE_SELF, &before), 0);
    assert_int_equal(get(engine, 1000, cancel, NULL, NULL, NULL), ENCLAVE_ETIMEOUT);
    assert_int_equal(getrusage(RUSAGE_SELF, &after), 0);
    used = (after.ru_utime.tv_sec - before.ru_utime.tv_sec) * 1000000 +
           (after.ru_utime.tv_usec - before.ru_utime.tv_usec);
    assert_in_range(used, 0, 300000);
    close(cancel);
    engine_free(engine);
    fake_free(fake);
}

/* --------------------------------------------------------------------------------- connections */

static int ok(void *ctx, int fd, const char *request)
{
    (void)ctx, (void)request;
    fake_send_answer(fd, 200, "{}");
    return 1;
}

static void connections_are_reused(void **state)
{
    struct fake *fake = fake_new("1.41", NULL, ok, NULL);
    struct engine *engine = fake_engine(fake);
    json_object *body = json_tokener_parse("{\"a\":\"b/c\"}");

    (void)state;
    for (int i = 0; i < 20; i++) {
        assert_int_equal(engine_request(engine, i % 2 ? "POST" : "DELETE", "/x?y=z",
                                        i % 2 ? body : NULL, 3000, -1, NULL, NULL, NULL),
                         0);
    }
    assert_int_equal(engine_upload(engine, "/up", "application/x-tar", "\0tar", 4, 3000, -1, NULL),
                     0);
    assert_int_equal(fake_connections(fake), 1);
    assert_int_equal(fake_requests(fake, "Content-Type: application/json\r\n"), 10);
    assert_int_equal(fake_requests(fake, "\r\n\r\n{\"a\":\"b\\/c\"}"), 10);
    assert_int_equal(fake_requests(fake, "PUT /v1.41/up HTTP/1.1\r\n"), 1);
    assert_int_equal(fake_requests(fake, "Expect"), 0);
    json_object_put(body);
    engine_free(engine);
    fake_free(fake);
}

static void paths_with_control_characters(void **state)
{
    static const char *const bad[] = {"/a b", "/a\r\nX: y", "/\x7f", "x", ""};
    struct fake *fake = fake_new("1.41", NULL, ok, NULL);
    struct engine *engine = fake_engine(fake);

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(engine_request(engine, "GET", bad[i], NULL, 3000, -1, NULL, NULL, NULL),
                         ENCLAVE_EINVALID);
    }
    /* Paths are sent as they are. */
    assert_int_equal(
        engine_request(engine, "GET", "/a/../b/%2e%2e/c", NULL, 3000, -1, NULL, NULL, NULL), 0);
    assert_int_equal(fake_requests(fake, "GET /v1.41/a/../b/%2e%2e/c "), 1);
    engine_free(engine);
    fake_free(fake);
}

static void restarted_engine(void **state)
{
    struct fake *fake = fake_new("1.41", NULL, ok, NULL);
    struct engine *engine = fake_engine(fake);
    struct enclave_error err = ENCLAVE_ERROR_INIT;

    (void)state;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(engine_request(engine, "POST", "/x", NULL, 3000, -1, NULL, NULL, &err), 0);
        fake_stop(fake);
        fake_start(fake);
    }
    assert_int_equal(fake_requests(fake, "POST /v1.41/x "), 10);
    fake_stop(fake);
    assert_int_equal(get(engine, 3000, -1, NULL, NULL, &err), ENCLAVE_EUNREACHABLE);
    assert_non_null(strstr(err.message, "cannot reach Docker at unix:///"));
    assert_non_null(strstr(err.message, "No such file or directory; start it"));
    fake_set_api(fake, "1.43", NULL); /* another version is there when it is back */
    fake_start(fake);
    assert_int_equal(get(engine, 3000, -1, NULL, NULL, &err), 0);
    assert_int_equal(fake_requests(fake, "GET /v1.43/x "), 1);
    engine_free(engine);
    fake_free(fake);
}

static int close_without_answer(void *ctx, int fd, const char *request)
{
    (void)ctx;
    if (strstr(request, "/dies")) {
        return 0;
    }
    fake_send_answer(fd, 200, "{}");
    return 1;
}

/* A POST that the engine took and did not answer may have been carried out. */
static void posts_are_not_repeated(void **state)
{
    struct fake *fake = fake_new("1.41", NULL, close_without_answer, NULL);
    struct engine *engine = fake_engine(fake);
    struct enclave_error err = ENCLAVE_ERROR_INIT;

    (void)state;
    assert_int_equal(get(engine, 3000, -1, NULL, NULL, &err), 0); /* now a connection is idle */
    assert_int_equal(engine_request(engine, "POST", "/dies", NULL, 3000, -1, NULL, NULL, &err),
                     ENCLAVE_EUNREACHABLE);
    assert_non_null(strstr(err.message, "before it had answered"));
    assert_int_equal(fake_requests(fake, "POST /v1.41/dies "), 1);
    assert_int_equal(get(engine, 3000, -1, NULL, NULL, &err), 0);
    engine_free(engine);
    fake_free(fake);
}

static void unreachable(void **state)
{
    static const struct {
        const char *host, *words;
    } cases[] = {
        {"unix:///nonexistent/docker.sock",
         "cannot reach Docker at unix:///nonexistent/docker.sock: No such file or directory; "
         "start it"},
        {"unix:///etc/passwd", "Connection refused; start it"},
        {"tcp://127.0.0.1:1", "cannot reach Docker at tcp://127.0.0.1:1: Connection refused"},
        {"tcp://host.invalid:1", "host.invalid"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct engine_options options = {.host = cases[i].host,
                                         .tls = 0,
                                         .name = "Docker",
                                         .api_version = "",
                                         .start_hint = "start it"};
        struct enclave_error err = ENCLAVE_ERROR_INIT;
        struct engine_stream *stream = NULL;
        struct engine *engine = NULL;
        assert_int_equal(engine_new(&options, &engine, &err), 0);
        assert_int_equal(engine_is_local(engine), i < 2);
        assert_string_equal(engine_address(engine), cases[i].host);
        assert_int_equal(get(engine, 3000, -1, NULL, NULL, &err), ENCLAVE_EUNREACHABLE);
        if (!strstr(err.message, cases[i].words)) {
            fail_msg("%s", err.message);
        }
        assert_int_equal(engine_attach(engine, "x", -1, &stream, &err), ENCLAVE_EUNREACHABLE);
        assert_null(stream);
        engine_free(engine);
    }
}

#define THREADS 16

static void *hammer(void *engine)
{
    intptr_t failures = 0;

    for (int i = 0; i < 50; i++) {
        json_object *json = NULL;
        struct engine_facts facts;
        failures += get(engine, 10000, -1, NULL, &json, NULL) != 0;
        failures += engine_get_facts(engine, 4500, -1, &facts, NULL) != 0;
        json_object_put(json);
    }
    return (void *)failures;
}

static void threads(void **state)
{
    struct fake *fake = fake_new("1.41", NULL, ok, NULL);
    struct engine *engine = fake_engine(fake);
    pthread_t ids[THREADS];

    (void)state;
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&ids[i], NULL, hammer, engine), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        void *failures;
        assert_int_equal(pthread_join(ids[i], &failures), 0);
        assert_null(failures);
    }
    engine_free(engine);
    fake_free(fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers),
        cmocka_unit_test(errors),
        cmocka_unit_test(broken_answers),
        cmocka_unit_test(redirects_are_not_followed),
        cmocka_unit_test(large_answers),
        cmocka_unit_test(deadlines_and_cancelling),
        cmocka_unit_test(waiting_is_idle),
        cmocka_unit_test(connections_are_reused),
        cmocka_unit_test(paths_with_control_characters),
        cmocka_unit_test(restarted_engine),
        cmocka_unit_test(posts_are_not_repeated),
        cmocka_unit_test(unreachable),
        cmocka_unit_test(threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
