/*
 * test_loader.c - real shared objects, good and bad: each refusal has its own message and stops no other.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64], second[64];

static int set_up(void **state)
{
    (void)state;
    support_folder(folder);
    support_folder(second);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    support_remove(folder);
    support_remove(second);
    return 0;
}

/* dlopen() knows objects by their path, too: another one of the same name needs another place. */
static void fresh_folders(void)
{
    (void)tear_down(NULL);
    (void)set_up(NULL);
}

static int32_t try_manager(const char *extra, struct enclave_manager **ret_manager,
                           struct enclave_error *err)
{
    struct enclave_manager_options options = ENCLAVE_MANAGER_OPTIONS_INIT;
    char path[160];
    const char *overrides[] = {path, extra, NULL};
    (void)snprintf(path, sizeof path, "plugins.path=%s, %s", folder, second);
    options.config_path = "";
    options.overrides = overrides;
    return enclave_manager_new(&options, ret_manager, err);
}

static json_object *plugins_with(const char *extra)
{
    struct enclave_manager *manager = NULL;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char *text = NULL;
    if (try_manager(extra, &manager, &err) != 0) {
        fail_msg("no manager: %s", err.message);
    }
    assert_int_equal(enclave_manager_get_plugins(manager, &text, &err), 0);
    enclave_manager_free(manager);
    return support_json(text);
}

static json_object *row_of(json_object *rows, const char *file)
{
    for (size_t i = 0; i < json_object_array_length(rows); i++) {
        json_object *row = json_object_array_get_idx(rows, i);
        const char *path = support_text(row, "file", NULL);
        size_t n = strlen(path), m = strlen(file);
        if (n >= m && strcmp(path + n - m, file) == 0) {
            return row;
        }
    }
    fail_msg("no row for %s", file);
    return NULL;
}

/* The file is refused for this reason, and the good one beside it still loads. */
static void expect_refused(const char *file, const char *reason)
{
    support_install(second, "tool-plain", "tool-plain.so");
    json_object *rows = plugins_with(NULL);
    json_object *row = row_of(rows, file);
    assert_string_equal(support_text(row, "state", NULL), "refused");
    assert_contains(support_text(row, "reason", NULL), reason);
    char good[128];
    (void)snprintf(good, sizeof good, "%s/tool-plain.so", second);
    if (!strstr(file, "tool-plain.so")) {
        assert_string_equal(support_text(row_of(rows, good), "state", NULL), "loaded");
    }
    json_object_put(rows);
}

static void test_mistakes(void **state)
{
    (void)state;
    static const struct {
        const char *fixture, *reason;
    } rows[] = {
        {"tool-magic", "does not begin with the magic number"},
        {"tool-major", "it was built for plugin ABI 2; this host has ABI 1"},
        {"tool-minor", "it needs plugin ABI 1.5; this host has 1.4: update enclave"},
        {"tool-size", "its enclave_plugin has an impossible size (16 bytes)"},
        {"tool-kind", "it says that it is a backend; its file is named as a tool"},
        {"tool-noops", "lacks a name, version, summary or ops"},
        {"tool-symbol", "it does not export the symbol 'enclave_plugin'"},
        {"tool-mandatory", "its ops table lacks 'execute', which is mandatory"},
        {"tool-opssize", "its ops table has an impossible size"},
        {"tool-optionsize", "its option table has an impossible size"},
        {"tool-optiontype", "its option 'limit' has a type that this host does not know"},
        {"tool-optiontwice", "its option 'limit' is there twice"},
        {"tool-default", "default of option 'limit': expected an integer, got 'many'"},
        {"tool-json", "its parameters: not valid JSON"},
        {"tool-null", "its parameters are not a schema of type \"object\""},
        {"tool-type", "its parameters are not a schema of type \"object\""},
        {"tool-keyword", "its parameters: a schema has a bad 'required'"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char first[128], good[128];
        struct enclave_manager *manager = NULL;
        struct enclave_error err = ENCLAVE_ERROR_INIT;
        (void)snprintf(first, sizeof first, "%s/tool-plain.so", folder);
        (void)snprintf(good, sizeof good, "%s/backend-plain.so", second);
        support_install(folder, rows[i].fixture, "tool-plain.so");
        support_install(second, "backend-plain", "backend-plain.so");
        json_object *all = plugins_with(NULL);
        assert_string_equal(support_text(row_of(all, first), "state", NULL), "refused");
        assert_contains(support_text(row_of(all, first), "reason", NULL), rows[i].reason);
        assert_string_equal(support_text(row_of(all, good), "state", NULL), "loaded");
        json_object_put(all);
        assert_true(try_manager("plugins.tools=plain", &manager, &err) < 0); /* by name: fatal */
        assert_error(err, ENCLAVE_EPLUGIN, rows[i].reason);
        assert_null(manager);
        fresh_folders();
    }
}

static void test_backends(void **state)
{
    (void)state;
    support_install(folder, "backend-mandatory", "backend-plain.so");
    expect_refused("backend-plain.so", "its ops table lacks 'process_signal'");
    fresh_folders();
    support_install(folder, "backend-partly", "backend-plain.so");
    expect_refused("backend-plain.so", "its ops table lacks 'lookup', which is mandatory for a "
                                       "backend whose tools run elsewhere");
    fresh_folders();
    support_install(folder, "backend-undetached", "backend-plain.so");
    expect_refused("backend-plain.so", "its ops table lacks 'detach', which is mandatory for");
    fresh_folders();
    support_install(folder, "backend-delegates", "backend-plain.so");
    json_object *rows = plugins_with(NULL);
    assert_string_equal(support_text(row_of(rows, "backend-plain.so"), "state", NULL), "loaded");
    json_object_put(rows);
    fresh_folders();
    support_install(folder, "backend-fails", "backend-plain.so");
    expect_refused("backend-plain.so", "backend 'plain': no luck today");
}

static void test_names(void **state)
{
    (void)state;
    support_install(folder, "tool-plain", "tool-other.so");
    expect_refused("tool-other.so", "it calls itself 'plain'; its file is named 'tool-other.so'");
    support_install(folder, "backend-plain", "tool-kindly.so");
    expect_refused("tool-kindly.so", "it says that it is a backend; its file is named as a tool");
    support_install(folder, "tool-plain", "tool-Bad.so"); /* not the name of a plugin: no plugin */
    support_install(folder, "tool-plain", "tool-.so");
    support_install(folder, "tool-plain", "README");
    json_object *rows = plugins_with(NULL);
    assert_int_equal(json_object_array_length(rows), 3);
    json_object_put(rows);
}

static void test_files(void **state)
{
    (void)state;
    char path[256], other[256];
    support_write(folder, "tool-text.so", "no ELF", 6, path);
    expect_refused("tool-text.so", "it cannot be loaded: ");
    support_write(folder, "tool-empty.so", "", 0, path);
    expect_refused("tool-empty.so", "it cannot be loaded: ");
    (void)snprintf(path, sizeof path, "%s/tool-link.so", folder);
    (void)snprintf(other, sizeof other, "%s/tool-plain.so", second);
    assert_int_equal(symlink(other, path), 0);
    expect_refused("tool-link.so", "it is not a regular file");
    (void)snprintf(path, sizeof path, "%s/tool-folder.so", folder);
    assert_int_equal(mkdir(path, 0755), 0);
    expect_refused("tool-folder.so", "it is not a regular file");
    (void)snprintf(path, sizeof path, "%s/tool-pipe.so", folder);
    assert_int_equal(mkfifo(path, 0644), 0);
    expect_refused("tool-pipe.so", "it is not a regular file");
}

static void test_trust(void **state)
{
    (void)state;
    char path[256];
    support_install(folder, "tool-plain", "tool-plain.so");
    (void)snprintf(path, sizeof path, "%s/tool-plain.so", folder);
    assert_int_equal(chmod(path, 0646), 0);
    expect_refused(path, "the file is writable by group or others (mode 0646)");
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(chmod(folder, 0775), 0);
    expect_refused(path, "its folder is writable by group or others (mode 0775)");
    assert_int_equal(chmod(folder, 0755), 0);
    if (geteuid() == 0) { /* only root can give a file away */
        assert_int_equal(chown(path, 12345, 12345), 0);
        expect_refused(path, "the file is owned by uid 12345");
        assert_int_equal(chown(path, 0, 0), 0);
        assert_int_equal(chown(folder, 12345, 12345), 0);
        expect_refused(path, "its folder is owned by uid 12345");
    }
}

static void test_duplicate(void **state)
{
    (void)state;
    char first[128], again[128];
    support_install(folder, "tool-plain", "tool-plain.so");
    support_install(second, "tool-plain", "tool-plain.so");
    (void)snprintf(first, sizeof first, "%s/tool-plain.so", folder);
    (void)snprintf(again, sizeof again, "%s/tool-plain.so", second);
    json_object *rows = plugins_with(NULL);
    assert_string_equal(support_text(row_of(rows, first), "state", NULL), "loaded");
    assert_string_equal(support_text(row_of(rows, again), "state", NULL), "refused");
    assert_contains(support_text(row_of(rows, again), "reason", NULL), "duplicate: ");
    assert_contains(support_text(row_of(rows, again), "reason", NULL), first);
    json_object_put(rows);
}

static void fatal(const char *extra, int32_t code, const char *text)
{
    struct enclave_manager *manager = NULL;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    assert_int_equal(try_manager(extra, &manager, &err), code);
    assert_error(err, code, text);
    assert_null(manager);
}

static void test_by_name(void **state)
{
    (void)state;
    support_install(folder, "tool-plain", "tool-plain.so");
    fatal("plugins.tools=plain, absent", ENCLAVE_EPLUGIN, "no 'tool-absent.so' in '/tmp/");
    fatal("plugins.backends=docker", ENCLAVE_EPLUGIN,
          "option: [plugins] backends: no 'backend-docker.so'");
    fatal("tool plian.limit=3", ENCLAVE_ECONFIG, "section [tool plian]: there is no such plugin");
    fatal("enclave.backend=nope", ENCLAVE_ECONFIG,
          "[enclave] backend = nope: there is no such plugin in the plugin folders");
    fatal("tool plain.limt=3", ENCLAVE_ECONFIG,
          "unknown key 'limt' in [tool plain]; did you mean 'limit'?");
    fatal("tool plain.limit=x", ENCLAVE_ECONFIG,
          "option: [tool plain] limit: expected an integer, got 'x'");
    json_object *rows = plugins_with("plugins.tools=");
    assert_string_equal(support_text(row_of(rows, "tool-plain.so"), "state", NULL), "disabled");
    json_object_put(rows);
}

static void test_sizes_of_tables(void **state)
{
    (void)state;
    struct enclave_manager *manager = NULL;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char id[ENCLAVE_ID_SIZE];
    support_install(folder, "backend-older", "backend-plain.so");
    support_install(folder, "tool-larger", "tool-plain.so");
    assert_int_equal(try_manager("enclave.backend=plain", &manager, &err), 0);
    assert_int_equal(enclave_manager_create_sandbox(manager, NULL, NULL, NULL, id, &err), 0);
    assert_int_equal(enclave_manager_put_file(manager, id, "a", "b", 1, 0, &err), ENCLAVE_ENOTSUP);
    assert_error(err, ENCLAVE_ENOTSUP, "backend 'plain'");
    enclave_manager_free(manager);
    fresh_folders();
    support_install(folder, "backend-larger", "backend-plain.so");
    support_install(folder, "tool-larger", "tool-plain.so");
    json_object *rows = plugins_with(NULL);
    assert_string_equal(support_text(row_of(rows, "backend-plain.so"), "state", NULL), "loaded");
    assert_string_equal(support_text(row_of(rows, "tool-plain.so"), "state", NULL), "loaded");
    json_object_put(rows);
}

static void test_rows(void **state)
{
    (void)state;
    support_install(folder, "tool-plain", "tool-plain.so");
    json_object *rows = plugins_with(NULL), *row = row_of(rows, "tool-plain.so");
    assert_string_equal(support_text(row, "kind", NULL), "tool");
    assert_string_equal(support_text(row, "name", NULL), "plain");
    assert_string_equal(support_text(row, "version", NULL), "1.2.3");
    assert_string_equal(support_text(row, "summary", NULL), "Does nothing");
    json_object *options = json_object_object_get(row, "options");
    assert_int_equal(json_object_array_length(options), 2);
    json_object *limit = json_object_array_get_idx(options, 0);
    assert_string_equal(support_text(limit, "name", NULL), "limit");
    assert_string_equal(support_text(limit, "type", NULL), "integer");
    assert_string_equal(support_text(limit, "default", NULL), "5");
    json_object_put(rows);
}

int main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH(test_mistakes), WITH(test_backends),        WITH(test_names),
        WITH(test_files),    WITH(test_trust),           WITH(test_duplicate),
        WITH(test_by_name),  WITH(test_sizes_of_tables), WITH(test_rows),
    };
    return cmocka_run_group_tests_name("loader", tests, NULL, NULL);
}
