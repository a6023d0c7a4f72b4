/*
 * test_schema.c - parameters against the schema of a tool, and whether it is a schema at all.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support.h"

#include "json.h"
#include "schema.h"

static const char schema_text[] =
    "{\"type\": \"object\", \"required\": [\"code\"], \"properties\": {"
    "\"code\": {\"type\": \"string\", \"minLength\": 2},"
    "\"count\": {\"type\": \"integer\", \"minimum\": 1, \"maximum\": 9},"
    "\"ratio\": {\"type\": \"number\"}, \"flag\": {\"type\": \"boolean\"},"
    "\"mode\": {\"enum\": [\"r\", \"w\", 1]}, \"none\": {\"type\": \"null\"},"
    "\"args\": {\"type\": [\"string\", \"array\"], \"items\": {\"type\": \"string\"}},"
    "\"place\": {\"type\": \"object\", \"required\": [\"x\"],"
    " \"properties\": {\"x\": {\"type\": \"integer\"}}},"
    "\"env\": {\"type\": \"object\", \"additionalProperties\": {\"type\": \"string\"}},"
    "\"any\": {\"type\": \"object\"},"
    "\"some\": {\"type\": \"object\", \"required\": [\"must\"]},"
    "\"open\": {\"type\": \"object\", \"properties\": {}, \"additionalProperties\": true}}}";

static const struct {
    const char *params, *message; /* NULL: fits */
} rows[] = {
    {"{\"code\": \"ab\"}", NULL},
    {"{\"code\": \"ab\", \"count\": 9, \"ratio\": 1, \"flag\": true, \"mode\": 1, \"none\": null}",
     NULL},
    {"{\"code\": \"ab\", \"count\": 2.0}", NULL},
    {"{\"code\": \"ab\", \"args\": [\"a\"], \"env\": {\"A\": \"b\"}, \"any\": {\"a\": 1}}", NULL},
    {"{\"code\": \"ab\", \"open\": {\"q\": 1}, \"place\": {\"x\": 1}}", NULL},
    {"{}", "parameter 'code' is missing"},
    {"{\"code\": 1}", "parameter 'code': expected string, got an integer"},
    {"{\"code\": null}", "parameter 'code': expected string, got null"},
    {"{\"code\": \"a\"}", "parameter 'code': too short"},
    {"{\"code\": \"\xc3\xa4\"}", "parameter 'code': too short"},
    {"{\"code\": \"ab\", \"count\": 0}", "parameter 'count': expected at least 1, got 0"},
    {"{\"code\": \"ab\", \"count\": 10}", "parameter 'count': expected at most 9, got 10"},
    {"{\"code\": \"ab\", \"count\": 1.5}", "parameter 'count': expected integer, got a number"},
    {"{\"code\": \"ab\", \"mode\": \"x\"}",
     "parameter 'mode': expected one of [ \"r\", \"w\", 1 ]"},
    {"{\"code\": \"ab\", \"args\": 1}",
     "parameter 'args': expected string or array, got an integer"},
    {"{\"code\": \"ab\", \"args\": [\"a\", 2]}",
     "parameter 'args'[1]: expected string, got an integer"},
    {"{\"code\": \"ab\", \"place\": {}}", "parameter 'parameter 'place'.x' is missing"},
    {"{\"code\": \"ab\", \"env\": {\"A\": 1}}",
     "parameter 'env'.A: expected string, got an integer"},
    {"{\"code\": \"ab\", \"some\": {\"a\": 1}}", "is missing"},
    {"{\"code\": \"ab\", \"coed\": 1}", "unknown parameter 'coed'; did you mean 'code'?"},
    {"{\"code\": \"ab\", \"zzzzzzzz\": 1}", "unknown parameter 'zzzzzzzz'"},
    {"{\"code\": \"ab\", \"place\": {\"x\": 1, \"y\": 2}}", "unknown parameter"},
};

static void test_check(void **state)
{
    (void)state;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    JSON_AUTO schema = json_tokener_parse(schema_text);
    assert_int_equal(schema_validate(schema, &err), 0);
    for (size_t i = 0; i < COUNT(rows); i++) {
        JSON_AUTO params = json_tokener_parse(rows[i].params);
        assert_non_null(params);
        int32_t r = schema_check(schema, params, &err);
        if (!rows[i].message) {
            if (r != 0) {
                fail_msg("%s: %s", rows[i].params, err.message);
            }
            continue;
        }
        if (r != ENCLAVE_EINVALID) {
            fail_msg("%s was taken", rows[i].params);
        }
        assert_error(err, ENCLAVE_EINVALID, rows[i].message);
    }
}

static void test_validate(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"[]", "not an object"},
        {"{\"type\": \"text\"}", "'type'"},
        {"{\"type\": []}", "'type'"},
        {"{\"type\": [1]}", "'type'"},
        {"{\"enum\": 5}", "'enum'"},
        {"{\"required\": \"a\"}", "'required'"},
        {"{\"required\": [1]}", "'required'"},
        {"{\"properties\": []}", "'properties'"},
        {"{\"properties\": {\"a\": {\"items\": 1}}}", "'items'"},
        {"{\"properties\": {\"a\": 1}}", "not an object"},
        {"{\"items\": {\"minimum\": \"1\"}}", "'minimum'"},
        {"{\"additionalProperties\": 3}", "'additionalProperties'"},
        {"{\"additionalProperties\": {\"maximum\": null}}", "'maximum'"},
        {"{\"minLength\": 1.5}", "'minLength'"},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct enclave_error err = ENCLAVE_ERROR_INIT;
        JSON_AUTO schema = json_tokener_parse(bad[i][0]);
        assert_int_equal(schema_validate(schema, &err), ENCLAVE_EINVALID);
        assert_error(err, ENCLAVE_EINVALID, bad[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_check),
                                       cmocka_unit_test(test_validate)};
    return cmocka_run_group_tests_name("schema", tests, NULL, NULL);
}
