/*
 * test_config.c - the INI file, the environment, the overrides: values, places, refusals.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support.h"

#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char folder[64];

static int set_up(void **state)
{
    (void)state;
    support_folder(folder);
    (void)unsetenv("ENCLAVE_CONFIG");
    (void)unsetenv("ENCLAVE_PLUGIN_PATH");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    support_remove(folder);
    return 0;
}

static void refused(const char *text, size_t length, const char *line, const char *part)
{
    struct enclave_manager_options options = ENCLAVE_MANAGER_OPTIONS_INIT;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct config config;
    char path[256], place[300];
    support_write(folder, "bad.ini", text, length, path);
    (void)snprintf(place, sizeof place, "%s:%s: ", path, line);
    options.config_path = path;
    if (config_load(&config, &options, &err) == 0) {
        fail_msg("taken: %.200s", text);
    }
    assert_error(err, ENCLAVE_ECONFIG, place);
    assert_error(err, ENCLAVE_ECONFIG, part);
    assert_null(config.sandbox);
}

static void test_bad_files(void **state)
{
    (void)state;
    static const struct {
        const char *text, *line, *part;
    } rows[] = {
        {"[enclave]\n\nbakend = x\n", "3",
         "unknown key 'bakend' in [enclave]; did you mean 'backend'?"},
        {"[enclave]\nzzzzz = x\n", "2", "'enclave config' lists the keys"},
        {"[enclvae]\nbackend = x\n", "1", "unknown section [enclvae]"},
        {"[enclave]\n[enclvae]\n", "2", "unknown section [enclvae]"},
        {"[backend Docker]\na = b\n", "1", "unknown section"},
        {"[enclave]\nbackend = a\nbackend = b\n", "3", "set before, at "},
        {"[enclave]\ncleanup_interval = soon\n", "2", "expected a number of seconds, got 'soon'"},
        {"[enclave]\ncleanup_interval = 0\n", "2", "expected at least 0.01 seconds"},
        {"[enclave]\nrunning_ttl = 0x10\n", "2", "expected a number of seconds"},
        {"[enclave]\nmax_executions = 0\n", "2", "max_executions: expected 1 to 32768, got '0'"},
        {"[enclave]\nmax_queued = -1\n", "2", "max_queued: expected 0 to 1000000, got '-1'"},
        {"[enclave]\nmax_queued = many\n", "2", "expected an integer"},
        {"[enclave]\non_free = leave\n", "2", "expected 'delete' or 'keep', got 'leave'"},
        {"[enclave]\non_restart = adopt\n", "2", "needs instance = NAME"},
        {"[enclave]\nreconnect_grace = 0.5\n", "2", "expected at least 1 seconds"},
        {"[enclave]\nbackend = ../x\n", "2", "expected 'auto' or the name of a backend"},
        {"[enclave]\ninstance = A B\n", "2", "[enclave] instance: expected"},
        {"[plugins]\ntools = a, a\n", "2", "'a' is there twice"},
        {"[plugins]\ntools = A\n", "2", "'A' is not the name of a plugin"},
        {"[sandbox]\nmemory_limt = 5\n", "2", "did you mean 'memory_limit'?"},
        {"[sandbox]\nmemory_limit = lots\n", "2", "[sandbox] memory_limit: expected a size"},
        {"backend = x\n", "1", "a setting before the first [section]"},
        {"[enclave]\nnonsense\n", "2", "expected '[section]' or 'key = value'"},
        {"[enclave]\n = x\n", "2", "expected 'key = value'"},
        {"[enclave\nbackend = x\n", "1", "expected '[section]' or 'key = value'"},
        {"[enclave]\nbackend = \xff\n", "2", "not valid UTF-8"},
        {"[tool aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeee]\na = b\n", "1",
         "name of a section is longer than 49 bytes"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        refused(rows[i].text, strlen(rows[i].text), rows[i].line, rows[i].part);
    }
    static const char nul[] = "[enclave]\nbackend = do\0cker\n";
    refused(nul, sizeof nul - 1, "2", "a NUL byte");
    static const char last[] = "[enclave]\nbackend = do\0";
    refused(last, sizeof last - 1, "2", "a NUL byte");
    char *line = malloc(1 << 20);
    assert_non_null(line);
    memset(line, 'a', 1 << 20);
    memcpy(line, "[sandbox]\nimage = ", 18);
    refused(line, 1 << 20, "2", "line is longer than ");
    free(line);
}

static int32_t load(const char *path, const char *override, struct config *config,
                    struct enclave_error *err)
{
    struct enclave_manager_options options = ENCLAVE_MANAGER_OPTIONS_INIT;
    const char *overrides[] = {override, NULL};
    options.config_path = path;
    options.overrides = override ? overrides : NULL;
    return config_load(config, &options, err);
}

static void test_no_file(void **state)
{
    (void)state;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct config config;
    char path[256];
    (void)snprintf(path, sizeof path, "%s/absent.ini", folder);
    assert_int_equal(load(path, NULL, &config, &err), ENCLAVE_ECONFIG);
    assert_error(err, ENCLAVE_ECONFIG, "absent.ini': No such file or directory");
    assert_int_equal(load(folder, NULL, &config, &err), ENCLAVE_ECONFIG);
    assert_error(err, ENCLAVE_ECONFIG, "it is a directory");
    assert_int_equal(setenv("ENCLAVE_CONFIG", path, 1), 0);
    assert_int_equal(load(NULL, NULL, &config, &err), ENCLAVE_ECONFIG);
    assert_error(err, ENCLAVE_ECONFIG, "absent.ini");
    assert_int_equal(load("", NULL, &config, &err), 0);
    assert_string_equal(config.backend, "auto");
    config_free(&config);
}

static void test_values(void **state)
{
    (void)state;
    static const char text[] = "; a comment\n[enclave]\r\n  backend = docker ; why not\n"
                               "cleanup_interval = 0.5\n[  sandbox ]\nmemory_limit = 1g\n"
                               "env_vars = {\"A\": \"b=c\"}\nnetwork_enabled = true\n"
                               "[plugins]\npath = /one, /two\ntools =\n";
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct config config;
    char path[256];
    support_write(folder, "good.ini", text, sizeof text - 1, path);
    if (load(path, NULL, &config, &err) != 0) {
        fail_msg("%s", err.message);
    }
    assert_string_equal(config.backend, "docker");
    assert_int_equal(config.cleanup_interval_us, 500000);
    assert_int_equal(config.running_ttl_s, 48 * 3600);
    assert_int_equal(config.stopped_ttl_s, 3600);
    assert_int_equal(config.paths.count, 2);
    assert_string_equal(config.paths.names[1], "/two");
    assert_int_equal(config.tools.count, 0);
    assert_true(config.backends.all);
    assert_int_equal(config.sandbox_bits, ENCLAVE_CAN_MEMORY | ENCLAVE_CAN_NETWORK);
    assert_string_equal(support_text(config.sandbox, "env_vars", "A", NULL), "b=c");
    config_free(&config);

    assert_int_equal(setenv("ENCLAVE_PLUGIN_PATH", "/three:/four", 1), 0);
    assert_int_equal(setenv("ENCLAVE_CONFIG", path, 1), 0);
    assert_int_equal(load(NULL, "enclave.backend=podman", &config, &err), 0);
    assert_string_equal(config.backend, "podman");
    assert_string_equal(config.paths.names[1], "/four");
    config_free(&config);
}

static void test_overrides(void **state)
{
    (void)state;
    static const char *const bad[] = {"x", "a=b", ".a=b", "enclave.=b", "a b=c"};
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct config config;
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(load("", bad[i], &config, &err), ENCLAVE_ECONFIG);
        assert_error(err, ENCLAVE_ECONFIG, "expected SECTION.KEY=VALUE");
    }
    assert_int_equal(load("", "sandbox.image=\xff", &config, &err), ENCLAVE_ECONFIG);
    assert_error(err, ENCLAVE_ECONFIG, "not valid UTF-8 at byte 14");
    assert_int_equal(load("", "sandbox.timeout=x", &config, &err), ENCLAVE_ECONFIG);
    assert_error(err, ENCLAVE_ECONFIG, "option: [sandbox] timeout: expected a number");
}

static json_object *find_row(json_object *rows, const char *section, const char *key)
{
    for (size_t i = 0; i < json_object_array_length(rows); i++) {
        json_object *row = json_object_array_get_idx(rows, i);
        if (strcmp(support_text(row, "section", NULL), section) == 0 &&
            strcmp(support_text(row, "key", NULL), key) == 0) {
            return row;
        }
    }
    fail_msg("no [%s] %s", section, key);
    return NULL;
}

static void test_get_config(void **state)
{
    (void)state;
    static const char *const overrides[] = {"backend null.token=hunter2", "sandbox.cpu_limit=2",
                                            NULL};
    struct enclave_manager *manager = support_manager(overrides);
    char *text = NULL;
    assert_int_equal(enclave_manager_get_config(manager, &text, NULL), 0);
    assert_null(strstr(text, "hunter2"));
    json_object *rows = support_json(text);
    json_object *row = find_row(rows, "backend null", "token");
    assert_string_equal(support_text(row, "value", NULL), "***");
    assert_string_equal(support_text(row, "source", NULL), "option");
    row = find_row(rows, "sandbox", "cpu_limit");
    assert_string_equal(support_text(row, "value", NULL), "2");
    row = find_row(rows, "sandbox", "image");
    assert_string_equal(support_text(row, "value", NULL), "python:3.11-slim");
    assert_string_equal(support_text(row, "source", NULL), "default");
    row = find_row(rows, "enclave", "cleanup_interval");
    assert_string_equal(support_text(row, "value", NULL), "300");
    assert_true(strlen(support_text(row, "help", NULL)) > 0);
    json_object_put(rows);
    enclave_manager_free(manager);
}

static const struct enclave_option server_options[] = {
    ENCLAVE_OPTION("port", ENCLAVE_OPTION_INTEGER, "8000", "where it listens"),
    ENCLAVE_OPTION("keys", ENCLAVE_OPTION_LIST, NULL, "who may"),
    ENCLAVE_OPTION_END,
};

static int32_t load_for(const char *section, const struct enclave_option *table, const char *text,
                        struct enclave_error *err)
{
    struct enclave_manager_options options = ENCLAVE_MANAGER_OPTIONS_INIT;
    struct config config;
    char path[256];
    support_write(folder, "own.ini", text, strlen(text), path);
    options.config_path = path;
    options.section = section;
    options.section_options = table;
    *err = (struct enclave_error)ENCLAVE_ERROR_INIT;
    int32_t r = config_load(&config, &options, err);
    if (r == 0) {
        config_free(&config);
    }
    return r;
}

/* A program's own section is checked as ours are; that of another program is not. */
static void test_program_section(void **state)
{
    (void)state;
    static const char *const ours[] = {"enclave", "plugins", "sandbox", "tool x", "Server"};
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    const char good[] = "[server]\nport = 80\nkeys = a, b\n";
    assert_int_equal(load_for("server", server_options, good, &err), 0);
    assert_int_equal(load_for(NULL, NULL, "[server]\nprot = x\n", &err), 0);
    assert_int_equal(load_for("front", server_options, "[server]\nprot = x\n", &err), 0);
    assert_int_equal(load_for(NULL, NULL, "[front]\nport = 80\n", &err), ENCLAVE_ECONFIG);
    assert_int_equal(load_for("server", server_options, "[server]\nprot = x\n", &err),
                     ENCLAVE_ECONFIG);
    assert_error(err, ENCLAVE_ECONFIG,
                 "own.ini:2: unknown key 'prot' in [server]; did you mean 'port'");
    assert_int_equal(load_for("server", server_options, "[server]\nport = many\n", &err),
                     ENCLAVE_ECONFIG);
    assert_error(err, ENCLAVE_ECONFIG, "own.ini:2: [server] port: expected an integer");
    for (size_t i = 0; i < COUNT(ours); i++) {
        assert_int_equal(load_for(ours[i], server_options, "", &err), ENCLAVE_EINVALID);
        assert_error(err, ENCLAVE_EINVALID, "options->section is '");
    }
}

static void test_program_rows(void **state)
{
    (void)state;
    static const char *const overrides[] = {"server.keys=a, b", NULL};
    struct enclave_manager_options options = ENCLAVE_MANAGER_OPTIONS_INIT;
    char *text = NULL;
    options.section = "server";
    options.section_options = server_options;
    options.overrides = overrides;
    struct enclave_manager *manager = support_manager_with(&options);
    assert_int_equal(enclave_manager_get_config(manager, &text, NULL), 0);
    json_object *rows = support_json(text);
    json_object *row = find_row(rows, "server", "port");
    assert_string_equal(support_text(row, "value", NULL), "8000");
    assert_string_equal(support_text(row, "source", NULL), "default");
    row = find_row(rows, "server", "keys");
    assert_string_equal(support_text(row, "value", NULL), "a, b");
    assert_string_equal(support_text(row, "source", NULL), "option");
    json_object_put(rows);
    enclave_manager_free(manager);
}

int main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {WITH(test_bad_files),   WITH(test_no_file),
                                       WITH(test_values),      WITH(test_overrides),
                                       WITH(test_get_config),  WITH(test_program_section),
                                       WITH(test_program_rows)};
    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
