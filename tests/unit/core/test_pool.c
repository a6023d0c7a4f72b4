/*
 * test_pool.c - pools: making them, declaring them, the three ways of giving back.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "pool_support.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ------------------------------------------------------------------------------------------ making */

static void test_made_once(void **state)
{
    (void)state;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char *text = NULL;
    json_object *ids = made(NULL, 5, "other", 0);
    info_of(id_at(ids, 0), "idle", "default");
    assert_int_equal(stat_of("default", "idle"), 5);
    assert_string_equal(reuse_of("default"), "reset ");
    runs_in(NULL);
    runs_in("default");
    json_object_put(ids);
    assert_int_equal(make_pool("default", 2, NULL, 0, NULL, &err), ENCLAVE_EEXISTS);
    assert_error(err, ENCLAVE_EEXISTS, "'default'");
    /* Asking for nothing gives what is there. */
    assert_int_equal(
        enclave_manager_initialize_pool(manager, NULL, 0, NULL, NULL, NULL, NULL, &err), 0);
    assert_int_equal(enclave_manager_get_stats(manager, &text, NULL), 0);
    json_object *stats = support_json(text);
    assert_int_equal(support_number(stats, "pool_size"), 5);
    assert_string_equal(support_text(stats, "pool_enabled", NULL), "true");
    assert_string_equal(support_text(stats, "pool_initialized", NULL), "true");
    assert_string_equal(support_text(stats, "status_counts", "idle", NULL), "5");
    json_object_put(stats);
}

static void test_none(void **state)
{
    (void)state;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char *text = NULL;
    assert_int_equal(
        enclave_manager_initialize_pool(manager, "none", 0, NULL, NULL, NULL, &text, &err), 0);
    assert_string_equal(text, "[]");
    enclave_free(text);
    assert_int_equal(run_in("none", POOL_SAY_A, -1, &err), ENCLAVE_EINVALID);
    assert_error(err, ENCLAVE_EINVALID, "no pool 'none'");
    assert_int_equal(run_in("../x", POOL_SAY_A, -1, &err), ENCLAVE_EINVALID);
    assert_int_equal(run_in(NULL, POOL_SAY_A, -2, &err), ENCLAVE_EINVALID);
    assert_int_equal(make_pool("UPPER", 1, NULL, 0, NULL, &err), ENCLAVE_EINVALID);
    assert_int_equal(make_pool("big", 1025, NULL, 0, NULL, &err), ENCLAVE_EINVALID);
    assert_int_equal(make_pool("way", 1, NULL, 9, NULL, &err), ENCLAVE_EINVALID);
    assert_int_equal(make_pool("type", 1, "nowhere", 0, NULL, &err), ENCLAVE_ENOTFOUND);
    assert_error(err, ENCLAVE_ENOTFOUND,
                 "make pool 'type': create a sandbox: no backend 'nowhere'");
    assert_int_equal(stat_of("type", "size"), -999);
}

/* One of four cannot be made: the others go too. */
static void test_failure_leaves_nothing(void **state)
{
    (void)state;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char *text = NULL;
    assert_int_equal(enclave_manager_initialize_pool(manager, "gone", 4, NULL,
                                                     "{\"image\": \"missing\"}", NULL, &text, &err),
                     ENCLAVE_ENOTFOUND);
    assert_error(err, ENCLAVE_ENOTFOUND, "image 'missing': not found");
    assert_null(text);
    assert_int_equal(stat_of("gone", "size"), -999);
}

static void *trigger_later(void *cancel)
{
    (void)usleep(20000);
    enclave_cancel_trigger(cancel);
    return NULL;
}

static void test_cancelled_making(void **state)
{
    (void)state;
    struct enclave_pool_options options = ENCLAVE_POOL_OPTIONS_INIT;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    pthread_t thread;
    assert_int_equal(enclave_cancel_new(&options.cancel, NULL), 0);
    assert_int_equal(pthread_create(&thread, NULL, trigger_later, options.cancel), 0);
    assert_int_equal(enclave_manager_initialize_pool(manager, "slow", 3, NULL,
                                                     "{\"image\": \"slow\"}", &options, NULL, &err),
                     ENCLAVE_ECANCELLED);
    (void)pthread_join(thread, NULL);
    enclave_cancel_free(options.cancel);
    assert_int_equal(stat_of("slow", "size"), -999);
}

static void test_declared(void **state)
{
    (void)state;
    char *text = NULL;
    assert_int_equal(stat_of("declared", "size"), -999);
    runs_in("declared"); /* the first use makes it */
    assert_int_equal(stat_of("declared", "size"), 2);
    assert_string_equal(reuse_of("declared"), "dirty ");
    assert_int_equal(
        enclave_manager_initialize_pool(manager, "declared", 0, NULL, NULL, NULL, &text, NULL), 0);
    json_object *ids = support_json(text);
    assert_int_equal(json_object_array_length(ids), 2);
    json_object_put(ids);
    assert_int_equal(enclave_manager_get_config(manager, &text, NULL), 0);
    assert_contains(text, "\"section\":\"pool declared\",\"key\":\"size\",\"value\":\"2\"");
    enclave_free(text);
}

static void refused(const char *setting, const char *expected)
{
    struct enclave_manager_options options = ENCLAVE_MANAGER_OPTIONS_INIT;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_manager *other = NULL;
    const char *overrides[] = {setting, NULL};
    options.config_path = "";
    options.overrides = overrides;
    assert_int_equal(enclave_manager_new(&options, &other, &err), ENCLAVE_ECONFIG);
    assert_error(err, ENCLAVE_ECONFIG, expected);
}

static void test_bad_declarations(void **state)
{
    (void)state;
    refused("pool a.size=-1", "[pool a] size: expected 0 to 1024");
    refused("pool a.size=many", "[pool a] size: ");
    refused("pool a.reuse=never", "[pool a] reuse: expected reset, fresh or dirty, got 'never'");
    refused("pool a.reus=dirty", "unknown key 'reus' in [pool a]; did you mean 'reuse'?");
    refused("pool a.memory_limt=1g", "did you mean 'memory_limit'?");
    refused("pool a.memory_limit=lots", "[pool a] memory_limit: ");
    refused("pool UPPER.size=1", "unknown section [pool UPPER]");
}

/* -------------------------------------------------------------------------------------- giving back */

static void test_reset(void **state)
{
    (void)state;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    json_object *ids = made("resets", 1, "other", ENCLAVE_POOL_RESET);
    leave_file(id_at(ids, 0));
    /* Used by its id meanwhile, it is reset before it is lent, and after. */
    runs_in("resets");
    assert_true(exists(id_at(ids, 0)));
    assert_false(has_file(id_at(ids, 0)));
    /* Also after a call that came to nothing. */
    leave_file(id_at(ids, 0));
    assert_int_equal(run_in("resets", "{\"argv\": 5}", -1, &err), ENCLAVE_EINVALID);
    assert_false(has_file(id_at(ids, 0)));
    json_object_put(ids);
}

static void test_fresh(void **state)
{
    (void)state;
    json_object *ids = made("fresh", 2, "other", ENCLAVE_POOL_FRESH);
    runs_in("fresh");
    assert_int_equal(exists(id_at(ids, 0)) + exists(id_at(ids, 1)), 1);
    wait_stat("fresh", "idle", 2);
    runs_in("fresh"); /* in the other: it waits longer than the new one */
    assert_int_equal(exists(id_at(ids, 0)) + exists(id_at(ids, 1)), 0);
    json_object_put(ids);
}

static void test_dirty(void **state)
{
    (void)state;
    json_object *ids = made("dirty", 1, "other", ENCLAVE_POOL_DIRTY);
    leave_file(id_at(ids, 0));
    runs_in("dirty");
    assert_true(has_file(id_at(ids, 0)));
    json_object_put(ids);
}

static void is_fresh_because(const char *name, const char *type, const char *config,
                             const char *reason)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char expected[128];
    if (enclave_manager_initialize_pool(manager, name, 1, type, config, NULL, NULL, &err) != 0) {
        fail_msg("no pool: %s", err.message);
    }
    (void)snprintf(expected, sizeof expected, "fresh %s", reason);
    assert_string_equal(reuse_of(name), expected);
}

static void test_not_to_be_reset(void **state)
{
    (void)state;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char *text = NULL;
    is_fresh_because("root", "null", NULL, "its root file system can be written");
    is_fresh_because("open", "other", "{\"read_only_root\": false}",
                     "its root file system can be written");
    is_fresh_because("volume", "other", "{\"volumes\": {\"/a\": {\"bind\": \"/a\"}}}",
                     "it has a volume that can be written");
    is_fresh_because("privileged", "other", "{\"privileged\": true}", "it is privileged");
    is_fresh_because("user", "other", "{\"user\": \"0:5\"}", "its user is root");
    is_fresh_because("command", "other", "{\"command\": [\"hang\"]}", "it has a startup command");
    assert_int_equal(enclave_manager_initialize_pool(
                         manager, "ro", 1, "other",
                         "{\"volumes\": {\"/a\": {\"bind\": \"/a\", \"mode\": \"ro\"}}}", NULL,
                         NULL, &err),
                     0);
    assert_string_equal(reuse_of("ro"), "reset ");

    /* What only the sandbox itself can tell. */
    const char *config = "{\"image\": \"unprovable\", \"tools_config\": [\"run\"]}";
    assert_int_equal(enclave_manager_initialize_pool(manager, "unprovable", 1, "other", config,
                                                     NULL, &text, &err),
                     0);
    json_object *ids = support_json(text);
    runs_in("unprovable");
    assert_false(exists(id_at(ids, 0)));
    assert_string_equal(reuse_of("unprovable"), "fresh it keeps what was written");
    runs_in("unprovable");
    json_object_put(ids);
}

static void test_failed_reset(void **state)
{
    (void)state;
    char *text = NULL;
    const char *config = "{\"image\": \"broken\", \"tools_config\": [\"run\"]}";
    assert_int_equal(
        enclave_manager_initialize_pool(manager, "broken", 1, "other", config, NULL, &text, NULL),
        0);
    json_object *ids = support_json(text);
    runs_in("broken");
    assert_false(exists(id_at(ids, 0)));
    assert_string_equal(reuse_of("broken"), "reset ");
    runs_in("broken");
    json_object_put(ids);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_made_once),
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_failure_leaves_nothing),
        cmocka_unit_test(test_cancelled_making),
        cmocka_unit_test(test_declared),
        cmocka_unit_test(test_bad_declarations),
        cmocka_unit_test(test_reset),
        cmocka_unit_test(test_fresh),
        cmocka_unit_test(test_dirty),
        cmocka_unit_test(test_not_to_be_reset),
        cmocka_unit_test(test_failed_reset),
    };
    return cmocka_run_group_tests_name("pool", tests, pool_set_up, pool_tear_down);
}
