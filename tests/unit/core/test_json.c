/*
 * test_json.c - JSON that others wrote.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support.h"

#include "json.h"

#include <stdlib.h>
#include <string.h>

static void refused(const char *text, size_t length, int32_t code, const char *part)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    json_object *value = json_parse(text, length, "it", &err);
    assert_null(value);
    assert_error(err, code, part);
    assert_null(json_parse(text, length, "it", NULL));
}

static void test_bad(void **state)
{
    (void)state;
    static const char *const bad[] = {"",     "{",       "[1,]",  "{\"a\":1,}", "'a'",
                                      "01",   "nul",     "1 2",   "{} x",       "+1",
                                      "TRUE", "/**/1",   "{a:1}", "\"a",        "[1 2]",
                                      "-",    "\"\\x\"", ".5",    "{\"a\" 1}",  "//x\n1"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        refused(bad[i], strlen(bad[i]), ENCLAVE_EINVALID, "it: not valid JSON: ");
    }
    refused("{} x", 4, ENCLAVE_EINVALID, "at byte 3");
    refused("[\"\xff\"]", 5, ENCLAVE_EINVALID, "not valid UTF-8 at byte 2");
    refused("[1]\0]", 5, ENCLAVE_EINVALID, "not valid JSON");
    static const char *const endless[] = {"NaN", "[Infinity]", "{\"a\": -Infinity}", "1e999"};
    for (size_t i = 0; i < COUNT(endless); i++) {
        refused(endless[i], strlen(endless[i]), ENCLAVE_EINVALID, "a number that is not finite");
    }
}

static void test_good(void **state)
{
    (void)state;
    static const char *const good[] = {"true", " 1 ",    "\"\\u0000\"",
                                       "[]",   "-0.5e3", "{\"a\": null}"};
    for (size_t i = 0; i < COUNT(good); i++) {
        struct enclave_error err = ENCLAVE_ERROR_INIT;
        json_object *value = json_parse(good[i], strlen(good[i]), "it", &err);
        assert_non_null(value);
        assert_int_equal(err.code, 0);
        json_object_put(value);
    }
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    assert_null(json_parse("null", 4, "it", &err));
    assert_int_equal(err.code, 0);
}

static void test_depth_and_size(void **state)
{
    (void)state;
    enum { DEEP = 100000 };
    char *text = malloc(2 * DEEP);
    assert_non_null(text);
    memset(text, '[', DEEP);
    memset(text + DEEP, ']', DEEP);
    refused(text, 2 * DEEP, ENCLAVE_EINVALID, "not valid JSON");
    free(text);
    size_t size = (size_t)JSON_TEXT_MAX + 1;
    text = calloc(1, size);
    assert_non_null(text);
    refused(text, size, ENCLAVE_ETOOBIG, "bytes of JSON; at most 67108864");
    free(text);
}

static void test_object(void **state)
{
    (void)state;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    static const char *const empty[] = {NULL, "", "{}"};
    for (size_t i = 0; i < COUNT(empty); i++) {
        json_object *object = json_parse_object(empty[i], "it", &err);
        assert_int_equal(json_object_object_length(object), 0);
        json_object_put(object);
    }
    assert_null(json_parse_object("3", "it", &err));
    assert_error(err, ENCLAVE_EINVALID, "it: expected an object, got an integer");
    assert_null(json_parse_object("null", "it", &err));
    assert_error(err, ENCLAVE_EINVALID, "got null");
}

static void test_helpers(void **state)
{
    (void)state;
    json_object *seconds = json_seconds(1500007);
    assert_string_equal(json_object_get_string(seconds), "1.500007");
    json_object_put(seconds);
    json_object *lossy = json_string_lossy("a\xff", 2);
    assert_string_equal(json_object_get_string(lossy), "a\xef\xbf\xbd");
    json_object_put(lossy);
    assert_int_equal(json_set(NULL, "a", json_object_new_int(1)), ENCLAVE_ENOMEM);
    json_object *object = json_object_new_object();
    assert_int_equal(json_set(object, "a", NULL), ENCLAVE_ENOMEM);
    assert_int_equal(json_set_string(object, "path", "/a"), 0);
    char *text = json_text(object);
    assert_string_equal(text, "{\"path\":\"/a\"}");
    json_object *own = json_parse_own(text), *copy = json_copy(object);
    assert_true(json_object_equal(own, copy));
    json_object_put(own);
    json_object_put(copy);
    assert_null(json_copy(NULL));
    free(text);
    json_object_put(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad),     cmocka_unit_test(test_good),
        cmocka_unit_test(test_object),  cmocka_unit_test(test_depth_and_size),
        cmocka_unit_test(test_helpers),
    };
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
