/*
 * The client with a real Docker engine: facts, a container with a stream, errors as it words them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine.h"

#include "cmocka_all.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IMAGE "python:3.11-slim"

static struct engine *engine;

static const char *text_of(json_object *object, const char *key)
{
    json_object *value = NULL;

    assert_true(json_object_object_get_ex(object, key, &value));
    return json_object_get_string(value);
}

static void ask(const char *method, const char *id, const char *rest, json_object **ret_json)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char path[256];

    snprintf(path, sizeof path, "/containers/%s%s", id, rest);
    if (engine_request(engine, method, path, NULL, 30000, -1, NULL, ret_json, &err) != 0) {
        fail_msg("%s", err.message);
    }
}

static void create(char *id, size_t size)
{
    json_object *body = json_tokener_parse(
        "{\"Image\":\"" IMAGE "\",\"Cmd\":[\"cat\"],\"OpenStdin\":true,\"StdinOnce\":true,"
        "\"AttachStdin\":true,\"AttachStdout\":true,\"AttachStderr\":true,"
        "\"HostConfig\":{\"NetworkMode\":\"none\",\"LogConfig\":{\"Type\":\"none\"}}}");
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    json_object *answer = NULL;
    long status = 0;

    if (engine_request(engine, "POST", "/containers/create", body, 30000, -1, &status, &answer,
                       &err) != 0) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(status, 201);
    snprintf(id, size, "%s", text_of(answer, "Id"));
    json_object_put(answer);
    json_object_put(body);
}

static ssize_t read_some(struct engine_stream *stream, void *buffer, size_t capacity)
{
    struct pollfd wait = {.fd = engine_stream_fd(stream), .events = POLLIN};
    ssize_t n;

    while ((n = engine_stream_read(stream, buffer, capacity)) == -EAGAIN) {
        assert_int_equal(poll(&wait, 1, 10000), 1);
    }
    return n;
}

static void facts(void **state)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct engine_facts facts;

    (void)state;
    if (engine_get_facts(engine, 4500, -1, &facts, &err) != 0) {
        fail_msg("%s", err.message);
    }
    assert_true(facts.version[0] && facts.arch[0]);
    assert_string_equal(facts.os, "linux");
    assert_true(strncmp(facts.api_version, "1.", 2) == 0);
    assert_true(facts.cgroup_version == 1 || facts.cgroup_version == 2);
    assert_true(facts.cpus > 0);
}

/* The frame of the attach stream: 1, 0, 0, 0, length, then what `cat` gave back. */
static void echo(void **state)
{
    static const char expected[] = "\1\0\0\0\0\0\0\6hello\n";
    struct engine_stream *stream = NULL;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    json_object *answer = NULL;
    char id[80], buffer[64];
    size_t length = 0;

    (void)state;
    create(id, sizeof id);
    if (engine_attach(engine, id, -1, &stream, &err) != 0) {
        fail_msg("%s", err.message);
    }
    ask("POST", id, "/start", NULL);
    ask("POST", id, "/start", NULL); /* 304: it is started already */
    assert_int_equal(engine_stream_write(stream, "hello\n", 6), 6);
    while (length < sizeof expected - 1) {
        ssize_t n = read_some(stream, buffer + length, sizeof buffer - length);
        assert_true(n > 0);
        length += (size_t)n;
    }
    assert_int_equal(length, sizeof expected - 1);
    assert_memory_equal(buffer, expected, length);
    engine_stream_close(stream); /* the end of stdin, which ends `cat` */
    ask("POST", id, "/wait", &answer);
    assert_string_equal(text_of(answer, "StatusCode"), "0");
    json_object_put(answer);
    ask("DELETE", id, "?force=1&v=1", NULL);
}

static void errors(void **state)
{
    json_object *body = json_tokener_parse("{\"Image\":\"" IMAGE "\"}");
    struct engine_stream *stream = NULL;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    long status = 0;

    (void)state;
    assert_int_equal(engine_request(engine, "GET", "/containers/enclave-nosuch/json", NULL, 5000,
                                    -1, &status, NULL, &err),
                     ENCLAVE_ENOTFOUND);
    assert_int_equal(status, 404);
    assert_non_null(strstr(err.message, "No such container: enclave-nosuch"));
    assert_int_equal(engine_attach(engine, "enclave-nosuch", -1, &stream, &err), ENCLAVE_ENOTFOUND);
    assert_int_equal(engine_request(engine, "POST", "/containers/create?name=%21", body, 5000, -1,
                                    &status, NULL, &err),
                     ENCLAVE_EINVALID);
    json_object_put(body);
    /* The daemon would redirect this one to another place of its API. */
    assert_int_equal(engine_request(engine, "GET", "/containers/x/../../version", NULL, 5000, -1,
                                    &status, NULL, &err),
                     ENCLAVE_EPROTOCOL);
    /* No registry listens there. */
    assert_int_equal(engine_pull(engine, "127.0.0.1:1/x", NULL, NULL, NULL, -1, &err),
                     ENCLAVE_EBACKEND);
    assert_non_null(strstr(err.message, "connection refused"));
}

static int unavailable(const char *why)
{
    const char *required = getenv("ENCLAVE_TEST_REQUIRE");

    fprintf(stderr, "Docker is not available: %s\n", why);
    return required && strstr(required, "docker") ? 1 : 77;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(facts), cmocka_unit_test(echo),
                                       cmocka_unit_test(errors)};
    struct engine_options options = {.tls = -1, .name = "Docker", .config_path = "/nonexistent"};
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    int failures;

    if (engine_new(&options, &engine, &err) != 0 ||
        engine_request(engine, "GET", "/images/" IMAGE "/json", NULL, 10000, -1, NULL, NULL,
                       &err) != 0) {
        engine_free(engine);
        return unavailable(err.message);
    }
    failures = cmocka_run_group_tests(tests, NULL, NULL);
    engine_free(engine);
    return failures;
}
