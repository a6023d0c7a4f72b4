/*
 * Which API version is spoken with an engine, and what it tells about itself.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fake.h"

#include "cmocka_all.h"

#include <string.h>

static int32_t get(struct engine *engine, int64_t timeout_ms, int cancel_fd, long *status,
                   json_object **json, struct enclave_error *err)
{
    return engine_request(engine, "GET", "/x", NULL, timeout_ms, cancel_fd, status, json, err);
}

static int ok(void *ctx, int fd, const char *request)
{
    (void)ctx, (void)request;
    fake_send_answer(fd, 200, "{}");
    return 1;
}

static void versions(void **state)
{
    static const struct {
        const char *api, *min, *used, *words;
        int32_t code;
    } cases[] = {
        {"1.24", "1.12", NULL, "speaks API 1.24; 1.41 or newer is needed", ENCLAVE_EBACKEND},
        {"1.40", NULL, NULL, "speaks API 1.40; 1.41 or newer", ENCLAVE_EBACKEND},
        {"1.41", "1.12", "GET /v1.41/x ", NULL, 0},
        {"1.44", NULL, "GET /v1.44/x ", NULL, 0},
        {"1.55", "1.44", "GET /v1.55/x ", NULL, 0},
        {"1.70", "1.44", "GET /v1.55/x ", NULL, 0},
        {"1.70", NULL, "GET /v1.55/x ", NULL, 0},
        {"1.70", "1.60", NULL, "speaks API 1.60 to 1.70", ENCLAVE_EBACKEND},
        {"1.70", "x", NULL, "tells no API version", ENCLAVE_EPROTOCOL},
        {"nonsense", NULL, NULL, "tells no API version", ENCLAVE_EPROTOCOL},
        {NULL, NULL, NULL, "tells no API version", ENCLAVE_EPROTOCOL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fake *fake = fake_new(cases[i].api, cases[i].min, ok, NULL);
        struct engine *engine = fake_engine(fake);
        struct enclave_error err = ENCLAVE_ERROR_INIT;
        int32_t code = get(engine, 3000, -1, NULL, NULL, &err);
        if (code != cases[i].code || (cases[i].words && !strstr(err.message, cases[i].words))) {
            fail_msg("case %zu: %d %s", i, code, err.message);
        }
        if (cases[i].used) {
            assert_int_equal(fake_requests(fake, cases[i].used), 1);
            assert_int_equal(get(engine, 3000, -1, NULL, NULL, &err), 0);
            assert_int_equal(fake_requests(fake, "GET /_ping "), 1);
        }
        engine_free(engine);
        fake_free(fake);
    }
}

static void version_from_options(void **state)
{
    struct fake *fake = fake_new("1.50", "1.44", ok, NULL);
    struct engine_options options = {.host = fake_address(fake), .tls = -1, .name = "Docker"};
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct engine *engine = NULL;

    (void)state;
    options.api_version = "1.45";
    assert_int_equal(engine_new(&options, &engine, &err), 0);
    assert_int_equal(get(engine, 3000, -1, NULL, NULL, &err), 0);
    assert_int_equal(fake_requests(fake, "GET /v1.45/x "), 1);
    engine_free(engine);
    options.api_version = "1.51";
    assert_int_equal(engine_new(&options, &engine, &err), 0);
    assert_int_equal(get(engine, 3000, -1, NULL, NULL, &err), ENCLAVE_EBACKEND);
    assert_non_null(strstr(err.message, "asks for 1.51"));
    engine_free(engine);
    options.api_version = "1.42";
    assert_int_equal(engine_new(&options, &engine, &err), 0);
    assert_int_equal(get(engine, 3000, -1, NULL, NULL, &err), ENCLAVE_EBACKEND);
    engine_free(engine);
    fake_free(fake);
}

static int refuse_old_version(void *ctx, int fd, const char *request)
{
    (void)ctx;
    if (strstr(request, "/v1.41/")) {
        fake_send_answer(fd, 400,
                         "{\"message\":\"client version 1.41 is too old. Minimum supported API "
                         "version is 1.44, please upgrade your client to a newer version\"}");
    } else {
        fake_send_answer(fd, 200, "{}");
    }
    return 1;
}

/* The engine is upgraded and back before anybody noticed. */
static void renegotiation(void **state)
{
    struct fake *fake = fake_new("1.41", NULL, refuse_old_version, NULL);
    struct engine *engine = fake_engine(fake);
    struct enclave_error err = ENCLAVE_ERROR_INIT;

    (void)state;
    assert_int_equal(get(engine, 3000, -1, NULL, NULL, &err), ENCLAVE_EINVALID);
    fake_set_api(fake, "1.44", "1.44");
    assert_int_equal(get(engine, 3000, -1, NULL, NULL, &err), 0);
    assert_int_equal(fake_requests(fake, "/v1.44/x"), 1);
    engine_free(engine);
    fake_free(fake);
}

static int tell_facts(void *ctx, int fd, const char *request)
{
    (void)ctx;
    fake_send_answer(
        fd, 200,
        strstr(request, "/info")
            ? "{\"MemoryLimit\":true,\"SwapLimit\":false,\"CpuCfsQuota\":true,\"PidsLimit\":\"x\","
              "\"CgroupVersion\":\"2\",\"NCPU\":8,\"SecurityOptions\":[\"name=seccomp,profile="
              "default\",\"name=rootless\",7,\"name=usernsx\"]}"
            : "{\"Version\":\"28.2.2\\u001b[31m\",\"Arch\":\"arm64\",\"Os\":\"linux\"}");
    return 1;
}

static void facts(void **state)
{
    struct fake *fake = fake_new("1.44", NULL, tell_facts, NULL);
    struct engine *engine = fake_engine(fake);
    struct engine_facts facts;

    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(engine_get_facts(engine, 4500, -1, &facts, NULL), 0);
    }
    assert_int_equal(fake_requests(fake, "/info "), 1);
    assert_string_equal(facts.version, "28.2.2 [31m");
    assert_string_equal(facts.api_version, "1.44");
    assert_string_equal(facts.arch, "arm64");
    assert_int_equal(facts.cgroup_version, 2);
    assert_int_equal(facts.memory_limit, 1);
    assert_int_equal(facts.swap_limit, 0);
    assert_int_equal(facts.cpu_quota, 1);
    assert_int_equal(facts.pids_limit, 0);
    assert_int_equal(facts.seccomp, 1);
    assert_int_equal(facts.rootless, 1);
    assert_int_equal(facts.user_namespaces, 0);
    assert_int_equal(facts.cpus, 8);
    engine_free(engine);
    fake_free(fake);
}

/* `ctx` is the part of /libpod/info that differs. */
static int tell_podmans_facts(void *ctx, int fd, const char *request)
{
    char text[1024];

    snprintf(text, sizeof text,
             "{\"host\":{\"arch\":\"amd64\",\"os\":\"linux\",\"cpus\":3,%s},"
             "\"version\":{\"Version\":\"4.3.1\"}}",
             (const char *)ctx);
    fake_send_answer(fd, 200,
                     strstr(request, "/libpod/info") ? text
                                                     : "{\"MemoryLimit\":true,\"SwapLimit\":false,"
                                                       "\"PidsLimit\":true}");
    return 1;
}

static void podmans_facts(void **state)
{
    static char rootful[] = "\"cgroupVersion\":\"v1\",\"cgroupControllers\":[\"cpu\",7,\"memory\"],"
                            "\"security\":{\"rootless\":false,\"seccompEnabled\":true},"
                            "\"idMappings\":{\"uidmap\":null}";
    static char rootless[] = "\"cgroupVersion\":\"v2\",\"cgroupControllers\":[\"pids\",\"memory\"],"
                             "\"security\":{\"rootless\":true},\"idMappings\":{\"uidmap\":["
                             "{\"size\":1},{\"size\":65536},{\"size\":-5}]}";
    static char forgetful[] = "\"cgroupVersion\":\"v1\",\"cgroupControllers\":[],"
                              "\"security\":{\"rootless\":true}";
    static const struct {
        char *host;
        struct engine_facts facts;
        unsigned requests; /* each is dear */
    } cases[] = {
        {rootful, {.cgroup_version = 1, .memory_limit = 1, .cpu_quota = 1, .seccomp = 1}, 2},
        {rootless,
         {.cgroup_version = 2,
          .memory_limit = 1,
          .swap_limit = 1,
          .pids_limit = 1,
          .rootless = 1,
          .mapped_uids = 65537},
         1},
        {forgetful, {.cgroup_version = 1, .rootless = 1}, 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fake *fake = fake_new("1.41", NULL, tell_podmans_facts, cases[i].host);
        struct engine *engine = fake_engine(fake);
        const struct engine_facts *wanted = &cases[i].facts;
        struct engine_facts facts;

        fake_set_podman(fake);
        assert_int_equal(engine_get_facts(engine, 4500, -1, &facts, NULL), 0);
        assert_int_equal(facts.podman, 1);
        assert_string_equal(facts.version, "4.3.1");
        assert_string_equal(facts.arch, "amd64");
        assert_int_equal(facts.cpus, 3);
        assert_int_equal(facts.cgroup_version, wanted->cgroup_version);
        assert_int_equal(facts.memory_limit, wanted->memory_limit);
        assert_int_equal(facts.swap_limit, wanted->swap_limit);
        assert_int_equal(facts.cpu_quota, wanted->cpu_quota);
        assert_int_equal(facts.pids_limit, wanted->pids_limit);
        assert_int_equal(facts.rootless, wanted->rootless);
        assert_int_equal(facts.mapped_uids, wanted->mapped_uids);
        assert_int_equal(facts.seccomp, wanted->seccomp);
        assert_int_equal(fake_requests(fake, "/info "), cases[i].requests);
        engine_free(engine);
        fake_free(fake);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions),      cmocka_unit_test(version_from_options),
        cmocka_unit_test(renegotiation), cmocka_unit_test(facts),
        cmocka_unit_test(podmans_facts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
