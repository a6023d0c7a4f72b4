/*
 * test_options.c - typed values, and the option tables of plugins.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support.h"

#include "json.h"
#include "options.h"

#include <string.h>

enum { S = ENCLAVE_OPTION_STRING, I, B, Z, T, L };

static void test_text(void **state)
{
    (void)state;
    static const struct {
        uint32_t type;
        const char *text, *json; /* NULL: refused */
    } rows[] = {
        {S, "", "\"\""},
        {S, "a b", "\"a b\""},
        {I, "-7", "-7"},
        {I, "7x", NULL},
        {I, "", NULL},
        {I, "99999999999999999999", NULL},
        {B, "true", "true"},
        {B, "false", "false"},
        {B, "yes", NULL},
        {B, "True", NULL},
        {Z, "12", "12"},
        {Z, "2k", "2048"},
        {Z, "64M", "67108864"},
        {Z, "1g", "1073741824"},
        {Z, "1t", NULL},
        {Z, "1kk", NULL},
        {Z, "-1", NULL},
        {Z, "k", NULL},
        {Z, " 1", NULL},
        {Z, "4294967296g", "4611686018427387904"},
        {Z, "4294967297g", NULL},
        {Z, "18446744073709551616", NULL},
        {T, "30", "30"},
        {T, "0.5", "0.5"},
        {T, "-1", NULL},
        {T, "nan", NULL},
        {T, "inf", NULL},
        {T, "0x10", NULL},
        {T, ".5", NULL},
        {T, "5.", NULL},
        {T, "1.2.3", NULL},
        {T, "", NULL},
        {T, "030", NULL},
        {L, "a, b ,,c", "[\"a\",\"b\",\"c\"]"},
        {L, "", "[]"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct enclave_error err = ENCLAVE_ERROR_INIT;
        JSON_AUTO value = option_from_text(rows[i].type, rows[i].text, &err);
        if (rows[i].json) {
            if (!value) {
                fail_msg("'%s': %s", rows[i].text, err.message);
            }
            assert_string_equal(json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN),
                                rows[i].json);
        } else {
            if (value) {
                fail_msg("'%s' was taken", rows[i].text);
            }
            assert_error(err, ENCLAVE_EINVALID, "expected ");
        }
    }
}

static void test_json(void **state)
{
    (void)state;
    static const struct {
        uint32_t type;
        const char *json;
        int good;
    } rows[] = {
        {S, "\"a\"", 1}, {S, "1", 0},     {I, "1", 1},      {I, "1.5", 0},   {I, "\"1\"", 0},
        {B, "true", 1},  {B, "1", 0},     {Z, "\"1m\"", 1}, {Z, "5", 1},     {Z, "-5", 0},
        {Z, "\"x\"", 0}, {T, "0.5", 1},   {T, "-1", 0},     {T, "\"1\"", 0}, {L, "[\"a\"]", 1},
        {L, "[1]", 0},   {L, "\"a\"", 0}, {L, "[null]", 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct enclave_error err = ENCLAVE_ERROR_INIT;
        JSON_AUTO given = json_tokener_parse(rows[i].json);
        JSON_AUTO value = option_from_json(rows[i].type, given, &err);
        assert_int_equal(value != NULL, rows[i].good);
    }
}

static const struct enclave_option table[] = {
    ENCLAVE_OPTION("limit", ENCLAVE_OPTION_SIZE, "1k", ""),
    ENCLAVE_OPTION("allowed", ENCLAVE_OPTION_LIST, NULL, ""),
    ENCLAVE_OPTION_END,
};

static void test_table(void **state)
{
    (void)state;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    JSON_AUTO values = option_defaults(table, &err);
    JSON_AUTO good = json_tokener_parse("{\"allowed\": [\"a\"], \"limit\": null}");
    JSON_AUTO unknown = json_tokener_parse("{\"limits\": 1}");
    JSON_AUTO strange = json_tokener_parse("{\"zzzzzz\": 1}");
    JSON_AUTO wrong = json_tokener_parse("{\"allowed\": \"a\"}");
    assert_string_equal(support_text(values, "limit", NULL), "1024");
    assert_int_equal(option_apply(table, good, values, &err), 0);
    assert_string_equal(json_object_to_json_string_ext(values, JSON_C_TO_STRING_PLAIN),
                        "{\"limit\":1024,\"allowed\":[\"a\"]}");
    assert_int_equal(option_apply(table, unknown, values, &err), ENCLAVE_EINVALID);
    assert_error(err, ENCLAVE_EINVALID, "unknown option 'limits'; did you mean 'limit'?");
    assert_int_equal(option_apply(table, strange, values, &err), ENCLAVE_EINVALID);
    assert_null(strstr(err.message, "did you mean"));
    assert_int_equal(option_apply(table, wrong, values, &err), ENCLAVE_EINVALID);
    assert_error(err, ENCLAVE_EINVALID, "option 'allowed': expected a list of strings");
    assert_int_equal(option_apply(NULL, unknown, values, &err), ENCLAVE_EINVALID);
    assert_null(option_find(NULL, "limit"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_text), cmocka_unit_test(test_json),
                                       cmocka_unit_test(test_table)};
    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
