/*
 * test_spec.c - the request that makes a container.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "container_spec.h"
#include "json_build.h"

#include <string.h>

static const struct sandbox_limits all_limits = {1, 1, 1, 1, 2};

static int32_t build(const char *text, struct sandbox_limits limits, const char *agent,
                     json_object **ret_body)
{
    struct sandbox_config config;
    struct container_plan plan = {.sandbox = {&config, limits, 5000, 5001}, .agent_source = agent};
    int32_t rc = sandbox_config_parse(text, &config, NULL);

    if (!rc) {
        rc = container_spec_build(&plan, ret_body, NULL);
        sandbox_config_clear(&config);
    }
    return rc;
}

/* The body as compact JSON of one member of HostConfig ("Memory"), or of the body (".User"). */
static const char *member(json_object *body, const char *key)
{
    json_object *from = key[0] == '.' ? body : json_member(body, "HostConfig");
    json_object *value = json_member(from, key + (key[0] == '.'));

    return value ? json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN |
                                                             JSON_C_TO_STRING_NOSLASHESCAPE)
                 : "absent";
}

static void test_defaults_are_tight(void **state)
{
    json_object *body;

    (void)state;
    assert_int_equal(build("{}", all_limits, "/lib/agent", &body), 0);
    assert_string_equal(member(body, ".User"), "\"0:0\"");
    assert_string_equal(member(body, ".Entrypoint"), "[\"/.enclave/enclave-agent\"]");
    assert_string_equal(member(body, ".Cmd"), "[]");
    assert_string_equal(member(body, ".Tty"), "false");
    assert_string_equal(member(body, ".StdinOnce"), "true");
    assert_string_equal(member(body, ".Healthcheck"), "{\"Test\":[\"NONE\"]}");
    assert_string_equal(member(body, "NetworkMode"), "\"none\"");
    assert_string_equal(member(body, "ReadonlyRootfs"), "true");
    assert_string_equal(member(body, "CapDrop"), "[\"ALL\"]");
    assert_string_equal(member(body, "CapAdd"), "[\"SETUID\",\"SETGID\",\"KILL\"]");
    assert_string_equal(member(body, "SecurityOpt"), "[\"no-new-privileges\"]");
    assert_string_equal(member(body, "Privileged"), "absent");
    assert_string_equal(member(body, "AutoRemove"), "true");
    assert_string_equal(member(body, "LogConfig"), "{\"Type\":\"none\"}");
    assert_string_equal(member(body, "Memory"), "536870912");
    assert_string_equal(member(body, "MemorySwap"), "536870912");
    assert_string_equal(member(body, "CpuQuota"), "100000");
    assert_string_equal(member(body, "CpuPeriod"), "100000");
    assert_string_equal(member(body, "NanoCpus"), "absent");
    assert_string_equal(member(body, "PidsLimit"), "256");
    assert_string_equal(member(body, "ShmSize"), "67108864");
    assert_string_equal(member(body, "Ulimits"),
                        "[{\"Name\":\"nofile\",\"Soft\":4096,\"Hard\":4096},"
                        "{\"Name\":\"nproc\",\"Soft\":4096,\"Hard\":4096},"
                        "{\"Name\":\"core\",\"Soft\":0,\"Hard\":0}]");
    assert_string_equal(member(body, "PortBindings"), "absent");
    json_object_put(body);
}

static void test_mounts(void **state)
{
    json_object *body;

    (void)state;
    assert_int_equal(build("{\"volumes\":{\"/d\":{\"bind\":\"/in\",\"mode\":\"ro\"}}}", all_limits,
                           "/lib/agent", &body),
                     0);
    assert_string_equal(
        member(body, "Mounts"),
        "[{\"Type\":\"bind\",\"Source\":\"/lib/agent\",\"Target\":\"/.enclave/enclave-agent\","
        "\"ReadOnly\":true},{\"Type\":\"bind\",\"Source\":\"/d\",\"Target\":\"/in\","
        "\"ReadOnly\":true}]");
    assert_string_equal(
        member(body, "Tmpfs"),
        "{\"/run/enclave\":\"rw,exec,nosuid,nodev,size=33554432,mode=0755\","
        "\"/tmp\":\"rw,exec,nosuid,nodev,size=268435456,mode=1777\","
        "\"/sandbox\":\"rw,exec,nosuid,nodev,size=268435456,uid=5000,gid=5001,mode=0700\"}");
    json_object_put(body);

    assert_int_equal(
        build("{\"volumes\":{\"/d\":{\"bind\":\"/sandbox\"}}}", all_limits, NULL, &body), 0);
    assert_string_equal(member(body, "Mounts"),
                        "[{\"Type\":\"volume\",\"Target\":\"/.enclave\",\"ReadOnly\":false},"
                        "{\"Type\":\"bind\",\"Source\":\"/d\",\"Target\":\"/sandbox\","
                        "\"ReadOnly\":false}]");
    assert_null(strstr(member(body, "Tmpfs"), "/sandbox"));
    json_object_put(body);
}

/* Podman takes no owner, copies what the image has, and mounts more unless that is taken. */
static void test_podmans_mounts(void **state)
{
    struct sandbox_config config;
    struct container_plan plan = {.sandbox = {&config, all_limits, 5000, 5001}, .podman = 1};
    json_object *body;

    (void)state;
    assert_int_equal(sandbox_config_parse("{}", &config, NULL), 0);
    assert_int_equal(container_spec_build(&plan, &body, NULL), 0);
    assert_string_equal(
        member(body, "Tmpfs"),
        "{\"/run\":\"ro,nosuid,nodev,noexec,size=4096,notmpcopyup\","
        "\"/var/tmp\":\"ro,nosuid,nodev,noexec,size=4096,notmpcopyup\","
        "\"/run/enclave\":\"rw,exec,nosuid,nodev,size=33554432,notmpcopyup,mode=0755\","
        "\"/tmp\":\"rw,exec,nosuid,nodev,size=268435456,notmpcopyup,mode=1777\","
        "\"/sandbox\":\"rw,exec,nosuid,nodev,size=268435456,notmpcopyup,mode=0700\"}");
    assert_string_equal(member(body, "CapAdd"), "[\"SETUID\",\"SETGID\",\"KILL\",\"CHOWN\"]");
    json_object_put(body);
    sandbox_config_clear(&config);

    assert_int_equal(sandbox_config_parse("{\"read_only_root\":false,\"volumes\":{\"/d\":{\"bind\":"
                                          "\"/sandbox\"}}}",
                                          &config, NULL),
                     0);
    assert_int_equal(container_spec_build(&plan, &body, NULL), 0);
    assert_null(strstr(member(body, "Tmpfs"), "/var/tmp"));
    assert_string_equal(member(body, "CapAdd"), "[\"SETUID\",\"SETGID\",\"KILL\"]");
    json_object_put(body);
    sandbox_config_clear(&config);
}

static void test_limits_follow_the_engine(void **state)
{
    json_object *body;

    (void)state;
    assert_int_equal(build("{}", (struct sandbox_limits){1, 0, 0, 0, 1}, "/a", &body), 0);
    assert_string_equal(member(body, "Memory"), "536870912");
    assert_string_equal(member(body, "MemorySwap"), "absent");
    assert_string_equal(member(body, "MemorySwappiness"), "0");
    assert_string_equal(member(body, "CpuQuota"), "absent");
    assert_string_equal(member(body, "PidsLimit"), "absent");
    json_object_put(body);
    assert_int_equal(build("{}", (struct sandbox_limits){0, 0, 0, 0, 1}, "/a", &body), 0);
    assert_string_equal(member(body, "Memory"), "absent");
    assert_string_equal(member(body, "MemorySwappiness"), "absent");
    json_object_put(body);
}

static void test_network(void **state)
{
    json_object *body;

    (void)state;
    assert_int_equal(build("{\"network_enabled\":true,\"network\":\"net1\",\"ports\":{\"80\":8080,"
                           "\"53/udp\":[\"0.0.0.0\",5353],\"9/tcp\":null},\"extra_hosts\":{\"h\":"
                           "\"host-gateway\"}}",
                           all_limits, "/a", &body),
                     0);
    assert_string_equal(member(body, "NetworkMode"), "\"net1\"");
    assert_string_equal(member(body, "PortBindings"),
                        "{\"80/tcp\":[{\"HostIp\":\"127.0.0.1\",\"HostPort\":\"8080\"}],"
                        "\"53/udp\":[{\"HostIp\":\"0.0.0.0\",\"HostPort\":\"5353\"}],"
                        "\"9/tcp\":[{\"HostIp\":\"127.0.0.1\",\"HostPort\":\"\"}]}");
    assert_string_equal(member(body, ".ExposedPorts"),
                        "{\"80/tcp\":{},\"53/udp\":{},\"9/tcp\":{}}");
    assert_string_equal(member(body, "ExtraHosts"), "[\"h:host-gateway\"]");
    json_object_put(body);
}

static void test_bad_ports(void **state)
{
    static const char *const bad[] = {"\"x\":1",     "\"0/tcp\":1",       "\"1/foo\":1",
                                      "\"1\":70000", "\"1\":[\"x y\",1]", "\"1\":\"2\"",
                                      "\"70000\":1", "\"1\":[1]"};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        json_object *body = NULL;
        char text[128];

        (void)snprintf(text, sizeof text, "{\"network_enabled\":true,\"ports\":{%s}}", bad[i]);
        assert_int_equal(build(text, all_limits, "/a", &body), ENCLAVE_EINVALID);
        assert_null(body);
    }
}

static void test_privileged(void **state)
{
    json_object *body;

    (void)state;
    assert_int_equal(build("{\"privileged\":true,\"runtime\":\"runsc\",\"read_only_root\":false,"
                           "\"remove_on_exit\":false}",
                           all_limits, "/a", &body),
                     0);
    assert_string_equal(member(body, "Privileged"), "true");
    assert_string_equal(member(body, "CapDrop"), "absent");
    assert_string_equal(member(body, "SecurityOpt"), "absent");
    assert_string_equal(member(body, "Runtime"), "\"runsc\"");
    assert_string_equal(member(body, "ReadonlyRootfs"), "false");
    assert_string_equal(member(body, "AutoRemove"), "false");
    json_object_put(body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults_are_tight),
        cmocka_unit_test(test_mounts),
        cmocka_unit_test(test_podmans_mounts),
        cmocka_unit_test(test_limits_follow_the_engine),
        cmocka_unit_test(test_network),
        cmocka_unit_test(test_bad_ports),
        cmocka_unit_test(test_privileged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
