/*
 * uri.c - targets of requests, taken apart before anything is decoded.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "uri.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static bool parse(const char *text, struct uri *ret)
{
    static char copy[1024];

    (void)snprintf(copy, sizeof copy, "%s", text);
    return uri_parse(copy, ret);
}

static void test_segments_are_not_decoded(void **state)
{
    struct uri uri;
    (void)state;

    assert_true(parse("/sandbox/a%2fb/tools", &uri));
    assert_int_equal(uri.segments, 3);
    assert_string_equal(uri.segment[1], "a%2fb");
    assert_true(parse("/", &uri));
    assert_int_equal(uri.segments, 1);
    assert_string_equal(uri.segment[0], "");
    assert_true(parse("/sandbox/../x", &uri));
    assert_string_equal(uri.segment[1], "..");
}

static void test_what_is_no_path(void **state)
{
    static const char *const bad[] = {"", "x", "*", "http://x/y", "/1/2/3/4/5/6/7/8/9"};
    struct uri uri;
    (void)state;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(parse(bad[i], &uri));
    }
}

static void test_parameters_are_decoded(void **state)
{
    struct uri uri;
    (void)state;

    assert_true(parse("/f?path=a%20b+c%2B&x&y=&path=last&%70=q=r", &uri));
    assert_string_equal(uri_value(&uri, "path"), "last");
    assert_string_equal(uri.value[0], "a b c+");
    assert_string_equal(uri_value(&uri, "x"), "");
    assert_string_equal(uri_value(&uri, "y"), "");
    assert_string_equal(uri_value(&uri, "p"), "q=r");
    assert_null(uri_value(&uri, "z"));
}

static void test_what_is_no_query(void **state)
{
    static const char *const bad[] = {"/f?a=%",      "/f?a=%1",  "/f?a=%g0", "/f?a=%00",
                                      "/f?a=%0d%0a", "/f?%7f=1", "/f?a=\x01"};
    char many[256] = "/f?";
    struct uri uri;
    (void)state;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(parse(bad[i], &uri));
    }
    for (int i = 0; i < URI_PARAMETERS_MAX; i++) {
        strcat(many, "a=1&");
    }
    assert_true(parse(many, &uri));
    strcat(many, "a=1");
    assert_false(parse(many, &uri));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_segments_are_not_decoded),
        cmocka_unit_test(test_what_is_no_path),
        cmocka_unit_test(test_parameters_are_decoded),
        cmocka_unit_test(test_what_is_no_query),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
