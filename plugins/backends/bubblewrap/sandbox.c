/*
 * sandbox.c - see sandbox.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sandbox.h"

#include "agent_settings.h"
#include "command.h"
#include "enforce.h"
#include "images.h"
#include "json_build.h"
#include "obstacles.h"
#include "pipe_end.h"
#include "verify.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READY_TIMEOUT_MS 30000
#define TRY_TIMEOUT_MS 4000
/* For the end of a sandbox after SIGKILL; only a process that the kernel cannot end takes longer. */
#define GONE_TIMEOUT_MS 10000
#define EXPLAIN_TIMEOUT_MS 1000 /* from a loss to what is told about it */

struct sandbox {
    struct backend *backend;
    struct launcher *launcher;
    struct sandbox_config config; /* while it is made */
    struct root_choice root;
    char *id;
    uint64_t token;    /* 0: the launcher knows nothing of it */
    uint32_t agent_id; /* these are the backend's, when mapped */
    uint32_t uid;
    uint32_t gid;
    int owns_agent_id;
    int owns_uid;

    pthread_mutex_t
        stop_lock; /* one stop at a time; taken before `lock`. Guards `pipe`, `closed` */
    struct pipe_end pipe;
    int closed;
    pthread_mutex_t lock; /* guards the members below */
    struct agent *agent;  /* set once */
    int lost;
    int stopped;
    struct worker_job explain;
};

/* ---------------------------------------------------------------------------------- lost agents */

/* On the worker: what was the end of it? It may be none: an agent that answers no more is left with what
 * it was to end, so all of it is killed. `pipe` is the worker's until close_agent() has seen that this is
 * over. */
static void explain_loss(void *ctx)
{
    struct sandbox *sandbox = ctx;
    char reason[400];

    if (!pipe_end_wait(&sandbox->pipe, EXPLAIN_TIMEOUT_MS)) {
        launcher_kill(sandbox->launcher, sandbox->token);
    }
    (void)snprintf(reason, sizeof reason, "the sandbox ended%s%s",
                   sandbox->pipe.said[0] ? ": " : "", sandbox->pipe.said);
    agent_fail(sandbox->agent, reason);
}

static void on_lost(void *ctx, const char *reason)
{
    struct sandbox *sandbox = ctx;
    int connected;

    (void)reason;
    pthread_mutex_lock(&sandbox->lock);
    sandbox->lost = 1;
    connected = sandbox->agent != NULL;
    pthread_mutex_unlock(&sandbox->lock);
    if (connected) {
        worker_post(&sandbox->backend->worker, &sandbox->explain);
    }
}

static void set_agent(struct sandbox *sandbox, struct agent *agent)
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

/* -------------------------------------------------------------------------------------- the end */

/* End the stream; afterwards neither loop nor worker knows of the sandbox. Idempotent. */
static void close_agent(struct sandbox *sandbox, const char *reason)
{
    if (sandbox->agent && !sandbox->closed) {
        agent_close(sandbox->agent, reason);
        worker_cancel(&sandbox->backend->worker, &sandbox->explain);
    }
    sandbox->closed = 1;
}

/* Nothing is asked of what is inside: it is killed. */
static int32_t end_all(struct sandbox *sandbox, struct enclave_error *err)
{
    if (sandbox->token) {
        launcher_kill(sandbox->launcher, sandbox->token);
    }
    if (sandbox->pipe.fd < 0 || pipe_end_wait(&sandbox->pipe, GONE_TIMEOUT_MS)) {
        return 0;
    }
    return enclave_error_set(err, ENCLAVE_ETIMEOUT,
                             "sandbox '%s' was killed %d s ago and is still not gone", sandbox->id,
                             GONE_TIMEOUT_MS / 1000);
}

static void sandbox_free(struct sandbox *sandbox)
{
    if (!sandbox) {
        return;
    }
    agent_free(sandbox->agent);
    launcher_free(sandbox->launcher);
    if (sandbox->pipe.fd >= 0) {
        close(sandbox->pipe.fd);
    }
    if (sandbox->owns_uid) {
        uid_range_give_back(&sandbox->backend->uids, sandbox->uid);
    }
    if (sandbox->owns_agent_id) {
        uid_range_give_back(&sandbox->backend->uids, sandbox->agent_id);
    }
    sandbox_config_clear(&sandbox->config);
    root_choice_clear(&sandbox->root);
    pthread_mutex_destroy(&sandbox->stop_lock);
    pthread_mutex_destroy(&sandbox->lock);
    free(sandbox->id);
    free(sandbox);
}

int32_t sandbox_stop(struct sandbox *sandbox, struct enclave_error *err)
{
    int32_t rc = 0;

    pthread_mutex_lock(&sandbox->stop_lock);
    close_agent(sandbox, "the sandbox was stopped");
    rc = end_all(sandbox, err);
    pthread_mutex_lock(&sandbox->lock);
    sandbox->stopped = rc == 0;
    pthread_mutex_unlock(&sandbox->lock);
    pthread_mutex_unlock(&sandbox->stop_lock);
    return rc;
}

int32_t sandbox_destroy(struct sandbox *sandbox, struct enclave_error *err)
{
    int32_t rc;

    close_agent(sandbox, "the sandbox was deleted");
    rc = end_all(sandbox, err);
    if (rc) { /* it may still run: nobody else is to get its uids */
        sandbox->owns_uid = sandbox->owns_agent_id = 0;
    }
    sandbox_free(sandbox);
    return rc;
}

/* ----------------------------------------------------------------------------- making an object */

static int is_mapped(const struct sandbox *sandbox)
{
    return launcher_facts(sandbox->launcher)->is_root != 0;
}

/* Root gives each sandbox an agent and a payload that nobody else on the host is. An ordinary user has only
 * himself, under whatever number is wanted. */
static int32_t assign_ids(struct sandbox *sandbox, struct enclave_error *err)
{
    const struct sandbox_config *config = &sandbox->config;
    struct uid_range *uids = &sandbox->backend->uids;
    int32_t rc;

    sandbox->uid = config->has_user ? config->uid : geteuid();
    sandbox->gid = config->has_user ? config->gid : getegid();
    if (!is_mapped(sandbox)) {
        return 0;
    }
    rc = uid_range_take(uids, &sandbox->agent_id, err);
    sandbox->owns_agent_id = rc == 0;
    if (!rc && !config->has_user) {
        rc = uid_range_take(uids, &sandbox->uid, err);
        sandbox->owns_uid = rc == 0;
        sandbox->gid = sandbox->uid;
    }
    return rc;
}

static int valid_id(const char *id)
{
    return id && *id && *id != '-' && *id != '_' && strlen(id) < ENCLAVE_ID_SIZE &&
           strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-_") == strlen(id);
}

static int by_target(const void *a, const void *b)
{
    const struct sandbox_volume *x = a;
    const struct sandbox_volume *y = b;

    return strcmp(x->target, y->target);
}

static int32_t read_config(struct sandbox *sandbox, const struct enclave_sandbox_spec *spec,
                           struct enclave_error *err)
{
    struct sandbox_config *config = &sandbox->config;
    int32_t rc = sandbox_config_parse(spec->config, config, err);

    if (rc) {
        return rc;
    }
    if (config->volume_count > 1) { /* a folder before what is mounted in it */
        qsort(config->volumes, config->volume_count, sizeof *config->volumes, by_target);
    }
    return images_choose(sandbox->backend->options, config->image, spec, &sandbox->root, err);
}

static int32_t sandbox_new(struct backend *backend, const struct enclave_sandbox_spec *spec,
                           struct sandbox **ret_sandbox, struct enclave_error *err)
{
    struct sandbox *sandbox;
    int32_t rc;

    if (!valid_id(spec->id) || !spec->config) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "invalid sandbox id or configuration");
    }
    sandbox = calloc(1, sizeof *sandbox);
    if (!sandbox || !(sandbox->id = strdup(spec->id))) {
        free(sandbox);
        return enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
    }
    sandbox->backend = backend;
    sandbox->pipe.fd = -1;
    pthread_mutex_init(&sandbox->stop_lock, NULL);
    pthread_mutex_init(&sandbox->lock, NULL);
    sandbox->explain = (struct worker_job){.run = explain_loss, .ctx = sandbox};
    (void)((rc = backend_prepare(backend, &sandbox->launcher, err)) ||
           (rc = read_config(sandbox, spec, err)) || (rc = assign_ids(sandbox, err)));
    if (rc) {
        sandbox_free(sandbox);
        return rc;
    }
    *ret_sandbox = sandbox;
    return 0;
}

/* ----------------------------------------------------------------------------------- the launch */

static struct sandbox_plan make_plan(const struct sandbox *sandbox)
{
    return (struct sandbox_plan){
        .config = &sandbox->config,
        .limits = backend_limits(launcher_facts(sandbox->launcher)),
        .uid = sandbox->uid,
        .gid = sandbox->gid,
    };
}

static struct launcher_request make_request(const struct sandbox *sandbox)
{
    const struct launcher_hello *hello = launcher_facts(sandbox->launcher);
    const struct sandbox_config *config = &sandbox->config;

    return (struct launcher_request){
        .agent_id = sandbox->agent_id,
        .uid = sandbox->uid,
        .gid = sandbox->gid,
        .memory = hello->memory ? config->memory : 0,
        .pids = hello->pids ? config->pids : 0,
        .cpu_quota_us = hello->cpu ? config->cpu_quota_us : 0,
        .cpu_period_us = SANDBOX_CPU_PERIOD_US,
    };
}

static int32_t send_start(struct sandbox *sandbox, int stream, int pipe, struct enclave_error *err)
{
    struct command_plan plan = {.sandbox = make_plan(sandbox),
                                .id = sandbox->id,
                                .bwrap = sandbox->backend->bwrap,
                                .folder = sandbox->root.image.rootfs,
                                .env = sandbox->root.image.env,
                                .mapped = is_mapped(sandbox),
                                .agent_fd = sandbox->backend->agent_fd};
    struct launcher_request request = make_request(sandbox);
    struct arguments arguments;
    int32_t rc = command_build(&plan, &arguments, err);

    if (rc) {
        return rc;
    }
    rc =
        launcher_start(sandbox->launcher, &request, &arguments, stream, pipe, &sandbox->token, err);
    arguments_clear(&arguments);
    return rc;
}

/* Have it started; `*ret_stream` is our end of the agent's stream. */
static int32_t start(struct sandbox *sandbox, int *ret_stream, struct enclave_error *err)
{
    int stream[2] = {-1, -1};
    int pipe[2] = {-1, -1};
    int32_t rc;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, stream) < 0 ||
        pipe2(pipe, O_CLOEXEC | O_NONBLOCK) < 0) {
        rc = enclave_error_set(err, ENCLAVE_EIO, "make a sandbox's stream: %s", strerror(errno));
    } else {
        rc = send_start(sandbox, stream[1], pipe[1], err);
    }
    if (rc) {
        close(stream[0]);
        close(pipe[0]);
    } else {
        *ret_stream = stream[0];
        sandbox->pipe.fd = pipe[0];
    }
    close(stream[1]);
    close(pipe[1]);
    return rc;
}

static int32_t connect_agent(struct sandbox *sandbox, int stream, int64_t timeout_ms, int cancel_fd,
                             char **ret_facts, struct enclave_error *err)
{
    struct agent_transport transport = agent_transport_socket(stream, 0);
    struct agent_settings settings;
    struct agent *agent = NULL;
    int32_t rc = agent_settings_make(&sandbox->config, &settings, err);

    if (rc) {
        transport.close(transport.ctx);
        return rc;
    }
    rc = agent_connect(sandbox->backend->loop, &transport,
                       &(struct agent_config){
                           .uid = sandbox->uid,
                           .gid = sandbox->gid,
                           .working_dir = sandbox->config.working_dir,
                           .scratch_dir = SANDBOX_SCRATCH_DIR,
                           .env = (const char *const *)settings.env,
                           .checks = settings.checks,
                           .rlimits = settings.rlimits,
                           .rlimit_count = sizeof settings.rlimits / sizeof *settings.rlimits,
                           .ready_timeout_ms = timeout_ms,
                           .cancel_fd = cancel_fd,
                           .lost = on_lost,
                           .lost_ctx = sandbox,
                       },
                       &agent, ret_facts, err);
    agent_settings_clear(&settings);
    if (!rc) {
        set_agent(sandbox, agent);
    } else if (rc == ENCLAVE_ELOST) { /* it did not come so far: somebody said why */
        (void)pipe_end_wait(&sandbox->pipe, EXPLAIN_TIMEOUT_MS);
        rc = obstacles_explain(sandbox->pipe.said, err);
    }
    return rc;
}

static int32_t launch(struct sandbox *sandbox, const struct enclave_sandbox_spec *spec,
                      int64_t timeout_ms, uint64_t *unenforced, struct enclave_error *err)
{
    struct sandbox_plan plan = make_plan(sandbox);
    uint64_t unshown = 0;
    char *facts = NULL;
    int stream;
    int32_t rc;

    (void)((rc = start(sandbox, &stream, err)) ||
           (rc = connect_agent(sandbox, stream, timeout_ms, spec->cancel_fd, &facts, err)) ||
           (rc = verify_facts(&plan, facts, spec->explicit_bits, &unshown, err)));
    free(facts);
    *unenforced |= unshown;
    return rc;
}

/* ------------------------------------------------------------------------------------ the whole */

static int32_t tell_metadata(const struct sandbox *sandbox,
                             const struct enclave_sandbox_facts *facts, struct enclave_error *err)
{
    json_object *object JSON_CLEANUP = json_object_new_object();
    int failed = 0;

    json_add_string(object, "engine", "bubblewrap", &failed);
    json_add_string(object, "rootfs", root_kind_name(sandbox->root.kind), &failed);
    if (sandbox->root.image.rootfs) {
        json_add_string(object, "rootfs_path", sandbox->root.image.rootfs, &failed);
    }
    if (sandbox->root.kind == ROOT_IMAGE) {
        json_add_string(object, "image", sandbox->config.image, &failed);
    }
    if (sandbox->root.image.digest) {
        json_add_string(object, "image_digest", sandbox->root.image.digest, &failed);
    }
    json_add_int(object, "uid", sandbox->uid, &failed);
    json_add_int(object, "gid", sandbox->gid, &failed);
    json_add_string(object, "network", sandbox->config.network_enabled ? "host" : "none", &failed);
    json_add_int(object, "cgroup_version", launcher_facts(sandbox->launcher)->cgroup_version,
                 &failed);
    return json_report(failed ? NULL : object, facts->metadata, err);
}

static int32_t check_cancelled(const struct enclave_sandbox_spec *spec, struct enclave_error *err)
{
    struct pollfd poll_fd = {.fd = spec->cancel_fd, .events = POLLIN};

    return spec->cancel_fd >= 0 && poll(&poll_fd, 1, 0) == 1
               ? enclave_error_set(err, ENCLAVE_ECANCELLED, "cancelled")
               : 0;
}

/* There is one network to give, the host's, and only where that was allowed. */
static int32_t check_network(const struct sandbox *sandbox, struct enclave_error *err)
{
    const struct sandbox_config *config = &sandbox->config;

    if (config->network_enabled && !sandbox->backend->share_network) {
        return enclave_error_set(err, ENCLAVE_ENOTSUP,
                                 "bubblewrap has no network but the host's own: allow it with"
                                 " share_network = true in [backend bubblewrap]");
    }
    return 0;
}

static int32_t create(struct backend *backend, const struct enclave_sandbox_spec *spec,
                      int64_t timeout_ms, struct enclave_sandbox_facts *facts,
                      struct sandbox **ret_sandbox, struct enclave_error *err)
{
    struct sandbox *sandbox = NULL;
    struct sandbox_plan plan;
    int32_t rc;

    (void)((rc = check_cancelled(spec, err)) || (rc = sandbox_new(backend, spec, &sandbox, err)));
    if (rc) {
        return rc;
    }
    plan = make_plan(sandbox);
    (void)((rc = check_network(sandbox, err)) ||
           (rc = enforce_check(&sandbox->config,
                               backend_bits(backend, launcher_facts(sandbox->launcher)),
                               spec->explicit_bits, &facts->unenforced, err)) ||
           (rc = enforce_check_swap(&plan.limits, 1, spec->explicit_bits, &facts->unenforced,
                                    err)) ||
           (rc = launch(sandbox, spec, timeout_ms, &facts->unenforced, err)) ||
           (rc = tell_metadata(sandbox, facts, err)));
    if (rc) {
        (void)sandbox_destroy(sandbox, NULL);
        return rc;
    }
    /* The host's programs are seen by design; that they are is told. */
    facts->unenforced |= sandbox->root.kind == ROOT_HOST ? ENCLAVE_CAN_OWN_FILES : 0;
    sandbox_config_clear(&sandbox->config); /* most of what a sandbox would take here */
    root_choice_clear(&sandbox->root);
    *ret_sandbox = sandbox;
    return 0;
}

int32_t sandbox_create(struct backend *backend, const struct enclave_sandbox_spec *spec,
                       struct enclave_sandbox_facts *facts, struct sandbox **ret_sandbox,
                       struct enclave_error *err)
{
    return create(backend, spec, READY_TIMEOUT_MS, facts, ret_sandbox, err);
}

int32_t sandbox_try(struct backend *backend, struct enclave_error *err)
{
    const struct enclave_sandbox_spec spec = {
        .size = sizeof spec, .cancel_fd = -1, .id = "probe", .config = "{}"};
    struct enclave_sandbox_facts facts = {.size = sizeof facts};
    struct sandbox *sandbox;
    int32_t rc = create(backend, &spec, TRY_TIMEOUT_MS, &facts, &sandbox, err);

    return rc ? rc : sandbox_destroy(sandbox, err);
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
