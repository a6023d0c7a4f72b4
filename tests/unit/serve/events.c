/*
 * events.c - what a program writes, as events: whole characters, offsets, bytes that are no text.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "events.h"

#include "base64.h"

#include <enclave/types.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char sent[1 << 20];
static size_t sent_length;

static bool keep(void *ctx, const char *text, size_t length)
{
    (void)ctx;
    assert_true(sent_length + length < sizeof sent);
    memcpy(sent + sent_length, text, length);
    sent_length += length;
    sent[sent_length] = '\0';
    return true;
}

static bool refuse(void *ctx, const char *text, size_t length)
{
    (void)ctx;
    (void)text;
    (void)length;
    return false;
}

static struct events begin(enum events_format format)
{
    struct events events = {.format = format};

    sent_length = 0;
    sent[0] = '\0';
    return events;
}

static void put(struct events *events, uint32_t stream, const char *text)
{
    assert_true(events_output(events, stream, text, strlen(text), keep, NULL));
}

static void test_offsets_by_stream(void **state)
{
    struct events events = begin(EVENTS_NDJSON);
    (void)state;

    put(&events, ENCLAVE_STDOUT, "h\xc3\xa9");
    put(&events, ENCLAVE_STDERR, "x");
    put(&events, ENCLAVE_STDOUT, "y");
    assert_string_equal(
        sent, "{\"event\":\"output\",\"stream\":\"stdout\",\"offset\":0,\"data\":\"h\xc3\xa9\"}\n"
              "{\"event\":\"output\",\"stream\":\"stderr\",\"offset\":0,\"data\":\"x\"}\n"
              "{\"event\":\"output\",\"stream\":\"stdout\",\"offset\":3,\"data\":\"y\"}\n");
}

static void test_a_character_waits_for_its_rest(void **state)
{
    struct events events = begin(EVENTS_NDJSON);
    (void)state;

    put(&events, ENCLAVE_STDOUT, "\xf0\x9f");
    put(&events, ENCLAVE_STDOUT, "\x98");
    assert_int_equal(sent_length, 0);
    put(&events, ENCLAVE_STDOUT, "\x80z");
    assert_non_null(strstr(sent, "\"offset\":0,\"data\":\"\xf0\x9f\x98\x80z\""));
    assert_true(events_flush(&events, keep, NULL));
    put(&events, ENCLAVE_STDOUT, "\xe2\x82");
    assert_true(events_flush(&events, keep, NULL));
    assert_non_null(strstr(sent, "\"offset\":5,\"data_base64\":\"4oI=\""));
}

static void test_what_is_no_text(void **state)
{
    static const char *const none[] = {"\xff",     "a\xc3(",       "\xed\xa0\x80", "\xc0\x80",
                                       "\xf5\x80", "\xe0\x80\x80", "\xf4\x90"};
    (void)state;

    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        struct events events = begin(EVENTS_NDJSON);
        put(&events, ENCLAVE_STDOUT, none[i]);
        assert_non_null(strstr(sent, "data_base64"));
    }
}

static void test_nul_is_text(void **state)
{
    struct events events = begin(EVENTS_NDJSON);
    (void)state;

    assert_true(events_output(&events, ENCLAVE_STDOUT, "a\0b", 3, keep, NULL));
    assert_non_null(strstr(sent, "\"data\":\"a\\u0000b\""));
}

static void test_many_nuls_are_not(void **state)
{
    struct events events = begin(EVENTS_NDJSON);
    (void)state;

    assert_true(events_output(&events, ENCLAVE_STDOUT, "\0\0\n\0", 4, keep, NULL));
    assert_non_null(strstr(sent, "\"data_base64\":\"AAAKAA==\""));
}

static void test_server_sent(void **state)
{
    struct events events = begin(EVENTS_SSE);
    (void)state;

    put(&events, ENCLAVE_STDERR, "a\nb");
    assert_true(events_ping(&events, keep, NULL));
    assert_true(events_end(&events, "result", "{}", keep, NULL));
    assert_string_equal(
        sent, "event: stderr\ndata: "
              "{\"event\":\"output\",\"stream\":\"stderr\",\"offset\":0,\"data\":\"a\\nb\"}\n\n"
              ": ping\n\n"
              "event: result\ndata: {\"event\":\"result\",\"result\":{}}\n\n");
}

static void test_large_output_comes_in_pieces(void **state)
{
    struct events events = begin(EVENTS_NDJSON);
    size_t length = 300000, lines = 0;
    char *text = malloc(length);
    (void)state;

    assert_non_null(text);
    memset(text, 'x', length);
    assert_true(events_output(&events, ENCLAVE_STDOUT, text, length, keep, NULL));
    for (size_t i = 0; i < sent_length; i++) {
        lines += sent[i] == '\n';
    }
    assert_int_equal(lines, 5);
    assert_false(events_output(&events, ENCLAVE_STDOUT, text, length, refuse, NULL));
    free(text);
}

static void test_accept(void **state)
{
    (void)state;
    assert_int_equal(events_accepted(NULL), EVENTS_NONE);
    assert_int_equal(events_accepted("*/*"), EVENTS_NONE);
    assert_int_equal(events_accepted("application/json"), EVENTS_NONE);
    assert_int_equal(events_accepted("Text/Event-Stream"), EVENTS_SSE);
    assert_int_equal(events_accepted("application/x-ndjson, text/event-stream"), EVENTS_NDJSON);
}

static void test_base64(void **state)
{
    static const struct {
        const char *text, *coded;
    } pairs[] = {
        {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"\xff\xfe\xfd", "//79"}};
    static const char *const bad[] = {
        "Z", "Zg=", "Zg", "Z===", "====", "Zm9v=", "Zm 9", "Zm9\n", "=Zg="};
    char back[16];
    size_t length;
    (void)state;

    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        char *coded = base64_encode(pairs[i].text, strlen(pairs[i].text));
        assert_string_equal(coded, pairs[i].coded);
        assert_true(base64_decode(coded, strlen(coded), back, &length));
        assert_int_equal(length, strlen(pairs[i].text));
        assert_memory_equal(back, pairs[i].text, length);
        free(coded);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(base64_decode(bad[i], strlen(bad[i]), back, &length));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_offsets_by_stream),
        cmocka_unit_test(test_a_character_waits_for_its_rest),
        cmocka_unit_test(test_what_is_no_text),
        cmocka_unit_test(test_nul_is_text),
        cmocka_unit_test(test_many_nuls_are_not),
        cmocka_unit_test(test_server_sent),
        cmocka_unit_test(test_large_output_comes_in_pieces),
        cmocka_unit_test(test_accept),
        cmocka_unit_test(test_base64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
