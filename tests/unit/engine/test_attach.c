/*
 * The attach connection against a scripted engine.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fake.h"

#include "cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define UPGRADED                                                                                   \
    "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\n"                 \
    "Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n"

static ssize_t read_some(struct engine_stream *stream, void *buffer, size_t capacity)
{
    struct pollfd wait = {.fd = engine_stream_fd(stream), .events = POLLIN};
    ssize_t n;

    while ((n = engine_stream_read(stream, buffer, capacity)) == -EAGAIN) {
        assert_int_equal(poll(&wait, 1, 5000), 1);
    }
    return n;
}

static void read_all(struct engine_stream *stream, char *buffer, size_t length)
{
    while (length > 0) {
        ssize_t n = read_some(stream, buffer, length);
        assert_true(n > 0);
        buffer += n;
        length -= (size_t)n;
    }
}

/* Upgrades, sends "first" at once, then echoes. */
static int echo(void *ctx, int fd, const char *request)
{
    char data[4096];
    ssize_t n;

    (void)request;
    fake_send(fd, ctx);
    while ((n = recv(fd, data, sizeof data, 0)) > 0) {
        fake_send_bytes(fd, data, (size_t)n);
    }
    return 0;
}

static void upgraded_with(const char *head)
{
    char *text = NULL;
    assert_true(asprintf(&text, "%sfirst", head) > 0);
    struct fake *fake = fake_new("1.41", NULL, echo, text);
    struct engine *engine = fake_engine(fake);
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct engine_stream *stream = NULL;
    char buffer[16] = "";

    if (engine_attach(engine, "a/b", -1, &stream, &err) != 0) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(fake_requests(fake, "POST /v1.41/containers/a%2Fb/attach?stream=1&stdin=1&"
                                         "stdout=1&stderr=1 HTTP/1.1\r\nHost: localhost\r\n"),
                     1);
    assert_int_equal(fake_requests(fake, "Connection: Upgrade\r\nUpgrade: tcp\r\n"), 1);
    assert_true(fcntl(engine_stream_fd(stream), F_GETFD) & FD_CLOEXEC);
    read_all(stream, buffer, 2); /* in two parts */
    read_all(stream, buffer + 2, 3);
    assert_string_equal(buffer, "first");
    assert_int_equal(engine_stream_read(stream, buffer, sizeof buffer), -EAGAIN);
    assert_int_equal(engine_stream_write(stream, "again", 5), 5);
    read_all(stream, buffer, 5);
    assert_string_equal(buffer, "again");
    engine_stream_close(stream);
    engine_stream_close(NULL);
    engine_free(engine);
    fake_free(fake);
    free(text);
}

static void upgraded(void **state)
{
    (void)state;
    upgraded_with(UPGRADED);
    upgraded_with("HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n");
}

static int byte_by_byte(void *ctx, int fd, const char *request)
{
    static const char text[] = UPGRADED "x";

    (void)ctx, (void)request;
    for (size_t i = 0; i < sizeof text - 1; i++) {
        fake_send_bytes(fd, text + i, 1);
        usleep(500); /* so that they come one by one */
    }
    return 0;
}

static void head_in_pieces_and_end(void **state)
{
    struct fake *fake = fake_new("1.41", NULL, byte_by_byte, NULL);
    struct engine *engine = fake_engine(fake);
    struct engine_stream *stream = NULL;
    char buffer[16];

    (void)state;
    assert_int_equal(engine_attach(engine, "x", -1, &stream, NULL), 0);
    read_all(stream, buffer, 1);
    assert_int_equal(read_some(stream, buffer, sizeof buffer), 0);
    assert_int_equal(read_some(stream, buffer, sizeof buffer), 0);
    fake_stop(fake);
    /* Without SIGPIPE, which would end the test. */
    assert_int_equal(engine_stream_write(stream, "x", 1), -EPIPE);
    engine_stream_close(stream);
    engine_free(engine);
    fake_free(fake);
}

static int drip(void *ctx, int fd, const char *request)
{
    (void)ctx, (void)request;
    fake_send(fd, UPGRADED);
    usleep(300000); /* does not read: the writer has to be told to wait */
    fake_wait_for_close(fd);
    return 0;
}

static void back_pressure(void **state)
{
    struct fake *fake = fake_new("1.41", NULL, drip, NULL);
    struct engine *engine = fake_engine(fake);
    struct engine_stream *stream = NULL;
    static char block[65536];
    ssize_t n;

    (void)state;
    assert_int_equal(engine_attach(engine, "x", -1, &stream, NULL), 0);
    for (int i = 0; i < 1000 && (n = engine_stream_write(stream, block, sizeof block)) > 0; i++) {
    }
    assert_int_equal(n, -EAGAIN);
    struct pollfd wait = {.fd = engine_stream_fd(stream), .events = POLLOUT};
    assert_int_equal(poll(&wait, 1, 5000), 1);
    assert_true(engine_stream_write(stream, block, sizeof block) > 0);
    engine_stream_close(stream);
    engine_free(engine);
    fake_free(fake);
}

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

static void expect(const char *answer, int stays_open, int32_t expected, const char *words)
{
    struct script script = {answer, stays_open};
    struct fake *fake = fake_new("1.41", NULL, play, &script);
    struct engine *engine = fake_engine(fake);
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct engine_stream *stream = NULL;
    int32_t code = engine_attach(engine, "x", -1, &stream, &err);

    if (code != expected || !strstr(err.message, words)) {
        fail_msg("%.40s: %d %s", answer, code, err.message);
    }
    assert_null(stream);
    engine_free(engine);
    fake_free(fake);
}

static void refused(void **state)
{
    char *large = calloc(1, 40000);

    (void)state;
    expect("HTTP/1.1 404 Not Found\r\nContent-Length: 22\r\n\r\n{\"message\":\"not here\"}", 1,
           ENCLAVE_ENOTFOUND, "Docker: not here (404 to attach to container 'x')");
    expect("HTTP/1.1 409 C\r\n\r\n{\"message\":\"it is paused\"}", 0, ENCLAVE_EEXISTS, "paused");
    expect("HTTP/1.1 500 C\r\nContent-Length: 99\r\n\r\nshort", 0, ENCLAVE_EBACKEND, "short");
    expect("HTTP/1.1 302 C\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", 1, ENCLAVE_EPROTOCOL,
           "answered 302");
    expect("HTTP/1.1 204 C\r\nContent-Length: 0\r\n\r\n", 1, ENCLAVE_EPROTOCOL, "answered 204");
    expect("SSH-2.0-x\r\n", 1, ENCLAVE_EPROTOCOL, "does not speak HTTP");
    expect("\x01\x02\x03", 1, ENCLAVE_EPROTOCOL, "does not speak HTTP");
    expect("", 0, ENCLAVE_EUNREACHABLE, "closed the connection");
    expect("HTTP/1.1 101 UPGR", 0, ENCLAVE_EUNREACHABLE, "closed the connection");
    memset(large, 'x', 39999);
    memcpy(large, "HTTP/1.1 101 U\r\n", 16);
    expect(large, 1, ENCLAVE_EPROTOCOL, "does not speak HTTP");
    free(large);
}

static int silent(void *ctx, int fd, const char *request)
{
    (void)ctx, (void)request;
    fake_wait_for_close(fd);
    return 0;
}

static void cancelled(void **state)
{
    struct fake *fake = fake_new("1.41", NULL, silent, NULL);
    struct engine *engine = fake_engine(fake);
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct engine_stream *stream = NULL;
    int cancel = fake_cancel_after(100);
    long start = fake_now_ms();

    (void)state;
    assert_int_equal(engine_attach(engine, "x", cancel, &stream, &err), ENCLAVE_ECANCELLED);
    assert_in_range(fake_now_ms() - start, 90, 10000);
    assert_null(stream);
    close(cancel);
    engine_free(engine);
    fake_free(fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(upgraded),      cmocka_unit_test(head_in_pieces_and_end),
        cmocka_unit_test(back_pressure), cmocka_unit_test(refused),
        cmocka_unit_test(cancelled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
