/*
 * launch.c - see launch.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "launch.h"

#include "agent_settings.h"
#include "agent_volume.h"
#include "json_build.h"
#include "labels.h"
#include "sandbox_object.h"
#include "verify.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define READY_TIMEOUT_MS 30000
/* Less when it is a trial: something else than our agent may lie at that path of the host. */
#define READY_TRIAL_TIMEOUT_MS 10000
#define REMOVE_TIMEOUT_MS 10000
/* When a caller has given up, or has waited in vain already. */
#define REMOVE_SOON_TIMEOUT_MS 2000

static struct container_plan make_plan(const struct sandbox *sandbox, const char *agent_source,
                                       json_object *labels)
{
    return (struct container_plan){
        .sandbox = {.config = &sandbox->config,
                    .limits = sandbox->limits,
                    .uid = sandbox->uid,
                    .gid = sandbox->gid},
        .agent_source = agent_source,
        .labels = labels,
        .podman = sandbox->podman,
        .outlives = sandbox->lease_ms != 0,
    };
}

/* Take over `transport`; `*ret_facts` is freed by the caller. */
static int32_t connect_agent(struct sandbox *sandbox, const struct agent_transport *transport,
                             int64_t timeout_ms, int cancel_fd, char **ret_facts,
                             struct enclave_error *err)
{
    const struct sandbox_config *config = &sandbox->config;
    struct container_plan plan = make_plan(sandbox, NULL, NULL);
    struct agent_settings settings;
    struct agent *agent = NULL;
    int32_t rc = agent_settings_make(config, &settings, err);

    if (rc) {
        transport->close(transport->ctx);
        return rc;
    }
    rc = agent_connect(sandbox->backend->loop, transport,
                       &(struct agent_config){
                           .uid = sandbox->uid,
                           .gid = sandbox->gid,
                           .privileged = config->privileged,
                           .give_working_dir = container_spec_gives_working_dir(&plan),
                           .working_dir = config->working_dir,
                           .scratch_dir = SANDBOX_SCRATCH_DIR,
                           .env = (const char *const *)settings.env,
                           .checks = settings.checks,
                           .rlimits = settings.rlimits,
                           .rlimit_count = sizeof settings.rlimits / sizeof *settings.rlimits,
                           .ready_timeout_ms = timeout_ms,
                           .cancel_fd = cancel_fd,
                           .lease_ms = sandbox->lease_ms,
                           .token = *sandbox->token ? sandbox->token : NULL,
                           .lost = sandbox_on_lost,
                           .lost_ctx = sandbox,
                       },
                       &agent, ret_facts, err);
    agent_settings_clear(&settings);
    if (!rc) {
        sandbox_set_agent(sandbox, agent);
    }
    return rc;
}

/* -------------------------------------------------------------------------------- the container */

/* One attempt at making a container with a ready agent. */
struct launch {
    struct sandbox *sandbox;
    const struct enclave_sandbox_spec *spec;
    enum agent_mount mount; /* AUTO: by bind, as a trial */
    int agent_suspect;      /* it failed in a way that a wrong agent would explain */
    uint64_t unenforced;    /* of what is not explicit, what could not be shown to be so */
    int made;               /* there may be a container */
    int uncertain;          /* ... and there may be one later: the engine did not answer */
};

static int is_cancelled(const struct enclave_sandbox_spec *spec)
{
    struct pollfd poll_fd = {.fd = spec->cancel_fd, .events = POLLIN};

    return spec->cancel_fd >= 0 && poll(&poll_fd, 1, 0) == 1;
}

int32_t launch_check_cancelled(const struct enclave_sandbox_spec *spec, struct enclave_error *err)
{
    return is_cancelled(spec) ? enclave_error_set(err, ENCLAVE_ECANCELLED, "cancelled") : 0;
}

static int32_t build_request(const struct launch *launch, json_object **ret_body,
                             struct enclave_error *err)
{
    const struct sandbox *sandbox = launch->sandbox;
    const char *source = launch->mount == AGENT_MOUNT_UPLOAD ? NULL : sandbox->backend->agent_path;
    json_object *labels JSON_CLEANUP =
        labels_make(sandbox->backend->host->instance, sandbox->backend->brand->engine.name,
                    sandbox->id, !sandbox->config.remove_on_exit, sandbox->token);
    struct container_plan plan = make_plan(sandbox, source, labels);

    if (!labels) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
    }
    return container_spec_build(&plan, ret_body, err);
}

static int32_t pull_image(const struct launch *launch, struct enclave_error *err)
{
    const struct sandbox_config *config = &launch->sandbox->config;
    struct backend *backend = launch->sandbox->backend;

    if (!backend->pull_missing) {
        return enclave_error_set(err, ENCLAVE_ENOTFOUND,
                                 "image '%s' is not here, and pull = never: pull it first",
                                 config->image);
    }
    return engine_pull(backend->engine, config->image, config->platform, launch->spec->progress,
                       launch->spec->progress_ctx, launch->spec->cancel_fd, err);
}

static int32_t create(const struct launch *launch, json_object *body, int *ret_no_image,
                      struct enclave_error *err)
{
    struct sandbox *sandbox = launch->sandbox;

    return container_create(&sandbox->backend->api, sandbox->name, sandbox->config.platform, body,
                            launch->spec->cancel_fd, sandbox->container_id, ret_no_image, err);
}

/* What Podman has built or loaded without a registry in its name is in its registry "localhost", where
 * the Docker-compatible API does not look. `*no_image` stays when it is not there either. */
static int32_t create_of_localhost(const struct launch *launch, json_object *body, int *no_image,
                                   struct enclave_error *err)
{
    const char *image = launch->sandbox->config.image;
    json_object *local;
    char *name = NULL;
    int32_t rc;

    if (asprintf(&name, "localhost/%s", image) < 0) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
    }
    local = json_object_new_string(name);
    free(name);
    if (!local || json_object_object_add(body, "Image", local) != 0) {
        json_object_put(local);
        return enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
    }
    rc = create(launch, body, no_image, err);
    json_object_object_add(body, "Image", json_object_new_string(image));
    return rc;
}

/* Podman makes a missing folder of the host, as root where it is root's. What is not here may yet be there
 * for an engine that sees other files, of which only the user can know. */
static int32_t check_volumes(const struct launch *launch, struct enclave_error *err)
{
    const struct sandbox *sandbox = launch->sandbox;
    struct stat st;

    if (!sandbox->podman || backend_agent_mount(sandbox->backend) == AGENT_MOUNT_UPLOAD) {
        return 0;
    }
    for (size_t i = 0; i < sandbox->config.volume_count; i++) {
        const char *source = sandbox->config.volumes[i].source;

        if (stat(source, &st) != 0 && (errno == ENOENT || errno == ENOTDIR)) {
            return enclave_error_set(err, ENCLAVE_EINVALID,
                                     "volumes: '%s' does not exist here; where the engine sees"
                                     " other files than this program, set agent_mount = upload",
                                     source);
        }
    }
    return 0;
}

static int32_t make_container(struct launch *launch, struct enclave_error *err)
{
    struct sandbox *sandbox = launch->sandbox;
    struct backend *backend = sandbox->backend;
    json_object *body JSON_CLEANUP = NULL;
    int no_image = 0;
    int32_t rc = build_request(launch, &body, err);

    if (rc) {
        return rc;
    }
    launch->made = 1;
    /* Asked for first and pulled when missing: asking whether it is there would be one more trip.
     */
    rc = create(launch, body, &no_image, err);
    if (rc && no_image && sandbox->podman && engine_image_is_short(sandbox->config.image)) {
        rc = create_of_localhost(launch, body, &no_image, err);
    }
    if (rc && no_image) {
        rc = pull_image(launch, err);
        if (!rc) {
            rc = create(launch, body, &no_image, err);
        }
    }
    launch->uncertain =
        rc == ENCLAVE_ETIMEOUT || rc == ENCLAVE_EUNREACHABLE || rc == ENCLAVE_ECANCELLED;
    if (rc && err && backend->agent_path && strstr(err->message, backend->agent_path)) {
        launch->agent_suspect = 1;
    }
    return rc;
}

static int32_t fill_container(const struct launch *launch, struct enclave_error *err)
{
    struct sandbox *sandbox = launch->sandbox;
    void *tar;
    size_t length;
    int32_t rc;

    if (launch->mount != AGENT_MOUNT_UPLOAD) {
        return 0;
    }
    rc = agent_volume_tar(sandbox->backend->agent_path, SANDBOX_AGENT_NAME, &tar, &length, err);
    if (rc) {
        return rc;
    }
    rc = container_upload(&sandbox->backend->api, sandbox->name, SANDBOX_AGENT_DIR, tar, length,
                          launch->spec->cancel_fd, err);
    free(tar);
    return rc;
}

/* Attached before it is started: nothing of the stream is missed, and should this process die in
 * between, the agent finds its stream at its end and leaves. */
static int32_t start_container(struct launch *launch, struct agent_transport *ret_transport,
                               struct enclave_error *err)
{
    struct sandbox *sandbox = launch->sandbox;
    const struct container_api *api = &sandbox->backend->api;
    struct agent_transport transport;
    int32_t rc = container_attach(api, sandbox->name, launch->spec->cancel_fd, &transport, err);

    if (rc) {
        return rc;
    }
    rc = container_start(api, sandbox->name, launch->spec->cancel_fd, err);
    if (rc) {
        launch->agent_suspect = err && strstr(err->message, SANDBOX_AGENT_PATH);
        transport.close(transport.ctx);
        return rc;
    }
    *ret_transport = transport;
    return 0;
}

/* Another program under the same path of the host would hardly speak as ours, but an older one of
 * ours would. */
static int32_t check_build(const char *facts, struct enclave_error *err)
{
    char build[64];

    if (agent_fact(facts, "build", build, sizeof build) != 0) {
        (void)snprintf(build, sizeof build, "unknown");
    }
    if (strcmp(build, ENCLAVE_VERSION_STRING) == 0) {
        return 0;
    }
    return enclave_error_set(err, ENCLAVE_EPROTOCOL,
                             "the agent in the sandbox is version %s, this is %s: set agent_path",
                             build, ENCLAVE_VERSION_STRING);
}

static int32_t meet_agent(struct launch *launch, const struct agent_transport *transport,
                          struct enclave_error *err)
{
    struct container_plan plan = make_plan(launch->sandbox, NULL, NULL);
    char *facts = NULL;
    int64_t timeout_ms =
        launch->mount == AGENT_MOUNT_AUTO ? READY_TRIAL_TIMEOUT_MS : READY_TIMEOUT_MS;
    int32_t rc =
        connect_agent(launch->sandbox, transport, timeout_ms, launch->spec->cancel_fd, &facts, err);

    if (!rc) {
        rc = check_build(facts, err);
    }
    if (rc) {
        launch->agent_suspect =
            rc == ENCLAVE_ETIMEOUT || rc == ENCLAVE_ELOST || rc == ENCLAVE_EPROTOCOL;
    } else {
        rc = verify_facts(&plan.sandbox, facts, launch->spec->explicit_bits, &launch->unenforced,
                          err);
    }
    free(facts);
    return rc;
}

/* Leave nothing of an attempt that ended with `reason`. What the engine does not let go now is left
 * to the worker. */
static void undo(struct launch *launch, int32_t reason)
{
    struct sandbox *sandbox = launch->sandbox;
    int soon = reason == ENCLAVE_ETIMEOUT || is_cancelled(launch->spec);
    struct container_api api = {sandbox->backend->engine,
                                soon ? REMOVE_SOON_TIMEOUT_MS : REMOVE_TIMEOUT_MS};
    int left;

    sandbox_drop_agent(sandbox);
    if (!launch->made) {
        return;
    }
    left = container_remove(&api, sandbox_container(sandbox), NULL) != 0;
    if (left || launch->uncertain) {
        reconcile_bury(&sandbox->backend->reconcile, sandbox->name, launch->uncertain);
    }
    if (left && !launch->uncertain) { /* it may run: what is not known to be made was not started */
        sandbox_lose_uid(sandbox);
    }
}

static int32_t attempt(struct launch *launch, struct enclave_error *err)
{
    struct agent_transport transport;
    int32_t rc = 0;

    (void)((rc = check_volumes(launch, err)) || (rc = make_container(launch, err)) ||
           (rc = fill_container(launch, err)) || (rc = launch_check_cancelled(launch->spec, err)) ||
           (rc = start_container(launch, &transport, err)) ||
           (rc = meet_agent(launch, &transport, err)));
    if (rc) {
        undo(launch, rc);
    }
    return rc;
}

/* A trial of AUTO that fails as a wrong agent would is followed by one with the agent uploaded. */
int32_t launch_sandbox(struct sandbox *sandbox, const struct enclave_sandbox_spec *spec,
                       uint64_t *unenforced, struct enclave_error *err)
{
    struct enclave_error local = ENCLAVE_ERROR_INIT;
    struct launch launch = {
        .sandbox = sandbox, .spec = spec, .mount = backend_agent_mount(sandbox->backend)};
    int32_t rc;

    err = err ? err : &local; /* its text is looked at */
    rc = attempt(&launch, err);
    if (rc && launch.mount == AGENT_MOUNT_AUTO && launch.agent_suspect && !is_cancelled(spec)) {
        sandbox_assign_name(sandbox);
        launch = (struct launch){.sandbox = sandbox, .spec = spec, .mount = AGENT_MOUNT_UPLOAD};
        rc = attempt(&launch, err);
    }
    if (!rc) {
        *unenforced |= launch.unenforced;
        backend_settle_agent_mount(sandbox->backend, launch.mount == AGENT_MOUNT_UPLOAD
                                                         ? AGENT_MOUNT_UPLOAD
                                                         : AGENT_MOUNT_BIND);
    }
    return rc;
}
