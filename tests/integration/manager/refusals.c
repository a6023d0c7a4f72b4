/*
 * refusals.c - bad input: the right code, one clear line, and nothing left behind.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char no_such_image[] = "enclave.invalid/no-such-image:1";

/* ------------------------------------------------------------------------------------ parameters */

static void expect_refused_call(void **state, const char *tool, const char *params, int32_t code,
                                const char *word)
{
    struct fixture *f = *state;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_result *result = NULL;
    int32_t r = enclave_manager_execute_tool(f->manager, f->id, tool, params, NULL, &result, &err);

    if (r == 0) {
        print_error("%s took %s\n", tool, params);
    }
    expect_error(r, code, &err, word);
    assert_null(result);
}

static void test_calls_are_checked(void **state)
{
    static const struct {
        const char *tool, *params;
        int32_t code;
        const char *word;
    } cases[] = {
        {"no_such_tool", "{}", ENCLAVE_ENOTFOUND, "no_such_tool"},
        {"python_executor", "{\"code\": 42}", ENCLAVE_EINVALID, "code"},
        {"python_executor", "{\"code\": [\"print(1)\"]}", ENCLAVE_EINVALID, "code"},
        {"python_executor", "{\"code\": \"1\", \"timeout\": \"5\"}", ENCLAVE_EINVALID, "timeout"},
        {"python_executor", "{\"code\": \"1\", \"timeout\": -1}", ENCLAVE_EINVALID, "timeout"},
        {"python_executor", "{}", ENCLAVE_EINVALID, "code"},
        {"python_executor", "{\"code\": \"1\", \"colour\": 1}", ENCLAVE_EINVALID, "colour"},
        {"python_executor", "{\"code\": \"print('\xff\xfe')\"}", ENCLAVE_EINVALID, "UTF-8"},
        {"python_executor", "[1, 2]", ENCLAVE_EINVALID, "object"},
        {"python_executor", "{\"code\": ", ENCLAVE_EINVALID, "JSON"},
        {"shell_executor", "{\"command\": 1}", ENCLAVE_EINVALID, "command"},
        {"shell_executor", "{\"command\": [1]}", ENCLAVE_EINVALID, "command"},
        {"file_operation", "{\"operation\": \"read\"}", ENCLAVE_EINVALID, "file_path"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        expect_refused_call(state, cases[i].tool, cases[i].params, cases[i].code, cases[i].word);
    }
    expect_alive(((struct fixture *)*state)->manager, ((struct fixture *)*state)->id);
}

static void test_a_tool_that_is_not_enabled_is_not_found(void **state)
{
    struct fixture *f = *state;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_result *result = NULL;
    char id[ENCLAVE_ID_SIZE];
    int32_t r = enclave_manager_create_sandbox(
        f->manager, NULL, "{\"tools_config\": [\"shell_executor\"]}", NULL, id, &err);

    assert_int_equal(r, 0);
    r = enclave_manager_execute_tool(f->manager, id, "python_executor", "{\"code\": \"1\"}", NULL,
                                     &result, &err);
    expect_error(r, ENCLAVE_ENOTFOUND, &err, "python_executor");
    delete_sandbox(f->manager, id);
}

/* ---------------------------------------------------------------------------------------- creates */

static void expect_refused_create(struct fixture *f, const char *type, const char *config,
                                  int32_t code, const char *word)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char id[ENCLAVE_ID_SIZE] = "untouched";
    int32_t r = enclave_manager_create_sandbox(f->manager, type, config, NULL, id, &err);

    if (r == 0) {
        print_error("a create took %s\n", config ? config : type);
    }
    expect_error(r, code, &err, word);
    assert_string_equal(id, "untouched");
    assert_int_equal(engine_containers(f->instance), 1);
}

static void test_creates_are_checked(void **state)
{
    static const struct {
        const char *config;
        const char *word;
    } cases[] = {
        {"{\"imaeg\": \"x\"}", "imaeg"},
        {"{\"memory_limit\": \"lots\"}", "memory_limit"},
        {"{\"memory_limit\": \"0\"}", "memory_limit"},
        {"{\"memory_limit\": true}", "memory_limit"},
        {"{\"cpu_limit\": 0}", "cpu_limit"},
        {"{\"pids_limit\": 1}", "pids_limit"},
        {"{\"timeout\": \"soon\"}", "timeout"},
        {"{\"working_dir\": \"relative\"}", "working_dir"},
        {"{\"user\": \"somebody\"}", "user"},
        {"{\"env_vars\": {\"A=B\": \"c\"}}", "env_vars"},
        {"{\"image\": \"a\\r\\nb\"}", "image"},
        {"{\"volumes\": {\"/tmp\": {\"bind\": \"relative\"}}}", "volumes"},
        {"{\"tools_config\": {\"python_executor\": {\"no_such_option\": 1}}}", "no_such_option"},
        {"{\"image\": \"\xff\"}", "UTF-8"},
        {"[]", "object"},
        {"{", "JSON"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        expect_refused_create(f, NULL, cases[i].config, ENCLAVE_EINVALID, cases[i].word);
    }
    expect_refused_create(f, NULL, "{\"tools_config\": [\"no_such_tool\"]}", ENCLAVE_ENOTFOUND,
                          "no_such_tool");
    expect_refused_create(f, "no_such_backend", NULL, ENCLAVE_ENOTFOUND, "no_such_backend");
}

static void test_a_missing_image_is_not_found(void **state)
{
    struct fixture *f = *state;
    char config[256];
    char instance[64];
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char id[ENCLAVE_ID_SIZE];
    char pull[64];
    const char *never[] = {pull, NULL};
    struct enclave_manager *manager;
    int32_t r;

    (void)snprintf(config, sizeof config, "{\"image\": \"%s\"}", no_such_image);
    (void)snprintf(pull, sizeof pull, "backend %s.pull=never", test_backend());
    unique_name(instance, sizeof instance, "pull");
    manager = make_manager(instance, never);
    r = enclave_manager_create_sandbox(manager, NULL, config, NULL, id, &err);
    expect_error(r, ENCLAVE_ENOTFOUND, &err, no_such_image);
    enclave_manager_free(manager);
    assert_int_equal(engine_containers(instance), 0);

    /* Pulled from where there is no registry: which code depends on what the network answers. */
    r = enclave_manager_create_sandbox(f->manager, NULL, config, NULL, id, &err);
    assert_true(r == ENCLAVE_ENOTFOUND || r == ENCLAVE_EUNREACHABLE || r == ENCLAVE_EBACKEND);
    expect_error(r, r, &err, "no-such-image");
    printf("pull of an image that is not there: %s: %s\n", enclave_error_name(r), err.message);
    assert_int_equal(engine_containers(f->instance), 1);
}

static void test_a_missing_volume_folder_is_refused(void **state)
{
    struct fixture *f = *state;

    expect_refused_create(f, NULL,
                          "{\"volumes\": {\"/no/such/folder\": {\"bind\": \"/data\", \"mode\": "
                          "\"ro\"}}}",
                          ENCLAVE_EINVALID, "/no/such/folder");
    assert_int_not_equal(access("/no/such/folder", F_OK), 0); /* engines like to make it */
}

/* ---------------------------------------------------------------------------------- configuration */

static int32_t try_manager(const char *ini, struct enclave_error *err)
{
    char path[] = "/tmp/enclave-test-XXXXXX";
    struct enclave_manager_options options = ENCLAVE_MANAGER_OPTIONS_INIT;
    struct enclave_manager *manager = NULL;
    int fd = mkstemp(path);
    int32_t r;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, ini, strlen(ini)), (ssize_t)strlen(ini));
    (void)close(fd);
    options.config_path = path;
    r = enclave_manager_new(&options, &manager, err);
    enclave_manager_free(manager);
    (void)unlink(path);
    return r;
}

static void test_a_bad_ini_file_is_refused(void **state)
{
    static const struct {
        const char *ini, *word, *line;
    } cases[] = {
        {"[enclave]\nbackedn = docker\n", "backedn", ":2"},
        {"[sandbox]\nimage = x\nmemroy_limit = 1g\n", "memroy_limit", ":3"},
        {"[sandbux]\n", "sandbux", ":1"},
        {"[enclave]\ncleanup_interval = soon\n", "cleanup_interval", ":2"},
        {"[enclave]\ncleanup_interval = 0\n", "cleanup_interval", ":2"},
        {"[enclave]\nbackend = docker\nbackend = docker\n", "backend", ":3"},
        {"[backend docker]\nhsot = x\n", "hsot", ":2"},
        {"[plugins]\ntools = python_executor, no_such\n", "no_such", ""},
        {"[plugins]\nbackends = no_such\n", "no_such", ""},
        {"[enclave]\nno equals sign\n", "", ":2"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct enclave_error err = ENCLAVE_ERROR_INIT;
        int32_t r = try_manager(cases[i].ini, &err);

        if (r != ENCLAVE_ECONFIG && r != ENCLAVE_EPLUGIN) {
            print_error("%s: %s\n", cases[i].ini, err.message);
        }
        expect_error(r, *cases[i].line ? ENCLAVE_ECONFIG : r, &err, cases[i].word);
        assert_true(r < 0);
        assert_non_null(strstr(err.message, cases[i].line));
    }
}

static void test_a_named_file_must_exist(void **state)
{
    struct enclave_manager_options options = ENCLAVE_MANAGER_OPTIONS_INIT;
    struct enclave_manager *manager = NULL;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    int32_t r;

    (void)state;
    options.config_path = "/no/such/enclave.ini";
    r = enclave_manager_new(&options, &manager, &err);
    expect_error(r, ENCLAVE_ECONFIG, &err, "/no/such/enclave.ini");
    assert_null(manager);
}

/* In what enclave_manager_probe() tells, of the backend that the tests use. */
static int backend_works(const char *text)
{
    json_object *rows = json_tokener_parse(text);
    int works = -1;

    for (size_t i = 0; i < json_object_array_length(rows); i++) {
        json_object *row = json_object_array_get_idx(rows, i);
        const char *name = json_object_get_string(json_object_object_get(row, "backend"));

        if (name && strcmp(name, test_backend()) == 0) {
            works = json_object_get_boolean(json_object_object_get(row, "works"));
        }
    }
    json_object_put(rows);
    assert_int_not_equal(works, -1);
    return works;
}

static void test_no_engine_is_unreachable(void **state)
{
    char host[96];
    const char *nowhere[] = {host, NULL};
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_manager *manager;
    char id[ENCLAVE_ID_SIZE];
    char *text = NULL;
    int64_t start = now_ms();
    int32_t r;

    (void)state;
    (void)snprintf(host, sizeof host, "backend %s.host=unix:///nonexistent/engine.sock",
                   test_backend());
    manager = make_manager("test-nowhere", nowhere);
    r = enclave_manager_create_sandbox(manager, NULL, NULL, NULL, id, &err);
    expect_error(r, ENCLAVE_EUNREACHABLE, &err, "/nonexistent/engine.sock");
    printf("no engine: %lld ms: %s\n", (long long)(now_ms() - start), err.message);
    assert_int_equal(enclave_manager_probe(manager, &text, &err), 0);
    assert_false(backend_works(text));
    enclave_free(text);
    assert_int_equal(enclave_manager_list_sandboxes(manager, 0, &text, &err), 0);
    assert_null(strstr(text, "id"));
    enclave_free(text);
    enclave_manager_free(manager);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls_are_checked),
        cmocka_unit_test(test_a_tool_that_is_not_enabled_is_not_found),
        cmocka_unit_test(test_creates_are_checked),
        cmocka_unit_test(test_a_missing_image_is_not_found),
        cmocka_unit_test(test_a_missing_volume_folder_is_refused),
        cmocka_unit_test(test_a_bad_ini_file_is_refused),
        cmocka_unit_test(test_a_named_file_must_exist),
        cmocka_unit_test(test_no_engine_is_unreachable),
    };
    int skip = test_setup();

    return skip ? skip : cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
