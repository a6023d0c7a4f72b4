/*
 * backend.c - see backend.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "backend.h"

#include "agent_program.h"
#include "images.h"
#include "json_build.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define LAUNCHER_FILE "enclave-launcher"
#define DEFAULT_PATH "/usr/local/bin:/usr/bin:/bin"

/* -------------------------------------------------------------------------------------- options */

static const char *option_text(const struct backend *backend, const char *name)
{
    const char *text = json_text(backend->options, name, NULL);

    return text && *text ? text : NULL;
}

static int32_t read_options(struct backend *backend, const char *text, struct enclave_error *err)
{
    const char *range;
    int32_t rc;

    backend->options = json_tokener_parse(text ? text : "{}");
    if (!json_object_is_type(backend->options, json_type_object)) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "options must be a JSON object");
    }
    backend->share_network =
        json_object_get_boolean(json_member(backend->options, "share_network"));
    range = option_text(backend, "uid_range");
    (void)((rc = images_check(backend->options, err)) ||
           (rc = uid_range_init(&backend->uids, range ? range : UID_RANGE_DEFAULT, err)) ||
           (geteuid() == 0 && /* nobody else makes use of it */
            (rc = uid_range_check_users(&backend->uids, UID_RANGE_USERS, err))));
    return rc;
}

int32_t backend_open(const struct enclave_host *host, const char *options,
                     struct backend **ret_backend, struct enclave_error *err)
{
    struct backend *backend = calloc(1, sizeof *backend);
    int32_t rc;

    if (!backend) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
    }
    backend->host = host;
    backend->agent_fd = -1;
    pthread_mutex_init(&backend->lock, NULL);
    worker_init(&backend->worker);
    rc = read_options(backend, options, err);
    if (rc) {
        backend_close(backend);
        return rc;
    }
    *ret_backend = backend;
    return 0;
}

void backend_close(struct backend *backend)
{
    if (!backend) {
        return;
    }
    worker_clear(&backend->worker);
    agent_loop_free(backend->loop);
    launcher_free(backend->launcher);
    uid_range_clear(&backend->uids);
    if (backend->agent_fd >= 0) {
        close(backend->agent_fd);
    }
    free(backend->bwrap);
    free(backend->launcher_path);
    json_object_put(backend->options);
    pthread_mutex_destroy(&backend->lock);
    free(backend);
}

/* ------------------------------------------------------------------------------------- programs */

/* Where PATH has `name`; NULL when nowhere, or without memory. */
static char *find_in_path(const char *name)
{
    const char *path = getenv("PATH");

    for (const char *p = path && *path ? path : DEFAULT_PATH; *p; p += *p == ':') {
        size_t length = strcspn(p, ":");
        char *full = NULL;

        if (*p == '/' && asprintf(&full, "%.*s/%s", (int)length, p, name) < 0) {
            return NULL;
        }
        if (full && access(full, X_OK) == 0) {
            return full;
        }
        free(full);
        p += length;
    }
    return NULL;
}

static int32_t find_bwrap(struct backend *backend, struct enclave_error *err)
{
    const char *option = option_text(backend, "bwrap_path");

    backend->bwrap = option ? strdup(option) : find_in_path("bwrap");
    if (backend->bwrap && access(backend->bwrap, X_OK) == 0) {
        return 0;
    }
    free(backend->bwrap);
    backend->bwrap = NULL;
    if (option) {
        return enclave_error_set(err, ENCLAVE_EUNREACHABLE,
                                 "bwrap_path '%s': %s; install bubblewrap or correct it", option,
                                 strerror(errno));
    }
    return enclave_error_set(err, ENCLAVE_EUNREACHABLE,
                             "bwrap is not installed: apt-get install bubblewrap (or set bwrap_path"
                             " in [backend bubblewrap])");
}

static int32_t find_launcher(struct backend *backend, struct enclave_error *err)
{
    const char *option = option_text(backend, "launcher_path");
    const char *plugin = backend->host->plugin_path;
    const char *slash = strrchr(plugin, '/');

    if (option) {
        backend->launcher_path = strdup(option);
    } else if (asprintf(&backend->launcher_path, "%.*s" LAUNCHER_FILE,
                        slash ? (int)(slash + 1 - plugin) : 0, plugin) < 0) {
        backend->launcher_path = NULL;
    }
    return backend->launcher_path ? 0 : enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
}

static int32_t open_agent(struct backend *backend, struct enclave_error *err)
{
    char *path;
    int32_t rc = agent_program_find(option_text(backend, "agent_path"), backend->host->plugin_path,
                                    &path, err);

    if (rc) {
        return rc;
    }
    backend->agent_fd = open(path, O_RDONLY | O_CLOEXEC);
    if (backend->agent_fd < 0) {
        rc = enclave_error_set(err, ENCLAVE_EIO, "open the agent's program '%s': %s", path,
                               strerror(errno));
    }
    free(path);
    return rc;
}

/* ------------------------------------------------------------------------------------ readiness */

/* What an earlier attempt made is kept. */
static int32_t prepare_locked(struct backend *backend, struct enclave_error *err)
{
    int32_t rc = 0;

    if (backend->launcher && !launcher_alive(backend->launcher)) {
        launcher_free(backend->launcher);
        backend->launcher = NULL;
    }
    (void)((!backend->bwrap && (rc = find_bwrap(backend, err))) ||
           (backend->agent_fd < 0 && (rc = open_agent(backend, err))) ||
           (!backend->launcher_path && (rc = find_launcher(backend, err))) ||
           (!backend->loop && (rc = agent_loop_new(&backend->loop, err))) ||
           (rc = worker_start(&backend->worker, err)) ||
           (!backend->launcher &&
            (rc = launcher_new(backend->launcher_path, &backend->launcher, err))));
    return rc;
}

int32_t backend_prepare(struct backend *backend, struct launcher **ret_launcher,
                        struct enclave_error *err)
{
    int32_t rc;

    pthread_mutex_lock(&backend->lock);
    rc = prepare_locked(backend, err);
    if (!rc) {
        *ret_launcher = launcher_ref(backend->launcher);
    }
    pthread_mutex_unlock(&backend->lock);
    return rc;
}

/* ------------------------------------------------------------------------ what it is and can do */

/* Since Linux 5.14 a process counts for its user in its user namespace, of which each sandbox has one of its
 * own; before, for its user on the whole host. */
static int counts_in_namespace(void)
{
    struct utsname name;
    unsigned major = 0;
    unsigned minor = 0;

    return uname(&name) == 0 && sscanf(name.release, "%u.%u", &major, &minor) == 2 &&
           (major > 5 || (major == 5 && minor >= 14));
}

struct sandbox_limits backend_limits(const struct launcher_hello *hello)
{
    return (struct sandbox_limits){
        .memory = (int)hello->memory,
        .swap = (int)hello->swap,
        .cpu = (int)hello->cpu,
        .pids = (int)hello->pids,
        .nproc = !hello->pids && counts_in_namespace(),
        .cgroup_version = (int)hello->cgroup_version,
    };
}

uint64_t backend_bits(const struct backend *backend, const struct launcher_hello *hello)
{
    struct sandbox_limits limits = backend_limits(hello);
    uint64_t bits = ENCLAVE_CAN_NETWORK_OFF | ENCLAVE_CAN_READ_ONLY_ROOT | ENCLAVE_CAN_SIZED_TMPFS |
                    ENCLAVE_CAN_SECCOMP | ENCLAVE_CAN_NO_NEW_PRIVS | ENCLAVE_CAN_IMAGE |
                    ENCLAVE_CAN_VOLUMES | ENCLAVE_CAN_USER | ENCLAVE_CAN_OWN_FILES |
                    ENCLAVE_CAN_KILL_TREE;

    bits |= backend->share_network ? ENCLAVE_CAN_NETWORK : 0;
    bits |= hello->is_root ? ENCLAVE_CAN_OWN_UID : 0;
    bits |= limits.memory ? ENCLAVE_CAN_MEMORY : 0;
    bits |= limits.cpu ? ENCLAVE_CAN_CPU : 0;
    bits |= limits.pids || limits.nproc ? ENCLAVE_CAN_PIDS : 0;
    return bits;
}

int32_t backend_capabilities(struct backend *backend, uint64_t *ret_bits, struct enclave_error *err)
{
    struct launcher *launcher;
    int32_t rc = backend_prepare(backend, &launcher, err);

    if (!rc) {
        *ret_bits = backend_bits(backend, launcher_facts(launcher));
        launcher_free(launcher);
    }
    return rc;
}

int32_t backend_describe(struct backend *backend, json_object *report, struct enclave_error *err)
{
    struct launcher *launcher;
    int32_t rc = backend_prepare(backend, &launcher, err);
    const struct launcher_hello *hello;
    struct sandbox_limits limits;
    int failed = 0;

    if (rc) {
        return rc;
    }
    hello = launcher_facts(launcher);
    limits = backend_limits(hello);
    json_add_string(report, "engine", "bubblewrap", &failed);
    json_add_string(report, "program", backend->bwrap, &failed);
    json_add_bool(report, "root", (int)hello->is_root, &failed);
    json_add_int(report, "cgroup_version", hello->cgroup_version, &failed);
    json_add_bool(report, "memory_limit", (int)hello->memory, &failed);
    json_add_bool(report, "swap_limit", (int)hello->swap, &failed);
    json_add_bool(report, "cpu_limit", (int)hello->cpu, &failed);
    json_add_bool(report, "pids_limit", limits.pids || limits.nproc, &failed);
    launcher_free(launcher);
    return failed ? enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory") : 0;
}
