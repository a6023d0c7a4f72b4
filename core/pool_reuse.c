/*
 * pool_reuse.c - the ways of giving a pool's member back, and when a reset cannot be proven.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "json.h"
#include "pool.h"

#include <stdlib.h>
#include <string.h>

static const char *const names[] = {
    [ENCLAVE_POOL_RESET] = "reset", [ENCLAVE_POOL_FRESH] = "fresh", [ENCLAVE_POOL_DIRTY] = "dirty"};

enum { NAMES = sizeof names / sizeof *names };

uint32_t pool_reuse_by_name(const char *name)
{
    for (uint32_t i = 1; i < NAMES; i++) {
        if (strcmp(names[i], name) == 0) {
            return i;
        }
    }
    return 0;
}

const char *pool_reuse_name(uint32_t reuse)
{
    return reuse > 0 && reuse < NAMES ? names[reuse] : "none";
}

static int is_true(json_object *config, const char *field)
{
    return json_object_get_boolean(json_object_object_get(config, field));
}

static int has_writable_volume(json_object *config)
{
    json_object *volumes = json_object_object_get(config, "volumes");
    if (!volumes) {
        return 0;
    }
    json_object_object_foreach(volumes, host, volume)
    {
        (void)host;
        const char *mode = json_object_get_string(json_object_object_get(volume, "mode"));
        if (!mode || strcmp(mode, "ro") != 0) {
            return 1;
        }
    }
    return 0;
}

static int runs_as_root(json_object *config)
{
    const char *user = json_object_get_string(json_object_object_get(config, "user"));
    return user && strtoul(user, NULL, 10) == 0;
}

/* What of a sandbox a reset would not undo; NULL: nothing. */
static const char *not_undone(const struct sandbox *sandbox, json_object *config)
{
    if (!sandbox->backend->loaded.ops.backend.reset) {
        return "its backend has no reset";
    }
    if (!is_true(config, "read_only_root") || sandbox->unenforced & ENCLAVE_CAN_READ_ONLY_ROOT) {
        return "its root file system can be written";
    }
    if (has_writable_volume(config)) {
        return "it has a volume that can be written";
    }
    if (is_true(config, "privileged")) {
        return "it is privileged";
    }
    if (runs_as_root(config)) {
        return "its user is root";
    }
    return json_object_object_get(config, "command") ? "it has a startup command" : NULL;
}

uint32_t pool_choose_way(const struct sandbox *sandbox, uint32_t wanted, char *why, size_t size)
{
    if (wanted != ENCLAVE_POOL_RESET) {
        return wanted;
    }
    JSON_AUTO config = json_parse_own(sandbox->config_text);
    const char *reason = config ? not_undone(sandbox, config) : "out of memory";
    if (!reason) {
        return ENCLAVE_POOL_RESET;
    }
    (void)snprintf(why, size, "%s", reason);
    return ENCLAVE_POOL_FRESH;
}
