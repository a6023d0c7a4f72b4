/*
 * pool_support.c - see pool_support.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "pool_support.h"

#include <stdio.h>
#include <unistd.h>

static const char tools[] = "{\"tools_config\": [\"run\", \"plain\"]}";

struct enclave_manager *manager;

int pool_set_up(void **state)
{
    static const char *const overrides[] = {
        "pool declared.size=2",      "pool declared.type=other", "pool declared.tools_config=run",
        "pool declared.reuse=dirty", "enclave.idle_ttl=60",      NULL};
    (void)state;
    manager = support_manager(overrides);
    return 0;
}

int pool_tear_down(void **state)
{
    (void)state;
    enclave_manager_free(manager);
    return 0;
}

int32_t make_pool(const char *name, uint32_t size, const char *type, uint32_t reuse, char **ret_ids,
                  struct enclave_error *err)
{
    struct enclave_pool_options options = ENCLAVE_POOL_OPTIONS_INIT;
    options.reuse = reuse;
    return enclave_manager_initialize_pool(manager, name, size, type, tools, &options, ret_ids,
                                           err);
}

json_object *made(const char *name, uint32_t size, const char *type, uint32_t reuse)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char *text = NULL;
    if (make_pool(name, size, type, reuse, &text, &err) != 0) {
        fail_msg("no pool: %s", err.message);
    }
    json_object *ids = support_json(text);
    assert_int_equal(json_object_array_length(ids), size);
    return ids;
}

const char *id_at(json_object *ids, size_t index)
{
    return json_object_get_string(json_object_array_get_idx(ids, index));
}

int32_t run_in(const char *name, const char *params, int64_t wait_ms, struct enclave_error *err)
{
    struct enclave_result *result = NULL;
    int32_t r = enclave_manager_execute_tool_in_pool(manager, name, "run", params, NULL, wait_ms,
                                                     &result, err);
    enclave_result_free(result);
    return r;
}

void runs_in(const char *name)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    if (run_in(name, POOL_SAY_A, 20000, &err) != 0) {
        fail_msg("pool '%s': %s", name ? name : "", err.message);
    }
}

int64_t stat_of(const char *pool, const char *key)
{
    char *text = NULL;
    assert_int_equal(enclave_manager_get_stats(manager, &text, NULL), 0);
    json_object *stats = support_json(text), *pools = NULL, *row = NULL;
    assert_true(json_object_object_get_ex(stats, "pools", &pools));
    int64_t n = json_object_object_get_ex(pools, pool, &row) ? support_number(row, key) : -999;
    json_object_put(stats);
    return n;
}

void wait_stat(const char *pool, const char *key, int64_t expected)
{
    int64_t until = support_now_ms() + 20000;
    while (stat_of(pool, key) != expected && support_now_ms() < until) {
        (void)usleep(1000);
    }
    assert_int_equal(stat_of(pool, key), expected);
}

char *reuse_of(const char *pool)
{
    static char told[256];
    char *text = NULL;
    assert_int_equal(enclave_manager_get_stats(manager, &text, NULL), 0);
    json_object *stats = support_json(text);
    (void)snprintf(told, sizeof told, "%s %s", support_text(stats, "pools", pool, "reuse", NULL),
                   support_text(stats, "pools", pool, "not_reset", NULL));
    json_object_put(stats);
    return told;
}

void info_of(const char *id, const char *status, const char *pool)
{
    char *text = NULL;
    assert_int_equal(enclave_manager_get_sandbox_info(manager, id, &text, NULL), 0);
    json_object *info = support_json(text);
    assert_string_equal(support_text(info, "status", NULL), status);
    assert_string_equal(support_text(info, "metadata", "pool", NULL), pool);
    json_object_put(info);
}

int exists(const char *id)
{
    char *text = NULL;
    int32_t r = enclave_manager_get_sandbox_info(manager, id, &text, NULL);
    enclave_free(text);
    return r == 0;
}

void leave_file(const char *id)
{
    assert_int_equal(enclave_manager_put_file(manager, id, "f", "x", 1, 0, NULL), 0);
}

int has_file(const char *id)
{
    void *data = NULL;
    uint64_t length;
    int32_t r = enclave_manager_get_file(manager, id, "f", 0, &data, &length, NULL);
    enclave_free(data);
    return r == 0;
}
