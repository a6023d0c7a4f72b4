/*
 * The parts that need no server: addresses, the key's file, escapes, results, streams.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "address.h"
#include "escape.h"
#include "key.h"
#include "result.h"
#include "stream.h"

#include "../engine/cmocka_all.h"

#include <enclave/enclave.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ------------------------------------------------------------------------------------ addresses */

static void check_address(const char *text, const char *base, const char *socket, int tls, int here)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct address address;

    if (address_parse(text, &address, &err) != 0) {
        fail_msg("%s: %s", text, err.message);
    }
    assert_string_equal(address.base, base);
    assert_string_equal(address.socket ? address.socket : "", socket);
    assert_int_equal(address.tls, tls);
    assert_int_equal(address.here, here);
    address_free(&address);
}

static void test_addresses(void **state)
{
    (void)state;
    check_address("http://127.0.0.1:8000", "http://127.0.0.1:8000", "", 0, 1);
    check_address("http://localhost:8000/", "http://localhost:8000", "", 0, 1);
    check_address("http://[::1]:8000", "http://[::1]:8000", "", 0, 1);
    check_address("http://example.org", "http://example.org", "", 0, 0);
    check_address("https://example.org:8443/a/b//", "https://example.org:8443/a/b", "", 1, 0);
    check_address("unix:/run/enclave.sock", "http://localhost", "/run/enclave.sock", 0, 1);
    check_address("unix:///run/enclave.sock", "http://localhost", "/run/enclave.sock", 0, 1);
}

static void test_bad_addresses(void **state)
{
    static const char *const bad[] = {"",
                                      "example.org:8000",
                                      "ftp://example.org",
                                      "file:///etc/passwd",
                                      "http://user:secret@example.org",
                                      "http://example.org/?api_key=1",
                                      "http://example.org/#a",
                                      "http://exa mple.org",
                                      "http://example.org\r\nX: y",
                                      "http://",
                                      "unix:",
                                      "unix:relative.sock"};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct enclave_error err = ENCLAVE_ERROR_INIT;
        struct address address;
        if (address_parse(bad[i], &address, &err) != ENCLAVE_EINVALID) {
            fail_msg("taken: '%s'", bad[i]);
        }
        assert_non_null(strstr(err.message, "base_url"));
        address_free(&address);
    }
}

/* ---------------------------------------------------------------------------------------- key */

static int32_t read_key(const char *content, mode_t mode, char **ret_header,
                        struct enclave_error *err)
{
    char path[] = "/tmp/enclave-key-XXXXXX";
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), strlen(content));
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
    int32_t r = key_read(path, ret_header, err);
    unlink(path);
    return r;
}

static void test_key(void **state)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char *header = NULL;

    (void)state;
    assert_int_equal(read_key("secret-0123\n", 0600, &header, &err), 0);
    assert_string_equal(header, "X-API-Key: secret-0123");
    key_free(header);
    assert_int_equal(read_key("secret-0123", 0400, &header, &err), 0);
    key_free(header);
    assert_int_equal(read_key("secret", 0640, &header, &err), ENCLAVE_EDENIED);
    assert_non_null(strstr(err.message, "0640"));
    assert_null(strstr(err.message, "secret"));
    assert_int_equal(read_key("secret", 0604, &header, &err), ENCLAVE_EDENIED);
    assert_int_equal(read_key("", 0600, &header, &err), ENCLAVE_EINVALID);
    assert_int_equal(read_key("one\ntwo\n", 0600, &header, &err), ENCLAVE_EINVALID);
    assert_null(strstr(err.message, "two"));
    assert_int_equal(read_key("sch\xc3\xb6n\n", 0600, &header, &err), ENCLAVE_EINVALID);
    assert_int_equal(key_read("/nonexistent/key", &header, &err), ENCLAVE_ENOTFOUND);
    assert_int_equal(key_read("/tmp", &header, &err), ENCLAVE_EINVALID);
}

/* ------------------------------------------------------------------------------------- escapes */

static void test_escapes(void **state)
{
    struct buffer to = BUFFER_INIT(4096);

    (void)state;
    assert_int_equal(escape_url(&to, "a b/c?d=%\n\xc3\xa4~"), 0);
    assert_string_equal(to.data, "a%20b%2Fc%3Fd%3D%25%0A%C3%A4~");
    buffer_clear(&to);
    assert_int_equal(escape_json(&to, "a\"\\\n\0b\xc3\xa4", 8), 0);
    assert_string_equal(to.data, "\"a\\u0022\\u005c\\u000a\\u0000b\xc3\xa4\"");
    buffer_clear(&to);
    assert_int_equal(escape_base64(&to, "\xff\xfe\xfb\xef", 4), 0);
    assert_string_equal(to.data, "\"//777w==\"");
    buffer_free(&to);
}

/* ------------------------------------------------------------------------------------- results */

static int32_t read_result(const char *text, struct result *ret)
{
    json_object *json = json_tokener_parse(text);

    assert_non_null(json);
    return result_read(json, 1000000, 2000000, ret);
}

static void test_result(void **state)
{
    static const char text[] =
        "{\"status\":\"error\",\"cause\":\"signaled\",\"exit_code\":null,\"signal\":9,"
        "\"truncated\":true,\"execution_time\":0.012345,"
        "\"timestamp\":\"2025-03-01T12:00:00.000007Z\",\"tool_name\":\"t\",\"execution_id\":\"e\","
        "\"output\":\"a\\ufffdb\\u0000c\",\"error\":\"why\",\"metadata\":{\"stdout_bytes\":70,"
        "\"stderr_bytes\":3,\"cpu_time\":1.5,\"peak_memory\":4096,\"oom_kills\":0,"
        "\"output_base64\":\"Yf9iAGM=\",\"more\":[1]}}";
    struct result result;

    (void)state;
    assert_int_equal(read_result(text, &result), 0);
    const struct enclave_tool_result *told = &result.told;
    assert_int_equal(told->status, ENCLAVE_RESULT_ERROR);
    assert_int_equal(told->cause, ENCLAVE_CAUSE_SIGNALED);
    assert_int_equal(told->exit_code, -1);
    assert_int_equal(told->signal, 9);
    assert_int_equal(told->truncated, 1);
    assert_int_equal(told->wall_us, 12345);
    assert_int_equal(told->started_at_us, INT64_C(1740830400000007));
    assert_int_equal(told->cpu_us, 1500000);
    assert_int_equal(told->peak_memory, 4096);
    assert_int_equal(told->stdout_bytes, 70);
    assert_int_equal(told->stderr_bytes, 3);
    assert_int_equal(told->output_length, 5);
    assert_memory_equal(told->output,
                        "a\xff"
                        "b\0c",
                        5);
    assert_int_equal(told->error_length, 3);
    assert_non_null(strstr(told->metadata, "\"more\":[1]"));
    assert_null(strstr(told->metadata, "output_base64"));
    result_free(&result);
}

/* As the reference's server tells it. */
static void check_guess(const char *status, const char *error, uint32_t cause, int code)
{
    struct result result;
    char text[512];

    snprintf(text, sizeof text,
             "{\"status\":\"%s\",\"execution_time\":null,\"timestamp\":\"2025-03-01T12:00:00.1\","
             "\"tool_name\":\"t\",\"output\":\"out\",\"metadata\":{},\"error\":%s}",
             status, error);
    assert_int_equal(read_result(text, &result), 0);
    assert_int_equal(result.told.cause, cause);
    assert_int_equal(result.told.exit_code, code);
    assert_int_equal(result.told.started_at_us, 1000000);
    assert_int_equal(result.told.wall_us, 2000000);
    assert_int_equal(result.told.stdout_bytes, 3);
    result_free(&result);
}

static void test_result_without_cause(void **state)
{
    (void)state;
    check_guess("success", "null", ENCLAVE_CAUSE_EXITED, 0);
    check_guess("error", "\"some stderr\"", ENCLAVE_CAUSE_EXITED, 1);
    check_guess("error", "\"Command failed with exit code 7\"", ENCLAVE_CAUSE_EXITED, 7);
    check_guess("timeout", "\"Command timed out after 1 seconds\"", ENCLAVE_CAUSE_TIMEOUT, -1);
    check_guess("cancelled", "null", ENCLAVE_CAUSE_CANCELLED, -1);
}

static void check_time(const char *time, int64_t us)
{
    struct result result;
    char text[128];

    snprintf(text, sizeof text, "{\"status\":\"success\",\"timestamp\":\"%s\"}", time);
    assert_int_equal(read_result(text, &result), 0);
    assert_int_equal(result.told.started_at_us, us);
    result_free(&result);
}

static void test_times(void **state)
{
    static const char *const bad[] = {
        "",
        "2025-03-01T12:00:00.000007",
        "2025-03-01T12:00:00.000007+00:00",
        "2025-03-01T12:00:00.000007Z ",
        "2025-03-01 12:00:00.000007Z",
        "2025-03-01T12:00:00.7Z",
        "2025-3-1T12:00:00.000007Z",
        "2025-+3-01T12:00:00.000007Z",
    };

    (void)state;
    check_time("1970-01-01T00:00:00.000000Z", 0);
    check_time("2024-02-29T23:59:59.999999Z", INT64_C(1709251199999999));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        check_time(bad[i], 1000000);
    }
}

#define ENDED(cause, code, number)                                                                 \
    "{\"status\":\"error\",\"cause\":\"" cause "\",\"exit_code\":" code ",\"signal\":" number "}"

static void test_ends(void **state)
{
    static const struct {
        const char *text;
        int32_t code, signal;
    } good[] = {
        {ENDED("exited", "0", "null"), 0, 0},      {ENDED("exited", "255", "null"), 255, 0},
        {ENDED("exited", "-1", "0"), -1, 0},       {ENDED("signaled", "null", "1"), -1, 1},
        {ENDED("signaled", "null", "64"), -1, 64}, {ENDED("oom", "null", "9"), -1, 9},
    };

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct result result;
        assert_int_equal(read_result(good[i].text, &result), 0);
        assert_int_equal(result.told.exit_code, good[i].code);
        assert_int_equal(result.told.signal, good[i].signal);
        result_free(&result);
    }
}

static void test_bad_results(void **state)
{
    static const char *const bad[] = {
        "{}",
        "{\"status\":\"fine\"}",
        "{\"status\":7}",
        "{\"status\":\"success\",\"cause\":\"luck\"}",
        "{\"status\":\"success\",\"output\":[]}",
        "{\"status\":\"success\",\"output\":\"\",\"error\":{}}",
        "{\"status\":\"success\",\"output\":\"\",\"metadata\":{\"output_base64\":\"?\"}}",
        ENDED("exited", "256", "null"),
        ENDED("exited", "-2", "null"),
        ENDED("exited", "4294967296", "null"),
        ENDED("exited", "\"0\"", "null"),
        ENDED("exited", "1.5", "null"),
        ENDED("signaled", "null", "128"),
        ENDED("signaled", "null", "-128"),
        ENDED("signaled", "null", "65"),
        ENDED("signaled", "null", "0"),
        ENDED("signaled", "null", "null"),
        ENDED("exited", "1", "4294967305"),
    };
    struct result result;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (read_result(bad[i], &result) != ENCLAVE_EPROTOCOL) {
            fail_msg("taken: %s", bad[i]);
        }
    }
}

/* ------------------------------------------------------------------------------------- streams */

static char heard[1024];

static int32_t hear(void *ctx, uint32_t stream, const void *data, uint64_t length)
{
    size_t at = strlen(heard);

    snprintf(heard + at, sizeof heard - at, "%s:%.*s;", stream == ENCLAVE_STDOUT ? "out" : "err",
             (int)length, (const char *)data);
    return ctx != NULL; /* gives up */
}

#define OUT0 "{\"event\":\"output\",\"stream\":\"stdout\",\"offset\":0,\"data\":\"ab\"}\n"
#define OUT2 "{\"event\":\"output\",\"stream\":\"stdout\",\"offset\":2,\"data_base64\":\"/w==\"}\n"
#define ERR0 "{\"event\":\"output\",\"stream\":\"stderr\",\"offset\":0,\"data\":\"e\"}\n"
#define END "{\"event\":\"result\",\"result\":{\"status\":\"success\"}}\n"

static int32_t take_all(struct stream *stream, const char *text, size_t step)
{
    size_t length = strlen(text);
    int32_t r = 0;

    for (size_t i = 0; r == 0 && i < length; i += step) {
        r = stream_take(stream, text + i, step < length - i ? step : length - i);
    }
    return r;
}

static void test_stream(void **state)
{
    static const char text[] = OUT0 "{\"event\":\"ping\"}\n" ERR0 OUT2 END;
    struct enclave_tool_call call = {.output = hear};

    (void)state;
    for (size_t step = 1; step < sizeof text; step++) {
        struct stream stream = STREAM_INIT(&call, 4096);
        heard[0] = '\0';
        assert_int_equal(take_all(&stream, text, step), 0);
        assert_string_equal(heard, "out:ab;err:e;out:\xff;");
        assert_non_null(stream.result);
        stream_free(&stream);
    }
}

static void test_stream_given_up(void **state)
{
    struct enclave_tool_call call = {.output = hear, .ctx = state};
    struct stream stream = STREAM_INIT(&call, 4096);

    heard[0] = '\0';
    assert_int_equal(take_all(&stream, OUT0 OUT2 END, 7), 0);
    assert_string_equal(heard, "out:ab;");
    assert_int_equal(stream.gave_up, 1);
    assert_non_null(stream.result);
    stream_free(&stream);
}

static void test_bad_streams(void **state)
{
    static const char *const bad[] = {
        OUT0 OUT0, /* an offset again */
        OUT2,      /* a gap */
        END END,
        "what\n",
        "{}\n",
        "[]\n",
        "{\"event\":\"output\",\"stream\":\"stdin\",\"offset\":0,\"data\":\"ab\"}\n",
        "{\"event\":\"output\",\"stream\":\"stdout\",\"offset\":0}\n",
        "{\"event\":\"result\",\"result\":7}\n",
    };
    struct enclave_tool_call call = {.output = hear};
    char line[600];

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct stream stream = STREAM_INIT(&call, 512);
        heard[0] = '\0';
        if (take_all(&stream, bad[i], 5) != ENCLAVE_EPROTOCOL) {
            fail_msg("taken: %s", bad[i]);
        }
        stream_free(&stream);
    }
    struct stream stream = STREAM_INIT(&call, 512); /* a line without an end */
    memset(line, ' ', sizeof line);
    line[sizeof line - 1] = '\0';
    assert_int_equal(take_all(&stream, line, 64), ENCLAVE_EPROTOCOL);
    stream_free(&stream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_bad_addresses),
        cmocka_unit_test(test_key),
        cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_result),
        cmocka_unit_test(test_result_without_cause),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_bad_results),
        cmocka_unit_test(test_stream),
        cmocka_unit_test(test_stream_given_up),
        cmocka_unit_test(test_bad_streams),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
