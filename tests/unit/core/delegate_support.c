/*
 * delegate_support.c - see delegate_support.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "delegate_support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct enclave_manager *inner, *outer;
struct elsewhere there;

static char plugins[64];

static void remove_plugins(void)
{
    support_remove(plugins);
}

int32_t delegate_try_outer(const char *const *more, struct enclave_manager **ret_manager,
                           struct enclave_error *err)
{
    struct enclave_manager_options options = ENCLAVE_MANAGER_OPTIONS_INIT;
    char path[128], address[64];
    const char *overrides[16] = {"enclave.backend=elsewhere", path, address};
    (void)snprintf(path, sizeof path, "plugins.path=%s", plugins);
    (void)snprintf(address, sizeof address, "backend elsewhere.elsewhere=%llx",
                   (unsigned long long)(uintptr_t)&there);
    for (size_t n = 3; more && *more; more++) {
        overrides[n++] = *more;
    }
    options.config_path = "";
    options.overrides = overrides;
    return enclave_manager_new(&options, ret_manager, err);
}

void delegate_outer(const char *const *more)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    enclave_manager_free(outer);
    outer = NULL;
    if (delegate_try_outer(more, &outer, &err) != 0) {
        fail_msg("%s", err.message);
    }
}

int delegate_set_up(void **state)
{
    (void)state;
    if (!plugins[0]) {
        support_folder(plugins);
        support_install(plugins, "backend-elsewhere", "backend-elsewhere.so");
        support_install(plugins, "backend-null", "backend-null.so");
        (void)atexit(remove_plugins);
    }
    memset(&there, 0, sizeof there);
    (void)pthread_mutex_init(&there.lock, NULL);
    inner = there.manager = support_manager(NULL);
    delegate_outer(NULL);
    return 0;
}

int delegate_tear_down(void **state)
{
    (void)state;
    enclave_manager_free(outer);
    outer = NULL;
    assert_int_equal(atomic_load(&there.handles), 0); /* each has been given back */
    enclave_manager_free(inner);
    return 0;
}

void delegate_sandbox(struct enclave_manager *manager, const char *wanted_id,
                      char ret_id[ENCLAVE_ID_SIZE])
{
    struct enclave_create_options options = ENCLAVE_CREATE_OPTIONS_INIT;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    options.id = wanted_id;
    if (enclave_manager_create_sandbox(manager, NULL, "{\"tools_config\": [\"run\", \"plain\"]}",
                                       &options, ret_id, &err) != 0) {
        fail_msg("no sandbox: %s", err.message);
    }
}

int delegate_has_sandbox(struct enclave_manager *manager, const char *id)
{
    char *text = NULL;
    int32_t r = enclave_manager_get_sandbox_info(manager, id, &text, NULL);
    enclave_free(text);
    return r == 0;
}

json_object *delegate_info_of(struct enclave_manager *manager, const char *id)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char *text = NULL;
    if (enclave_manager_get_sandbox_info(manager, id, &text, &err) != 0) {
        fail_msg("no info: %s", err.message);
    }
    return support_json(text);
}

int64_t delegate_entries(void)
{
    char *text = NULL;
    assert_int_equal(enclave_manager_get_stats(outer, &text, NULL), 0);
    json_object *stats = support_json(text);
    int64_t entries = support_number(stats, "total_sandboxes");
    json_object_put(stats);
    return entries;
}

int64_t delegate_list_length(struct enclave_manager *manager, uint32_t status)
{
    char *text = NULL;
    assert_int_equal(enclave_manager_list_sandboxes(manager, status, &text, NULL), 0);
    json_object *list = support_json(text);
    int64_t n = (int64_t)json_object_array_length(list);
    json_object_put(list);
    return n;
}
