/*
 * test_fields.c - the configuration of a sandbox: each field's good and bad values.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support.h"

#include "fields.h"
#include "json.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name, *good[5], *bad[14];
} rows[] = {
    {"timeout", {"0", "1.5"}, {"-1", "\"x\"", "true", "2e9"}},
    {"tools_config", {"{}", "[\"a\"]", "{\"a\": {}}", "{\"a\": null}"}, {"1", "[1]", "{\"a\": 1}"}},
    {"working_dir",
     {"\"/a\"", "\"/a/b.c\""},
     {"\"a\"", "\"/\"", "\"/a/\"", "\"/a//b\"", "\"/a/../b\"", "\"/a/..\"", "\"/..\"", "\"/a/.\"",
      "\"/.\"", "\"/a\\n\"", "1", "\"\""}},
    {"env_vars",
     {"{}", "{\"A\": \"a\\nb\"}"},
     {"[]", "{\"A\": 1}", "{\"A\": null}", "{\"\": \"a\"}", "{\"A=B\": \"a\"}",
      "{\"A\": \"a\\u0000b\"}"}},
    {"resource_limits", {"{}"}, {"{\"a\": 1}", "1"}},
    {"image", {"\"a/b:c\""}, {"\"\"", "1", "\"a\\r\\nb\"", "\"a\\u0000\""}},
    {"command",
     {"\"ls\"", "[\"a\", \"\"]"},
     {"[]", "1", "\"\"", "[\"\"]", "[1]", "[\"a\", null]", "\"a\\u0000b\"", "[\"a\\u0000\"]"}},
    {"user",
     {"\"0\"", "\"1000:1000\""},
     {"\"root\"", "\"1:\"", "\":1\"", "1", "\"1:2:3\"", "\"1\\u0000\"", "\"99999999999\""}},
    {"volumes",
     {"{}", "{\"/h\": {\"bind\": \"/p\", \"mode\": \"ro\"}}", "{\"/h\": {\"bind\": \"/p\"}}"},
     {"[]", "{\"h\": {\"bind\": \"/p\"}}", "{\"/h\": \"/p\"}", "{\"/h\": null}", "{\"/h\": {}}",
      "{\"/h\": {\"bind\": \"p\"}}", "{\"/h\": {\"bind\": \"/p\", \"mode\": \"x\"}}",
      "{\"/h\": {\"bind\": \"/p\", \"mod\": \"ro\"}}"}},
    {"ports",
     {"{}", "{\"80/tcp\": 8080}", "{\"53/udp\": [\"127.0.0.1\", 53]}", "{\"65535\": 0}"},
     {"[]", "{\"x\": 1}", "{\"80/icmp\": 1}", "{\"80\": 65536}", "{\"80\": -1}", "{\"80\": \"80\"}",
      "{\"99999/tcp\": 1}", "{\"0\": 1}", "{\"80\": [1, 2]}", "{\"80\": [\"a\"]}",
      "{\"80\": [null, 1]}"}},
    {"network_enabled", {"true", "false"}, {"1", "\"true\""}},
    {"extra_hosts", {"{\"a\": \"10.0.0.1\"}"}, {"[]", "{\"a\": 1}", "{\"a\\n\": \"b\"}"}},
    {"memory_limit",
     {"\"512m\"", "8388608", "\"1G\""},
     {"0", "-1", "\"0\"", "\"x\"", "1.5", "true", "\"7m\"", "512", "\"512m\\u0000\"",
      "\"99999999999g\"", "9223372036854775807"}},
    {"cpu_limit", {"1", "0.5"}, {"0", "-1", "\"1\"", "5000"}},
    {"pids_limit", {"32", "1000"}, {"31", "1.5", "\"64\"", "4194305"}},
    {"nofile_limit", {"1"}, {"0", "\"1\""}},
    {"privileged", {"true"}, {"\"yes\""}},
    {"labels", {"{\"a\": \"\"}"}, {"[\"a\"]", "{\"a\": \"b\\n\"}"}},
    {"pull_progress_interval", {"0.1"}, {"\"a\""}},
};

static int32_t apply(const char *name, const char *value, struct enclave_error *err)
{
    char text[256];
    uint64_t bits = 0;
    (void)snprintf(text, sizeof text, "{\"%s\": %s}", name, value);
    JSON_AUTO given = json_tokener_parse(text);
    JSON_AUTO config = fields_defaults(err);
    if (!given) {
        fail_msg("not JSON: %s", text);
    }
    return fields_apply(config, given, &bits, err);
}

static void test_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct enclave_error err = ENCLAVE_ERROR_INIT;
        char where[80];
        (void)snprintf(where, sizeof where, "field '%s': ", rows[i].name);
        for (size_t j = 0; j < COUNT(rows[i].good) && rows[i].good[j]; j++) {
            if (apply(rows[i].name, rows[i].good[j], &err) != 0) {
                fail_msg("%s: %s", rows[i].good[j], err.message);
            }
        }
        for (size_t j = 0; j < COUNT(rows[i].bad) && rows[i].bad[j]; j++) {
            if (apply(rows[i].name, rows[i].bad[j], &err) != ENCLAVE_EINVALID) {
                fail_msg("%s: %s was taken", rows[i].name, rows[i].bad[j]);
            }
            assert_error(err, ENCLAVE_EINVALID, where);
        }
        assert_int_equal(apply(rows[i].name, "null", &err), 0); /* as not given */
    }
}

static void test_names(void **state)
{
    (void)state;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    assert_int_equal(apply("docker_executor_workers", "4", &err), 0);
    assert_int_equal(apply("memory_limits", "4", &err), ENCLAVE_EINVALID);
    assert_error(err, ENCLAVE_EINVALID,
                 "unknown field 'memory_limits'; did you mean 'memory_limit'?");
    assert_int_equal(apply("zzzzzzz", "4", &err), ENCLAVE_EINVALID);
    assert_null(strstr(err.message, "did you mean"));
    for (size_t i = 0; i < field_count(); i++) {
        assert_ptr_equal(field_find(field_at(i)->name), field_at(i));
    }
}

static void test_bits(void **state)
{
    (void)state;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    uint64_t bits = 0;
    JSON_AUTO config = fields_defaults(&err);
    JSON_AUTO given = json_tokener_parse("{\"env_vars\": {\"A\": \"1\"}, \"cpu_limit\": 2,"
                                         " \"network_enabled\": true, \"volumes\": {}}");
    JSON_AUTO more = json_tokener_parse("{\"env_vars\": {\"B\": \"2\"}, \"privileged\": false}");
    assert_true(fields_wanted(config) & ENCLAVE_CAN_NETWORK_OFF);
    assert_true(fields_wanted(config) & ENCLAVE_CAN_OWN_UID);
    assert_int_equal(fields_apply(config, given, &bits, &err), 0);
    assert_int_equal(bits, ENCLAVE_CAN_CPU | ENCLAVE_CAN_NETWORK);
    assert_false(fields_wanted(config) & ENCLAVE_CAN_NETWORK_OFF);
    assert_int_equal(fields_apply(config, more, &bits, &err), 0);
    assert_true(bits & ENCLAVE_CAN_SECCOMP);
    assert_string_equal(support_text(config, "env_vars", "A", NULL), "1");
    assert_string_equal(support_text(config, "env_vars", "B", NULL), "2");
    JSON_AUTO names = fields_bit_names(ENCLAVE_CAN_CPU | ENCLAVE_CAN_USER);
    assert_string_equal(json_object_to_json_string_ext(names, JSON_C_TO_STRING_PLAIN),
                        "[\"cpu_limit\",\"user\"]");
}

static void test_from_text(void **state)
{
    (void)state;
    static const char *const texts[][3] = {
        {"timeout", "1.5", "1.5"},           {"memory_limit", "512m", "\"512m\""},
        {"user", "1000", "\"1000\""},        {"command", "sleep 1", "\"sleep 1\""},
        {"command", "[\"a\"]", "[\"a\"]"},   {"tools_config", "a, b", "{\"a\":{},\"b\":{}}"},
        {"network_enabled", "true", "true"}, {"network_enabled", "yes", NULL},
        {"timeout", "null", NULL},           {"timeout", "NaN", NULL},
        {"env_vars", "{nonsense", NULL},     {"image", "", NULL},
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct enclave_error err = ENCLAVE_ERROR_INIT;
        JSON_AUTO value = field_from_text(field_find(texts[i][0]), texts[i][1], &err);
        if (!texts[i][2]) {
            assert_null(value);
            assert_error(err, ENCLAVE_EINVALID, "expected ");
            continue;
        }
        assert_string_equal(json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN),
                            texts[i][2]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_values), cmocka_unit_test(test_names),
                                       cmocka_unit_test(test_bits),
                                       cmocka_unit_test(test_from_text)};
    return cmocka_run_group_tests_name("fields", tests, NULL, NULL);
}
