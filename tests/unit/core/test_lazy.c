/*
 * test_lazy.c - plugins that are loaded when they are first asked for: which wait, and that nothing else can be told.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>

enum { THREADS = 4 };

static char folder[64], logged[1024];
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER; /* of `logged`, while threads run */

/* Objects stay loaded, so each test has files of its own. */
static int set_up(void **state)
{
    (void)state;
    logged[0] = '\0';
    support_folder(folder);
    support_install(folder, "backend-plain", "backend-plain.so");
    support_install(folder, "backend-first", "backend-first.so");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    support_remove(folder);
    return 0;
}

static void take_log(void *ctx, uint32_t level, const char *message)
{
    (void)ctx;
    (void)level;
    pthread_mutex_lock(&log_lock);
    (void)snprintf(logged, sizeof logged, "%s", message);
    pthread_mutex_unlock(&log_lock);
}

static int32_t make(const char *backend, const char *extra, uint32_t flags,
                    struct enclave_manager **ret_manager, struct enclave_error *err)
{
    struct enclave_manager_options options = ENCLAVE_MANAGER_OPTIONS_INIT;
    char path[128], named[128];
    const char *overrides[] = {path, named, extra, NULL};
    (void)snprintf(path, sizeof path, "plugins.path=%s", folder);
    (void)snprintf(named, sizeof named, "enclave.backend=%s", backend);
    options.config_path = "";
    options.overrides = overrides;
    options.flags = flags;
    options.log = take_log;
    return enclave_manager_new(&options, ret_manager, err);
}

static struct enclave_manager *must_make(const char *backend, const char *extra, uint32_t flags)
{
    struct enclave_manager *manager = NULL;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    if (make(backend, extra, flags, &manager, &err) != 0) {
        fail_msg("no manager: %s", err.message);
    }
    return manager;
}

static int is_loaded(const char *name)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/backend-%s.so", folder, name);
    return dlopen(path, RTLD_NOW | RTLD_NOLOAD) != NULL;
}

/* The member of a plugin's row. */
static void expect_plugin(struct enclave_manager *manager, const char *name, const char *key,
                          const char *value)
{
    char *text = NULL;
    assert_int_equal(enclave_manager_get_plugins(manager, &text, NULL), 0);
    json_object *rows = support_json(text);
    int found = 0;
    for (size_t i = 0; i < json_object_array_length(rows); i++) {
        json_object *row = json_object_array_get_idx(rows, i);
        if (strcmp(support_text(row, "name", NULL), name) == 0) {
            assert_contains(support_text(row, key, NULL), value);
            found = 1;
        }
    }
    assert_true(found);
    json_object_put(rows);
}

static void test_waits(void **state)
{
    (void)state;
    struct enclave_manager *manager = must_make("plain", NULL, ENCLAVE_MANAGER_TRANSIENT);
    char id[ENCLAVE_ID_SIZE];
    assert_true(is_loaded("plain"));
    assert_int_equal(enclave_manager_create_sandbox(manager, NULL, NULL, NULL, id, NULL), 0);
    assert_int_equal(enclave_manager_sweep(manager, NULL, NULL), 0);
    assert_false(is_loaded("first"));
    expect_plugin(manager, "first", "state", "loaded");
    assert_true(is_loaded("first"));
    enclave_manager_free(manager);
}

static void *create(void *arg)
{
    char id[ENCLAVE_ID_SIZE];
    return enclave_manager_create_sandbox(arg, "other", NULL, NULL, id, NULL) == 0 ? arg : NULL;
}

static void test_asked_for(void **state)
{
    (void)state;
    support_install(folder, "backend-other", "backend-other.so");
    struct enclave_manager *manager = must_make("plain", NULL, ENCLAVE_MANAGER_TRANSIENT);
    pthread_t threads[THREADS];
    assert_false(is_loaded("other"));
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, create, manager), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        void *made = NULL;
        assert_int_equal(pthread_join(threads[i], &made), 0);
        assert_non_null(made);
    }
    enclave_manager_free(manager);
}

/* Where it is not known which is wanted, or what is in an engine is to be looked after, none waits. */
static void test_does_not_wait(void **state)
{
    (void)state;
    static const struct {
        const char *backend, *extra;
        uint32_t flags;
    } rows[] = {
        {"plain", NULL, 0},
        {"auto", NULL, ENCLAVE_MANAGER_TRANSIENT},
        {"plain", "plugins.backends=plain, first", ENCLAVE_MANAGER_TRANSIENT},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct enclave_manager *manager = must_make(rows[i].backend, rows[i].extra, rows[i].flags);
        assert_true(is_loaded("first"));
        enclave_manager_free(manager);
        (void)tear_down(NULL);
        (void)set_up(NULL);
    }
}

/* What the user has named is right or wrong from the start. */
static void test_named(void **state)
{
    (void)state;
    struct enclave_manager *manager = NULL;
    struct enclave_error err = ENCLAVE_ERROR_INIT;

    support_install(folder, "backend-mandatory", "backend-first.so");
    assert_int_equal(
        make("plain", "plugins.backends=plain, first", ENCLAVE_MANAGER_TRANSIENT, &manager, &err),
        ENCLAVE_EPLUGIN);
    assert_error(err, ENCLAVE_EPLUGIN, "it calls itself 'plain'");
    support_install(folder, "backend-third", "backend-third.so");
    assert_int_equal(
        make("plain", "backend third.limit=1", ENCLAVE_MANAGER_TRANSIENT, &manager, &err),
        ENCLAVE_ECONFIG);
    assert_error(err, ENCLAVE_ECONFIG, "unknown key 'limit' in [backend third]");
}

static void test_refused(void **state)
{
    (void)state;
    struct enclave_manager *manager = NULL;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char id[ENCLAVE_ID_SIZE];

    support_install(folder, "backend-mandatory", "backend-first.so");
    manager = must_make("plain", NULL, ENCLAVE_MANAGER_TRANSIENT);
    assert_string_equal(logged, "");
    assert_int_equal(enclave_manager_create_sandbox(manager, "first", NULL, NULL, id, &err),
                     ENCLAVE_ENOTFOUND);
    assert_error(err, ENCLAVE_ENOTFOUND, "no backend 'first' is loaded; loaded: plain");
    assert_contains(logged, "it calls itself 'plain'");
    expect_plugin(manager, "first", "state", "refused");
    expect_plugin(manager, "first", "reason", "it calls itself 'plain'");
    enclave_manager_free(manager);
}

/* What can be known of the file is told at once. */
static void test_refused_file(void **state)
{
    (void)state;
    char path[128];
    (void)snprintf(path, sizeof path, "%s/backend-first.so", folder);
    assert_int_equal(chmod(path, 0646), 0);
    struct enclave_manager *manager = must_make("plain", NULL, ENCLAVE_MANAGER_TRANSIENT);
    assert_contains(logged, "the file is writable by group or others");
    expect_plugin(manager, "first", "state", "refused");
    enclave_manager_free(manager);
}

/* What is right when it is found may not be any more when it is loaded. */
static void test_changed(void **state)
{
    (void)state;
    struct enclave_manager *manager = must_make("plain", NULL, ENCLAVE_MANAGER_TRANSIENT);
    char path[128];
    (void)snprintf(path, sizeof path, "%s/backend-first.so", folder);
    assert_int_equal(chmod(path, 0646), 0);
    expect_plugin(manager, "first", "reason", "the file is writable by group or others");
    assert_false(is_loaded("first"));
    enclave_manager_free(manager);
}

int main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH(test_waits),   WITH(test_asked_for),    WITH(test_does_not_wait), WITH(test_named),
        WITH(test_refused), WITH(test_refused_file), WITH(test_changed),
    };
    return cmocka_run_group_tests_name("lazy", tests, NULL, NULL);
}
