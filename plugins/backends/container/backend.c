/*
 * backend.c - see backend.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "backend.h"

#include "agent_program.h"
#include "json_build.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_REQUEST_TIMEOUT_MS 60000
#define PROBE_TIMEOUT_MS 4500
#define TIDY_TIMEOUT_MS 5000

/* -------------------------------------------------------------------------------------- options */

static const char *option_text(const struct backend *backend, const char *name)
{
    const char *text = json_text(backend->options, name, NULL);

    return text && *text ? text : NULL;
}

static int32_t read_tls(const struct backend *backend, int *ret_tls, struct enclave_error *err)
{
    const char *text = option_text(backend, "tls");

    if (!text) {
        return 0; /* this kind of engine has no such option */
    }
    if (strcmp(text, "auto") == 0) {
        *ret_tls = -1;
    } else if (strcmp(text, "true") == 0) {
        *ret_tls = 1;
    } else if (strcmp(text, "false") == 0) {
        *ret_tls = 0;
    } else {
        return enclave_error_set(err, ENCLAVE_EINVALID,
                                 "tls must be auto, true or false, not \"%s\"", text);
    }
    return 0;
}

static int32_t read_agent_mount(struct backend *backend, struct enclave_error *err)
{
    const char *text = option_text(backend, "agent_mount");

    if (!text || strcmp(text, "auto") == 0) {
        backend->agent_mount = AGENT_MOUNT_AUTO;
    } else if (strcmp(text, "bind") == 0) {
        backend->agent_mount = AGENT_MOUNT_BIND;
    } else if (strcmp(text, "upload") == 0) {
        backend->agent_mount = AGENT_MOUNT_UPLOAD;
    } else {
        return enclave_error_set(err, ENCLAVE_EINVALID,
                                 "agent_mount must be auto, bind or upload, not \"%s\"", text);
    }
    return 0;
}

static int32_t read_pull(struct backend *backend, struct enclave_error *err)
{
    const char *text = option_text(backend, "pull");

    backend->pull_missing = !text || strcmp(text, "missing") == 0;
    if (!backend->pull_missing && strcmp(text, "never") != 0) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "pull must be missing or never, not \"%s\"",
                                 text);
    }
    return 0;
}

static int32_t read_timeout(struct backend *backend, struct enclave_error *err)
{
    json_object *value = json_member(backend->options, "request_timeout");
    double seconds = value ? json_object_get_double(value) : DEFAULT_REQUEST_TIMEOUT_MS / 1000.0;

    if (!(seconds >= 1 && seconds <= 86400)) {
        return enclave_error_set(err, ENCLAVE_EINVALID,
                                 "request_timeout must be from 1 to 86400 seconds");
    }
    backend->api.timeout_ms = (int64_t)(seconds * 1000);
    return 0;
}

/* Which uids; an explicit range is checked at once, so that a mistake shows when the INI is read.
 */
static int32_t check_uid_range(struct backend *backend, struct enclave_error *err)
{
    const char *text = option_text(backend, "uid_range");
    struct uid_range range;
    int32_t rc = uid_range_init(&range, text ? text : UID_RANGE_DEFAULT, err);

    if (!rc) {
        uid_range_clear(&range);
    }
    return rc;
}

static int32_t make_engine(struct backend *backend, struct enclave_error *err)
{
    const struct backend_brand *brand = backend->brand;
    struct engine_options options = brand->engine;
    char *found = NULL;
    int32_t rc;

    options.host = option_text(backend, "host");
    options.cert_path = option_text(backend, "cert_path");
    options.config_path = option_text(backend, "config_path");
    rc = read_tls(backend, &options.tls, err);
    if (rc) {
        return rc;
    }
    if (!options.host && brand->find_host) {
        options.host = found = brand->find_host();
        if (!found) {
            return enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
        }
    }
    rc = engine_new(&options, &backend->engine, err);
    free(found);
    return rc;
}

static int32_t read_options(struct backend *backend, const char *text, struct enclave_error *err)
{
    int32_t rc;

    backend->options = json_tokener_parse(text ? text : "{}");
    if (!json_object_is_type(backend->options, json_type_object)) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "options must be a JSON object");
    }
    (void)((rc = read_agent_mount(backend, err)) || (rc = read_pull(backend, err)) ||
           (rc = read_timeout(backend, err)) || (rc = check_uid_range(backend, err)) ||
           (rc = make_engine(backend, err)));
    return rc;
}

/* ------------------------------------------------------------------------------- open and close */

int32_t backend_open(const struct enclave_host *host, const char *options,
                     const struct backend_brand *brand, struct backend **ret_backend,
                     struct enclave_error *err)
{
    struct backend *backend = calloc(1, sizeof *backend);
    int32_t rc;

    if (!backend) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
    }
    backend->host = host;
    backend->brand = brand;
    pthread_mutex_init(&backend->lock, NULL);
    worker_init(&backend->worker);
    reconcile_init(&backend->reconcile, host, &backend->worker);
    rc = read_options(backend, options, err);
    if (rc) {
        backend_close(backend);
        return rc;
    }
    backend->api.engine = backend->engine;
    backend->reconcile.api = (struct container_api){backend->engine, TIDY_TIMEOUT_MS};
    *ret_backend = backend;
    return 0;
}

void backend_close(struct backend *backend)
{
    if (!backend) {
        return;
    }
    reconcile_stop(&backend->reconcile);
    worker_clear(&backend->worker);
    reconcile_clear(&backend->reconcile);
    agent_loop_free(backend->loop);
    uid_range_clear(&backend->uids);
    engine_free(backend->engine);
    free(backend->agent_path);
    json_object_put(backend->options);
    pthread_mutex_destroy(&backend->lock);
    free(backend);
}

void backend_tidy(struct backend *backend)
{
    if (worker_start(&backend->worker, NULL) == 0) {
        reconcile_look_again(&backend->reconcile);
    }
}

/* ------------------------------------------------------------------------------------ readiness */

/* In a user namespace there are as a rule 65536 uids, so the default range would not exist. */
static int32_t choose_uids(struct backend *backend, const struct engine_facts *facts,
                           struct enclave_error *err)
{
    const char *text = option_text(backend, "uid_range");
    int is_default = !text || strcmp(text, UID_RANGE_DEFAULT) == 0;
    int is_mapped = facts->rootless || facts->user_namespaces;
    int32_t rc;

    if (is_default) {
        text = is_mapped ? UID_RANGE_MAPPED : UID_RANGE_DEFAULT;
    }
    rc = uid_range_init(&backend->uids, text, err);
    if (!rc && !is_mapped && engine_is_local(backend->engine)) {
        rc = uid_range_check_users(&backend->uids, UID_RANGE_USERS, err);
        if (rc) { /* this is what says that it was chosen */
            uid_range_clear(&backend->uids);
        }
    }
    if (!rc && facts->mapped_uids &&
        backend->uids.first + backend->uids.count > facts->mapped_uids) {
        uid_range_clear(&backend->uids);
        rc = enclave_error_set(err, ENCLAVE_ECONFIG,
                               "uid_range %s does not fit: containers of %s at %s have %" PRId64
                               " uids; set another in [backend podman], or give its user more"
                               " (usermod --add-subuids and --add-subgids, then podman system"
                               " migrate)",
                               text, backend->brand->engine.name, engine_address(backend->engine),
                               facts->mapped_uids);
    }
    return rc;
}

static int32_t find_agent(const struct backend *backend, const struct engine_facts *facts,
                          char **ret_path, struct enclave_error *err)
{
    int32_t rc = agent_program_find(option_text(backend, "agent_path"), backend->host->plugin_path,
                                    ret_path, err);

    if (!rc && (rc = agent_program_check_arch(*ret_path, facts->arch, err)) != 0) {
        free(*ret_path);
        *ret_path = NULL;
    }
    return rc;
}

/* What an earlier attempt made is kept. */
static int32_t prepare_locked(struct backend *backend, const struct engine_facts *facts,
                              struct enclave_error *err)
{
    int32_t rc = 0;

    if (!backend->agent_path) {
        rc = find_agent(backend, facts, &backend->agent_path, err);
    }
    if (!rc && !backend->uids.bitmap) {
        rc = choose_uids(backend, facts, err);
    }
    if (!rc && !backend->loop) {
        rc = agent_loop_new(&backend->loop, err);
    }
    if (!rc) {
        rc = worker_start(&backend->worker, err);
    }
    if (!rc) {
        /* An engine elsewhere sees none of our files, or others under the same name. */
        if (backend->agent_mount == AGENT_MOUNT_AUTO && !engine_is_local(backend->engine)) {
            backend->agent_mount = AGENT_MOUNT_UPLOAD;
        }
        backend->ready = 1;
    }
    return rc;
}

int32_t backend_prepare(struct backend *backend, int cancel_fd, struct engine_facts *ret_facts,
                        struct enclave_error *err)
{
    int32_t rc =
        engine_get_facts(backend->engine, backend->api.timeout_ms, cancel_fd, ret_facts, err);

    if (rc) {
        return rc;
    }
    if (strcmp(ret_facts->os, "linux") != 0) {
        return enclave_error_set(err, ENCLAVE_ENOTSUP, "%s at %s runs %s containers, not linux",
                                 backend->brand->engine.name, engine_address(backend->engine),
                                 ret_facts->os);
    }
    pthread_mutex_lock(&backend->lock);
    rc = backend->ready ? 0 : prepare_locked(backend, ret_facts, err);
    pthread_mutex_unlock(&backend->lock);
    return rc;
}

enum agent_mount backend_agent_mount(struct backend *backend)
{
    enum agent_mount mount;

    pthread_mutex_lock(&backend->lock);
    mount = backend->agent_mount;
    pthread_mutex_unlock(&backend->lock);
    return mount;
}

void backend_settle_agent_mount(struct backend *backend, enum agent_mount mount)
{
    pthread_mutex_lock(&backend->lock);
    if (backend->agent_mount == AGENT_MOUNT_AUTO) {
        backend->agent_mount = mount;
    }
    pthread_mutex_unlock(&backend->lock);
}

/* ------------------------------------------------------------------------ what it is and can do */

static json_object *make_report(const struct backend *backend, const struct engine_facts *facts,
                                const char *agent_path)
{
    json_object *report = json_object_new_object();
    int failed = 0;

    json_add_string(report, "engine", backend->brand->engine.name, &failed);
    json_add_string(report, "version", facts->version, &failed);
    json_add_string(report, "api_version", facts->api_version, &failed);
    json_add_string(report, "address", engine_address(backend->engine), &failed);
    json_add_string(report, "arch", facts->arch, &failed);
    json_add_int(report, "cpus", (uint64_t)facts->cpus, &failed);
    json_add_int(report, "cgroup_version", (uint64_t)facts->cgroup_version, &failed);
    json_add_bool(report, "rootless", facts->rootless, &failed);
    json_add_bool(report, "user_namespaces", facts->user_namespaces, &failed);
    json_add_bool(report, "memory_limit", facts->memory_limit, &failed);
    json_add_bool(report, "swap_limit", facts->swap_limit, &failed);
    json_add_bool(report, "cpu_limit", facts->cpu_quota, &failed);
    json_add_bool(report, "pids_limit", facts->pids_limit, &failed);
    json_add_string(report, "agent", agent_path, &failed);
    if (failed) {
        json_object_put(report);
        return NULL;
    }
    return report;
}

int32_t backend_probe(struct backend *backend, const struct enclave_sink *report,
                      struct enclave_error *err)
{
    json_object *object JSON_CLEANUP = NULL;
    struct engine_facts facts;
    char *agent_path = NULL;
    int32_t rc;

    /* The facts are remembered; whether it answers now has to be asked. */
    (void)((rc = engine_request(backend->engine, "GET", "/_ping", NULL, PROBE_TIMEOUT_MS, -1, NULL,
                                NULL, err)) ||
           (rc = engine_get_facts(backend->engine, PROBE_TIMEOUT_MS, -1, &facts, err)) ||
           (rc = find_agent(backend, &facts, &agent_path, err)));
    if (!rc) {
        object = make_report(backend, &facts, agent_path);
        rc = json_report(object, report, err);
    }
    free(agent_path);
    return rc;
}

uint64_t backend_bits(const struct engine_facts *facts)
{
    uint64_t bits = ENCLAVE_CAN_NETWORK_OFF | ENCLAVE_CAN_NETWORK | ENCLAVE_CAN_READ_ONLY_ROOT |
                    ENCLAVE_CAN_SIZED_TMPFS | ENCLAVE_CAN_NO_NEW_PRIVS | ENCLAVE_CAN_OWN_UID |
                    ENCLAVE_CAN_OWN_FILES | ENCLAVE_CAN_KILL_TREE | ENCLAVE_CAN_IMAGE |
                    ENCLAVE_CAN_VOLUMES | ENCLAVE_CAN_PORTS | ENCLAVE_CAN_EXTRA_HOSTS |
                    ENCLAVE_CAN_PLATFORM | ENCLAVE_CAN_USER;

    /* Also where the engine has no filter of its own: the agent brings one. */
    bits |= ENCLAVE_CAN_SECCOMP;
    bits |= facts->memory_limit ? ENCLAVE_CAN_MEMORY : 0;
    bits |= facts->cpu_quota ? ENCLAVE_CAN_CPU : 0;
    bits |= facts->pids_limit ? ENCLAVE_CAN_PIDS : 0;
    /* Podman ignores it: its runtime is what its configuration says. */
    bits |= facts->podman ? 0 : ENCLAVE_CAN_RUNTIME;
    /* Engines refuse privileged containers when they remap users. */
    bits |= facts->user_namespaces ? 0 : ENCLAVE_CAN_PRIVILEGED;
    return bits;
}

int32_t backend_capabilities(struct backend *backend, uint64_t *ret_bits, struct enclave_error *err)
{
    struct engine_facts facts;
    int32_t rc = engine_get_facts(backend->engine, backend->api.timeout_ms, -1, &facts, err);

    if (!rc) {
        *ret_bits = backend_bits(&facts);
    }
    return rc;
}
