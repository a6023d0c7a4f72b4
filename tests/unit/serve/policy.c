/*
 * policy.c - what remote callers may ask for.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct settings settings = {.max_timeout_ms = 60000, .default_timeout_fits = true};

static int32_t apply(const char *text, uint32_t allowed, struct json_object **ret,
                     struct enclave_error *err)
{
    settings.allowed = allowed;
    *ret = json_tokener_parse(text);
    assert_non_null(*ret);
    return policy_apply(&settings, *ret, err);
}

static void test_each_has_its_key(void **state)
{
    static const struct {
        const char *config;
        unsigned allow;
    } asks[] = {
        {"{\"network_enabled\": true}", ALLOW_NETWORK},
        {"{\"network\": \"host\"}", ALLOW_HOST_NETWORK},
        {"{\"network\": \"HOST\"}", ALLOW_HOST_NETWORK},
        {"{\"network\": \"container:x\"}", ALLOW_HOST_NETWORK},
        {"{\"network\": \"slirp4netns:allow_host_loopback=true\"}", ALLOW_HOST_NETWORK},
        {"{\"extra_hosts\": {\"a\": \"1.2.3.4\"}}", ALLOW_EXTRA_HOSTS},
        {"{\"ports\": {\"80/tcp\": 80}}", ALLOW_PORTS},
        {"{\"ports\": 5}", ALLOW_PORTS},
        {"{\"volumes\": {\"/\": {\"bind\": \"/x\"}}}", ALLOW_VOLUMES},
        {"{\"privileged\": true}", ALLOW_PRIVILEGED},
        {"{\"user\": \"0\"}", ALLOW_USER},
        {"{\"runtime\": \"runc\"}", ALLOW_RUNTIME},
        {"{\"read_only_root\": false}", ALLOW_WRITABLE_ROOT},
    };
    (void)state;

    for (size_t i = 0; i < sizeof asks / sizeof asks[0]; i++) {
        struct enclave_error err = ENCLAVE_ERROR_INIT;
        struct json_object *config;
        uint32_t bit = UINT32_C(1) << asks[i].allow;
        assert_int_equal(apply(asks[i].config, ~bit, &config, &err), ENCLAVE_EDENIED);
        assert_non_null(strstr(err.message, settings_allow_keys[asks[i].allow]));
        json_object_put(config);
        assert_int_equal(apply(asks[i].config, bit, &config, &err), 0);
        json_object_put(config);
    }
}

static void test_what_asks_for_nothing(void **state)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct json_object *config;
    (void)state;

    assert_int_equal(
        apply("{\"network_enabled\": false, \"network\": \"bridge\", \"extra_hosts\": {}, "
              "\"ports\": {},"
              " \"volumes\": {}, \"privileged\": false, \"user\": null, \"runtime\": null,"
              " \"read_only_root\": true, \"tools_config\": [\"a\"]}",
              0, &config, &err),
        0);
    json_object_put(config);
}

static void test_times(void **state)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct json_object *config;
    (void)state;

    assert_int_equal(apply("{\"timeout\": 0, \"tools_config\": {\"a\": {\"timeout\": 1e6}, \"b\": "
                           "{\"timeout\": 5},"
                           " \"c\": null, \"d\": {\"timeout\": \"x\"}}}",
                           0, &config, &err),
                     0);
    assert_string_equal(
        json_object_to_json_string_ext(config, JSON_C_TO_STRING_PLAIN),
        "{\"timeout\":60,\"tools_config\":{\"a\":{\"timeout\":60},\"b\":{\"timeout\":5},\"c\":null,"
        "\"d\":{\"timeout\":\"x\"}}}");
    json_object_put(config);
    settings.default_timeout_fits = false;
    assert_int_equal(apply("{}", 0, &config, &err), 0);
    assert_non_null(json_object_object_get(config, "timeout"));
    json_object_put(config);
    settings.default_timeout_fits = true;
    assert_true(policy_timeout(&settings, 5) == 5);
    assert_true(policy_timeout(&settings, 0) == 60);
    assert_true(policy_timeout(&settings, 61) == 60);
}

static void test_aliases(void **state)
{
    static char one[] = "docker = bubblewrap", two[] = "x=y", bad[] = "docker", none[] = "a =";
    char *good_list[] = {one, two, NULL}, *bad_list[] = {bad, NULL}, *none_list[] = {none, NULL};
    struct settings with = settings;
    (void)state;

    with.type_alias = good_list;
    assert_int_equal(policy_check_aliases(&with, NULL), 0);
    assert_string_equal(policy_type(&with, "docker"), "bubblewrap");
    assert_string_equal(policy_type(&with, "x"), "y");
    assert_string_equal(policy_type(&with, "dock"), "dock");
    with.type_alias = bad_list;
    assert_int_equal(policy_check_aliases(&with, NULL), ENCLAVE_ECONFIG);
    with.type_alias = none_list;
    assert_int_equal(policy_check_aliases(&with, NULL), ENCLAVE_ECONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_has_its_key),
        cmocka_unit_test(test_what_asks_for_nothing),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_aliases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
