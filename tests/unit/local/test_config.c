/*
 * test_config.c - reading a sandbox's configuration: defaults, units, refusals.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "sandbox_config.h"

#include <stdlib.h>
#include <string.h>

static void test_defaults(void **state)
{
    struct sandbox_config config;

    (void)state;
    assert_int_equal(sandbox_config_parse("{}", &config, NULL), 0);
    assert_string_equal(config.image, "python:3.11-slim");
    assert_string_equal(config.working_dir, "/sandbox");
    assert_int_equal(config.memory, 512 << 20);
    assert_int_equal(config.workdir_size, 256 << 20);
    assert_int_equal(config.tmp_size, 256 << 20);
    assert_int_equal(config.shm_size, 64 << 20);
    assert_int_equal(config.cpu_quota_us, 100000);
    assert_int_equal(config.pids, 256);
    assert_int_equal(config.nofile, 1024);
    assert_false(config.network_enabled);
    assert_false(config.privileged);
    assert_true(config.read_only_root);
    assert_true(config.remove_on_exit);
    assert_false(config.has_user);
    assert_null(config.platform);
    assert_null(config.runtime);
    sandbox_config_clear(&config);
}

static void test_values(void **state)
{
    struct sandbox_config config;

    (void)state;
    assert_int_equal(
        sandbox_config_parse("{\"memory_limit\":\"4g\",\"cpu_limit\":2.5,\"user\":\"1000:100\","
                             "\"platform\":null,\"unknown\":[],\"volumes\":{\"/data\":{\"bind\":"
                             "\"/in\",\"mode\":\"ro\"},\"/out\":{\"bind\":\"/out\"}}}",
                             &config, NULL),
        0);
    assert_true(config.memory == UINT64_C(4) << 30);
    assert_int_equal(config.cpu_quota_us, 250000);
    assert_int_equal(config.uid, 1000);
    assert_int_equal(config.gid, 100);
    assert_int_equal(config.volume_count, 2);
    assert_true(config.volumes[0].read_only);
    assert_false(config.volumes[1].read_only);
    assert_true(sandbox_config_in_volume(&config, "/in/deep"));
    assert_false(sandbox_config_in_volume(&config, "/inside"));
    sandbox_config_clear(&config);
}

static void test_sizes(void **state)
{
    static const char *const bad[] = {"",
                                      "0",
                                      "0m",
                                      "-1",
                                      "+1",
                                      "1t",
                                      "1mm",
                                      " 1",
                                      "1 m",
                                      "m",
                                      "1.5g",
                                      "99999999999g",
                                      "99999999999999999999"};
    uint64_t bytes = 7;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(sandbox_parse_size(bad[i], &bytes), -1);
    }
    assert_int_equal(bytes, 7);
    assert_int_equal(sandbox_parse_size("12", &bytes), 0);
    assert_int_equal(bytes, 12);
    assert_int_equal(sandbox_parse_size("3K", &bytes), 0);
    assert_int_equal(bytes, 3072);
}

/* Each is refused, with a message that names the member. */
static void test_refusals(void **state)
{
    static const struct {
        const char *config;
        const char *names;
    } cases[] = {
        {"[]", "JSON object"},
        {"{", "JSON object"},
        {"{\"image\":\"a\\nb\"}", "image"},
        {"{\"image\":\"a\\u0000b\"}", "image"},
        {"{\"image\":\"\"}", "image"},
        {"{\"image\":7}", "image"},
        {"{\"memory_limit\":\"0\"}", "memory_limit"},
        {"{\"workdir_size\":\"0\"}", "workdir_size"},
        {"{\"cpu_limit\":0}", "cpu_limit"},
        {"{\"cpu_limit\":\"1\"}", "cpu_limit"},
        {"{\"pids_limit\":0}", "pids_limit"},
        {"{\"pids_limit\":16}", "pids_limit"},
        {"{\"nofile_limit\":-1}", "nofile_limit"},
        {"{\"privileged\":1}", "privileged"},
        {"{\"user\":\"root\"}", "user"},
        {"{\"user\":\"4294967295\"}", "user"},
        {"{\"user\":\"1:\"}", "user"},
        {"{\"working_dir\":\"/\"}", "working_dir"},
        {"{\"working_dir\":\"rel\"}", "working_dir"},
        {"{\"working_dir\":\"/a/../b\"}", "working_dir"},
        {"{\"working_dir\":\"/a//b\"}", "working_dir"},
        {"{\"working_dir\":\"/proc/x\"}", "working_dir"},
        {"{\"working_dir\":\"/run/enclave\"}", "working_dir"},
        {"{\"network\":\"container:x\"}", "network"},
        {"{\"ports\":{\"1/tcp\":1}}", "ports"},
        {"{\"env_vars\":{\"A\":\"b\\r\\nc\"}}", "env_vars"},
        {"{\"env_vars\":{\"A=B\":\"c\"}}", "env_vars"},
        {"{\"env_vars\":{\"A\":1}}", "env_vars"},
        {"{\"labels\":{\"io.enclave.keep\":\"true\"}}", "labels"},
        {"{\"labels\":{\"a\":\"b\\n\"}}", "labels"},
        {"{\"volumes\":{\"rel\":{\"bind\":\"/a\"}}}", "volumes"},
        {"{\"volumes\":{\"/a\":\"/b\"}}", "volumes"},
        {"{\"volumes\":{\"/a\":{\"bind\":\"/b\",\"mode\":\"z\"}}}", "volumes"},
        {"{\"volumes\":{\"/a\":{\"bind\":\"/.enclave\"}}}", "volumes"},
        {"{\"volumes\":{\"/a\":{\"bind\":\"/run\"}}}", "volumes"},
        {"{\"volumes\":{\"/a\":{\"bind\":\"/b:/c\"}}}", "volumes"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct enclave_error err = ENCLAVE_ERROR_INIT;
        struct sandbox_config config;

        if (sandbox_config_parse(cases[i].config, &config, &err) != ENCLAVE_EINVALID ||
            !strstr(err.message, cases[i].names)) {
            fail_msg("%s: '%s'", cases[i].config, err.message);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_refusals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
