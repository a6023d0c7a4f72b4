/*
 * sandbox.c - see sandbox.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sandbox.h"

#include "enforce.h"
#include "json_build.h"
#include "launch.h"
#include "monotonic.h"
#include "sandbox_object.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define GONE_TIMEOUT_MS 2000    /* for a container to go by itself */
#define REMOVE_TIMEOUT_MS 10000 /* for the engine to make it go */
#define EXPLAIN_TIMEOUT_MS 3000 /* from the loss to what is told about it */
#define MUTE_MS 5000            /* an engine that did not answer is left alone for so long */

/* ---------------------------------------------------------------------------------- lost agents */

/* On the worker: find out what is true, then tell whoever waits. Many can be lost at once, and the
 * engine with them: none waits for the explanations of the others. */
static void explain_loss(void *ctx)
{
    struct sandbox *sandbox = ctx;
    struct backend *backend = sandbox->backend;
    int64_t deadline_ms = sandbox->lost_at_ms + EXPLAIN_TIMEOUT_MS;
    int64_t now = monotonic_ms();
    char reason[400];

    if (now >= deadline_ms || now < backend->mute_until_ms) {
        (void)snprintf(reason, sizeof reason, "the connection to the sandbox's agent broke: %s",
                       sandbox->hint);
    } else if (container_explain(backend->engine, sandbox->name, sandbox->podman, sandbox->hint,
                                 deadline_ms, reason, sizeof reason) != 0) {
        backend->mute_until_ms = monotonic_ms() + MUTE_MS;
    }
    agent_fail(sandbox->agent, reason);
}

void sandbox_on_lost(void *ctx, const char *reason)
{
    struct sandbox *sandbox = ctx;
    int connected;

    pthread_mutex_lock(&sandbox->lock);
    sandbox->lost = 1;
    sandbox->lost_at_ms = monotonic_ms();
    (void)snprintf(sandbox->hint, sizeof sandbox->hint, "%s", reason ? reason : "end of stream");
    connected = sandbox->agent != NULL;
    pthread_mutex_unlock(&sandbox->lock);
    if (connected) {
        worker_post(&sandbox->backend->worker, &sandbox->explain);
    }
}

void sandbox_set_agent(struct sandbox *sandbox, struct agent *agent)
{
    int lost;

    pthread_mutex_lock(&sandbox->lock);
    sandbox->agent = agent;
    lost = sandbox->lost;
    pthread_mutex_unlock(&sandbox->lock);
    if (lost) {
        worker_post(&sandbox->backend->worker, &sandbox->explain);
    }
}

/* End the stream; afterwards neither loop nor worker knows of the sandbox. Idempotent. */
static void close_agent(struct sandbox *sandbox, const char *reason)
{
    if (sandbox->agent && !sandbox->closed) {
        agent_close(sandbox->agent, reason);
        worker_cancel(&sandbox->backend->worker, &sandbox->explain);
        sandbox->closed = 1;
    }
}

void sandbox_drop_agent(struct sandbox *sandbox)
{
    close_agent(sandbox, "the sandbox could not be made");
    agent_free(sandbox->agent);
    sandbox->agent = NULL;
    sandbox->closed = 0;
    sandbox->lost = 0;
}

/* ----------------------------------------------------------------------------- making an object */

void sandbox_free(struct sandbox *sandbox)
{
    if (!sandbox) {
        return;
    }
    agent_free(sandbox->agent);
    if (sandbox->owns_uid) {
        uid_range_give_back(&sandbox->backend->uids, sandbox->uid);
    }
    sandbox_config_clear(&sandbox->config);
    pthread_mutex_destroy(&sandbox->stop_lock);
    pthread_mutex_destroy(&sandbox->lock);
    free(sandbox->id);
    free(sandbox);
}

static int32_t assign_user(struct sandbox *sandbox, struct enclave_error *err)
{
    int32_t rc;

    if (sandbox->config.has_user) {
        sandbox->uid = sandbox->config.uid;
        sandbox->gid = sandbox->config.gid;
        return 0;
    }
    rc = uid_range_take(&sandbox->backend->uids, &sandbox->uid, err);
    if (rc) {
        return rc;
    }
    sandbox->gid = sandbox->uid;
    sandbox->owns_uid = 1;
    return 0;
}

void sandbox_lose_uid(struct sandbox *sandbox)
{
    sandbox->owns_uid = 0;
}

void sandbox_assign_name(struct sandbox *sandbox)
{
    uint64_t random = 0;

    (void)!getrandom(&random, 6, 0);
    (void)snprintf(sandbox->name, sizeof sandbox->name, "enclave-%s-%012" PRIx64, sandbox->id,
                   random);
    *sandbox->container_id = '\0';
}

const char *sandbox_container(const struct sandbox *sandbox)
{
    return *sandbox->container_id ? sandbox->container_id : sandbox->name;
}

static int valid_id(const char *id)
{
    return id && *id && *id != '-' && *id != '_' && strlen(id) < ENCLAVE_ID_SIZE &&
           strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-_") == strlen(id);
}

struct sandbox *sandbox_alloc(struct backend *backend, const char *id)
{
    struct sandbox *sandbox = calloc(1, sizeof *sandbox);

    if (!sandbox || !(sandbox->id = strdup(id))) {
        free(sandbox);
        return NULL;
    }
    sandbox->backend = backend;
    pthread_mutex_init(&sandbox->stop_lock, NULL);
    pthread_mutex_init(&sandbox->lock, NULL);
    sandbox->explain = (struct worker_job){.run = explain_loss, .ctx = sandbox};
    return sandbox;
}

static int32_t assign_token(struct sandbox *sandbox, struct enclave_error *err)
{
    uint64_t random[2];

    if (getrandom(random, sizeof random, 0) != sizeof random) {
        return enclave_error_set(err, ENCLAVE_EIO, "no random numbers for a token");
    }
    (void)snprintf(sandbox->token, sizeof sandbox->token, "%016" PRIx64 "%016" PRIx64, random[0],
                   random[1]);
    return 0;
}

static int32_t sandbox_new(struct backend *backend, const struct enclave_sandbox_spec *spec,
                           struct sandbox **ret_sandbox, struct enclave_error *err)
{
    struct sandbox *sandbox;
    int32_t rc;

    if (!valid_id(spec->id) || !spec->config) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "invalid sandbox id or configuration");
    }
    sandbox = sandbox_alloc(backend, spec->id);
    if (!sandbox) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
    }
    sandbox_assign_name(sandbox);
    sandbox->lease_ms = spec->lease_ms;
    (void)((rc = sandbox_config_parse(spec->config, &sandbox->config, err)) ||
           (rc = spec->lease_ms ? assign_token(sandbox, err) : 0) ||
           (rc = assign_user(sandbox, err)));
    if (rc) {
        sandbox_free(sandbox);
        return rc;
    }
    *ret_sandbox = sandbox;
    return 0;
}

/* ------------------------------------------------------------------------------------ the whole */

static int32_t tell_metadata(const struct sandbox *sandbox, const struct engine_facts *engine,
                             const struct enclave_sandbox_facts *facts, struct enclave_error *err)
{
    json_object *object JSON_CLEANUP = json_object_new_object();
    char engine_name[96];
    int failed = 0;

    (void)snprintf(engine_name, sizeof engine_name, "%s %s", sandbox->backend->brand->engine.name,
                   engine->version);
    json_add_string(object, "container_id", sandbox->container_id, &failed);
    json_add_string(object, "container_name", sandbox->name, &failed);
    json_add_string(object, "image", sandbox->config.image, &failed);
    json_add_int(object, "uid", sandbox->uid, &failed);
    json_add_int(object, "gid", sandbox->gid, &failed);
    json_add_string(object, "network",
                    sandbox->config.network_enabled ? sandbox->config.network : "none", &failed);
    json_add_string(object, "engine", engine_name, &failed);
    json_add_string(object, "api_version", engine->api_version, &failed);
    if (failed) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
    }
    return json_report(object, facts->metadata, err);
}

static struct sandbox_limits make_limits(const struct engine_facts *facts)
{
    return (struct sandbox_limits){
        .memory = facts->memory_limit,
        .swap = facts->swap_limit,
        .cpu = facts->cpu_quota,
        .pids = facts->pids_limit,
        .cgroup_version = facts->cgroup_version,
    };
}

/* What it could not do just now is not tried again at once. */
static void kick_if_answers(struct backend *backend, int32_t rc)
{
    if (rc != ENCLAVE_ETIMEOUT && rc != ENCLAVE_EUNREACHABLE) {
        reconcile_kick(&backend->reconcile);
    }
}

/* What it was made from is not needed again, and is most of what a sandbox would take here. */
static void forget_config(struct sandbox *sandbox)
{
    int remove_on_exit = sandbox->config.remove_on_exit;

    sandbox_config_clear(&sandbox->config);
    sandbox->config.remove_on_exit = remove_on_exit;
}

int32_t sandbox_create(struct backend *backend, const struct enclave_sandbox_spec *spec,
                       struct enclave_sandbox_facts *facts, struct sandbox **ret_sandbox,
                       struct enclave_error *err)
{
    struct sandbox *sandbox = NULL;
    struct engine_facts engine;
    int32_t rc;

    (void)((rc = launch_check_cancelled(spec, err)) ||
           (rc = backend_prepare(backend, spec->cancel_fd, &engine, err)) ||
           (rc = sandbox_new(backend, spec, &sandbox, err)));
    if (rc) {
        return rc;
    }
    sandbox->limits = make_limits(&engine);
    sandbox->podman = engine.podman;
    (void)((rc = enforce_check(&sandbox->config, backend_bits(&engine), spec->explicit_bits,
                               &facts->unenforced, err)) ||
           (rc = enforce_check_swap(&sandbox->limits, engine_is_local(backend->engine),
                                    spec->explicit_bits, &facts->unenforced, err)) ||
           (rc = launch_sandbox(sandbox, spec, &facts->unenforced, err)));
    if (rc) {
        sandbox_free(sandbox);
        kick_if_answers(backend, rc);
        return rc;
    }
    reconcile_kick(&backend->reconcile);
    rc = tell_metadata(sandbox, &engine, facts, err);
    if (rc) {
        (void)sandbox_destroy(sandbox, NULL);
        return rc;
    }
    forget_config(sandbox);
    *ret_sandbox = sandbox;
    return 0;
}

/* The agent has been told to go, which ends the container. Docker is told only when that does not
 * happen: its own way to stop is slower. Podman notices the end of a container when it looks for it,
 * four times a second, and removes it in a tenth of that. */
static int32_t end_container(struct sandbox *sandbox, int remove, struct enclave_error *err)
{
    const char *container = sandbox_container(sandbox);
    struct container_api soon = {sandbox->backend->engine, GONE_TIMEOUT_MS};
    struct container_api late = {sandbox->backend->engine, REMOVE_TIMEOUT_MS};

    if (remove && (sandbox->podman || !sandbox->config.remove_on_exit)) {
        return container_remove(&late, container, err);
    }
    if (container_wait(&soon, container, remove, NULL) == 0) {
        return 0;
    }
    return remove ? container_remove(&late, container, err) : container_kill(&late, container, err);
}

static int is_stopped(struct sandbox *sandbox)
{
    int stopped;

    pthread_mutex_lock(&sandbox->lock);
    stopped = sandbox->stopped;
    pthread_mutex_unlock(&sandbox->lock);
    return stopped;
}

int32_t sandbox_stop(struct sandbox *sandbox, struct enclave_error *err)
{
    int32_t rc = 0;

    pthread_mutex_lock(&sandbox->stop_lock);
    if (!is_stopped(sandbox)) {
        close_agent(sandbox, "the sandbox was stopped");
        rc = end_container(sandbox, sandbox->config.remove_on_exit, err);
        pthread_mutex_lock(&sandbox->lock);
        sandbox->stopped = rc == 0;
        pthread_mutex_unlock(&sandbox->lock);
    }
    pthread_mutex_unlock(&sandbox->stop_lock);
    return rc;
}

int32_t sandbox_detach(struct sandbox *sandbox, struct enclave_error *err)
{
    int32_t rc = 0;

    pthread_mutex_lock(&sandbox->stop_lock);
    if (!sandbox->lease_ms || sandbox->closed) {
        rc = enclave_error_set(err, ENCLAVE_ESTATE, "the sandbox has no lease, or was stopped");
    } else {
        agent_detach(sandbox->agent, "its manager has let go of the sandbox");
        worker_cancel(&sandbox->backend->worker, &sandbox->explain);
        sandbox->closed = 1;
        sandbox->detached = 1;
    }
    pthread_mutex_unlock(&sandbox->stop_lock);
    return rc;
}

int32_t sandbox_destroy(struct sandbox *sandbox, struct enclave_error *err)
{
    struct backend *backend = sandbox->backend;
    int32_t rc = 0;

    close_agent(sandbox, "the sandbox was deleted");
    if (!sandbox->detached && (!sandbox->stopped || !sandbox->config.remove_on_exit)) {
        rc = end_container(sandbox, 1, err);
    }
    if (rc) {
        reconcile_bury(&backend->reconcile, sandbox->name, 0);
        sandbox_lose_uid(sandbox);
    }
    sandbox_free(sandbox);
    kick_if_answers(backend, rc);
    return rc;
}

uint32_t sandbox_status(struct sandbox *sandbox)
{
    uint32_t status = ENCLAVE_STATUS_RUNNING;

    pthread_mutex_lock(&sandbox->lock);
    if (sandbox->stopped) {
        status = ENCLAVE_STATUS_STOPPED;
    } else if (sandbox->lost || !agent_alive(sandbox->agent)) {
        status = ENCLAVE_STATUS_ERROR;
    }
    pthread_mutex_unlock(&sandbox->lock);
    return status;
}

struct agent *sandbox_agent(struct sandbox *sandbox)
{
    return sandbox->agent;
}
