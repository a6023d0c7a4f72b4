/*
 * test_text.c - bytes and text: UTF-8, base64, buffers, ids, the tables of words.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support.h"

#include "buffer.h"
#include "clock.h"
#include "id.h"
#include "options.h"
#include "utf8.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define BAD "\xef\xbf\xbd"

static void test_valid_prefix(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t length, valid;
    } rows[] = {
        {"", 0, 0},
        {"plain", 5, 5},
        {"a\0b", 3, 3},
        {"0123456\xc3\xa4 after the eighth", 26, 26},
        {"\xe2\x82\xac", 3, 3},
        {"\xf0\x9f\x98\x80", 4, 4},
        {"\xf4\x8f\xbf\xbf", 4, 4},
        {"\xf4\x90\x80\x80", 4, 0}, /* past U+10FFFF */
        {"\xed\xa0\x80", 3, 0},     /* a surrogate */
        {"\xc0\x80", 2, 0},         /* overlong */
        {"\xe0\x9f\xbf", 3, 0},     /* overlong */
        {"\xf0\x8f\xbf\xbf", 4, 0}, /* overlong */
        {"ab\xe2\x82", 4, 2},       /* cut */
        {"\x80", 1, 0},
        {"\xff", 1, 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(utf8_valid_prefix(rows[i].text, rows[i].length), rows[i].valid);
    }
}

static void test_lossy(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to;
    } rows[] = {
        {"good \xc3\xa4", "good \xc3\xa4"},
        {"a\xff"
         "b",
         "a" BAD "b"},
        {"\xe2\x82", BAD}, /* one for a cut sequence */
        {"\xf0\x9f\x98"
         "x",
         BAD "x"},
        {"\xed\xa0\x80", BAD BAD BAD}, /* the table of Unicode 15, 3-8 */
        {"\xc0\xaf\x41", BAD BAD "A"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buffer buffer = BUFFER_INIT(100);
        assert_int_equal(utf8_append_lossy(&buffer, rows[i].from, strlen(rows[i].from)), 0);
        assert_string_equal(buffer.data, rows[i].to);
        buffer_free(&buffer);
    }
    struct buffer small = BUFFER_INIT(4);
    assert_int_equal(utf8_append_lossy(&small, "\xff\xff", 2), ENCLAVE_ETOOBIG);
    buffer_free(&small);
}

static void test_cut_end(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t kept;
    } rows[] = {
        {"", 0},          {"abc", 3},          {"a\xc3\xa4", 3},        {"a\xc3", 1},
        {"a\xe2\x82", 1}, {"\xf0\x9f\x98", 0}, {"\xf0\x9f\x98\x80", 4}, {"a\xff", 2},
        {"a\x80\x80", 3},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(utf8_without_cut_end(rows[i].text, strlen(rows[i].text)), rows[i].kept);
    }
}

/* RFC 4648, section 10. */
static void test_base64(void **state)
{
    (void)state;
    static const char *const rows[][2] = {{"f", "Zg=="},         {"fo", "Zm8="},
                                          {"foo", "Zm9v"},       {"foob", "Zm9vYg=="},
                                          {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buffer buffer = BUFFER_INIT(100);
        assert_int_equal(base64_append(&buffer, rows[i][0], strlen(rows[i][0])), 0);
        assert_string_equal(buffer.data, rows[i][1]);
        buffer_free(&buffer);
    }
    struct buffer bytes = BUFFER_INIT(100);
    assert_int_equal(base64_append(&bytes, "\xfb\xff\xfe", 3), 0);
    assert_string_equal(bytes.data, "+//+");
    buffer_free(&bytes);
}

static void test_buffer(void **state)
{
    (void)state;
    struct buffer buffer = BUFFER_INIT(300);
    char block[301];
    size_t kept = 99;
    memset(block, 'x', sizeof block);
    assert_int_equal(buffer_append(&buffer, block, 301), ENCLAVE_ETOOBIG);
    assert_int_equal(buffer.length, 0);
    assert_int_equal(buffer_append(&buffer, block, 256), 0);
    assert_int_equal(buffer.data[256], 0);
    assert_int_equal(buffer_append(&buffer, block, SIZE_MAX), ENCLAVE_ETOOBIG);
    assert_int_equal(buffer_append_some(&buffer, block, 100, &kept), 0);
    assert_int_equal(kept, 44);
    assert_int_equal(buffer_append_some(&buffer, block, 100, &kept), 0);
    assert_int_equal(kept, 0);
    assert_int_equal(buffer.length, 300);
    buffer_clear(&buffer);
    assert_int_equal(buffer_append_text(&buffer, "end"), 0);
    char *text = buffer_steal(&buffer);
    assert_string_equal(text, "end");
    free(text);
    text = buffer_steal(&buffer);
    assert_string_equal(text, "");
    free(text);
    buffer_free(&buffer);
}

static void test_ids(void **state)
{
    (void)state;
    char long_id[65], one[17], two[17];
    memset(long_id, 'a', 64);
    long_id[64] = '\0';
    assert_false(id_valid(long_id));
    long_id[63] = '\0';
    assert_true(id_valid(long_id));
    static const char *const good[] = {"a", "0", "a-b_c", "9z"};
    static const char *const bad[] = {"", "-a", "_a", "A", "a.b", "a/b", "a b", "\xc3\xa4", "a\n"};
    for (size_t i = 0; i < COUNT(good); i++) {
        assert_true(id_valid(good[i]));
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_false(id_valid(bad[i]));
    }
    assert_false(id_valid(NULL));
    assert_true(id_valid_name("a1"));
    assert_false(id_valid_name("1a"));
    assert_int_equal(id_random(one, 16), 0);
    assert_int_equal(id_random(two, 16), 0);
    assert_int_equal(strlen(one), 16);
    assert_true(id_valid(one));
    assert_string_not_equal(one, two);
}

static void check_row(const char *name, int32_t code, const char *text, int http, int status)
{
    char lower[32] = "";
    for (size_t i = 0; name[i]; i++) {
        lower[i] = (char)tolower((unsigned char)name[i]);
    }
    assert_string_equal(enclave_error_name(code), lower);
    assert_string_equal(enclave_error_text(code), text);
    assert_int_equal(enclave_error_http_status(code), http);
    assert_int_equal(enclave_error_exit_code(code), status);
}

static void test_error_table(void **state)
{
    (void)state;
#define CHECK_ROW(name, code, text, http, status) check_row(#name, code, text, http, status);
    ENCLAVE_ERROR_TABLE(CHECK_ROW)
    assert_string_equal(enclave_error_name(0), "ok");
    assert_int_equal(enclave_error_exit_code(0), 0);
    static const int32_t strange[] = {1, -999, INT32_MIN, INT32_MAX};
    for (size_t i = 0; i < COUNT(strange); i++) {
        assert_string_equal(enclave_error_name(strange[i]), "internal");
    }
    assert_string_equal(enclave_status_name(ENCLAVE_STATUS_ERROR), "error");
    assert_string_equal(enclave_status_name(ENCLAVE_STATUS_RUNNING), "running");
    assert_string_equal(enclave_status_name(99), "unknown");
    assert_string_equal(enclave_cause_name(ENCLAVE_CAUSE_BACKEND_LOST), "backend_lost");
    assert_string_equal(enclave_cause_name(0), "unknown");
    assert_string_equal(enclave_version(), ENCLAVE_VERSION_STRING);
}

static void test_clock(void **state)
{
    (void)state;
    char text[CLOCK_TEXT_SIZE];
    clock_format_utc(INT64_C(1738324800000007), text);
    assert_string_equal(text, "2025-01-31T12:00:00.000007Z");
    assert_int_equal(clock_seconds_to_ms(0), 0);
    assert_int_equal(clock_seconds_to_ms(1.5), 1500);
    assert_int_equal(clock_seconds_to_ms(0.00001), 1);
    assert_int_equal(clock_seconds_to_ms(1e300), CLOCK_MS_MAX);
    assert_true(option_similar("timeot", "timeout"));
    assert_false(option_similar("image", "timeout"));
    assert_false(option_similar("ab", "abc"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valid_prefix), cmocka_unit_test(test_lossy),
        cmocka_unit_test(test_cut_end),      cmocka_unit_test(test_base64),
        cmocka_unit_test(test_buffer),       cmocka_unit_test(test_ids),
        cmocka_unit_test(test_error_table),  cmocka_unit_test(test_clock),
    };
    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
