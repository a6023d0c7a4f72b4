/*
 * container_spec.c - see container_spec.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "container_spec.h"

#include "json_build.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCRATCH_SIZE (UINT64_C(32) << 20)
/* What every engine's own hard limit allows without CAP_SYS_RESOURCE; Podman's defaults may be above it.
 * The agent holds pipes for all executions, so it gets more than its payloads. */
#define AGENT_NOFILE 4096
#define AGENT_NPROC 4096

/* --------------------------------------------------------------------------------------- mounts */

/* Podman takes no owner, so that the agent has to give the payload its working directory; and it copies
 * into a tmpfs what the image has at that place, where Docker hides it. */
static void add_tmpfs(json_object *tmpfs, const struct container_plan *plan, const char *path,
                      uint64_t size, const char *owner, const char *mode, int *failed)
{
    char options[160];

    /* Engines mount with noexec unless told otherwise; programs are built and run in there. */
    (void)snprintf(options, sizeof options, "rw,exec,nosuid,nodev,size=%" PRIu64 "%s,mode=%s", size,
                   plan->podman ? ",notmpcopyup" : owner, mode);
    json_add_string(tmpfs, path, options, failed);
}

/* With a read-only root, Podman mounts writable tmpfs of any size here. */
static void close_podman_tmpfs(json_object *tmpfs, const struct container_plan *plan, int *failed)
{
    static const char *const paths[] = {"/run", "/var/tmp"};

    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        if (plan->podman && plan->sandbox.config->read_only_root &&
            !sandbox_config_in_volume(plan->sandbox.config, paths[i])) {
            json_add_string(tmpfs, paths[i], "ro,nosuid,nodev,noexec,size=4096,notmpcopyup",
                            failed);
        }
    }
}

static json_object *make_tmpfs(const struct container_plan *plan, int *failed)
{
    const struct sandbox_config *config = plan->sandbox.config;
    json_object *tmpfs = json_object_new_object();
    char owner[64];

    close_podman_tmpfs(tmpfs, plan, failed);
    add_tmpfs(tmpfs, plan, SANDBOX_SCRATCH_DIR, SCRATCH_SIZE, "", "0755", failed);
    if (!sandbox_config_in_volume(config, "/tmp")) {
        add_tmpfs(tmpfs, plan, "/tmp", config->tmp_size, "", "1777", failed);
    }
    /* A working directory that is one of those above takes its entry's place. */
    if (!sandbox_config_in_volume(config, config->working_dir)) {
        (void)snprintf(owner, sizeof owner, ",uid=%" PRIu32 ",gid=%" PRIu32, plan->sandbox.uid,
                       plan->sandbox.gid);
        add_tmpfs(tmpfs, plan, config->working_dir, config->workdir_size, owner, "0700", failed);
    }
    return tmpfs;
}

/* `Mounts` and not `Binds`: the latter makes a missing folder of the host. */
static void add_mount(json_object *mounts, const char *type, const char *source, const char *target,
                      int read_only, int *failed)
{
    json_object *mount = json_object_new_object();

    json_add_string(mount, "Type", type, failed);
    if (source) {
        json_add_string(mount, "Source", source, failed);
    }
    json_add_string(mount, "Target", target, failed);
    json_add_bool(mount, "ReadOnly", read_only, failed);
    json_append(mounts, mount, failed);
}

static json_object *make_mounts(const struct container_plan *plan, int *failed)
{
    json_object *mounts = json_object_new_array();

    if (plan->agent_source) {
        add_mount(mounts, "bind", plan->agent_source, SANDBOX_AGENT_PATH, 1, failed);
    } else {
        add_mount(mounts, "volume", NULL, SANDBOX_AGENT_DIR, 0, failed);
    }
    for (size_t i = 0; i < plan->sandbox.config->volume_count; i++) {
        const struct sandbox_volume *volume = &plan->sandbox.config->volumes[i];

        add_mount(mounts, "bind", volume->source, volume->target, volume->read_only, failed);
    }
    return mounts;
}

/* --------------------------------------------------------------------------------------- limits */

static void add_ulimit(json_object *ulimits, const char *name, uint64_t limit, int *failed)
{
    json_object *ulimit = json_object_new_object();

    json_add_string(ulimit, "Name", name, failed);
    json_add_int(ulimit, "Soft", limit, failed);
    json_add_int(ulimit, "Hard", limit, failed);
    json_append(ulimits, ulimit, failed);
}

static void add_limits(json_object *host, const struct container_plan *plan, int *failed)
{
    const struct sandbox_config *config = plan->sandbox.config;
    json_object *ulimits = json_object_new_array();

    if (plan->sandbox.limits.memory) {
        json_add_int(host, "Memory", config->memory, failed);
        if (plan->sandbox.limits.swap) {
            json_add_int(host, "MemorySwap", config->memory, failed); /* memory plus swap */
        } else if (plan->sandbox.limits.cgroup_version == 1) {
            json_add_int(host, "MemorySwappiness", 0, failed); /* unaccounted: then none at all */
        }
    }
    if (plan->sandbox.limits.cpu) {
        /* Not NanoCpus: that is refused above the number of the host's processors. */
        json_add_int(host, "CpuPeriod", SANDBOX_CPU_PERIOD_US, failed);
        json_add_int(host, "CpuQuota", config->cpu_quota_us, failed);
    }
    if (plan->sandbox.limits.pids) {
        json_add_int(host, "PidsLimit", config->pids, failed);
    }
    add_ulimit(ulimits, "nofile", config->nofile > AGENT_NOFILE ? config->nofile : AGENT_NOFILE,
               failed);
    add_ulimit(ulimits, "nproc", config->pids > AGENT_NPROC ? config->pids : AGENT_NPROC, failed);
    add_ulimit(ulimits, "core", 0, failed);
    json_add(host, "Ulimits", ulimits, failed);
    json_add_int(host, "ShmSize", config->shm_size, failed);
}

/* -------------------------------------------------------------------------------------- network */

static int valid_port(int64_t port)
{
    return port >= 0 && port <= 65535;
}

/* "8888/tcp", "53/udp", or "8888", which is tcp; written into `key`. */
static int normalize_port(const char *name, char key[32])
{
    char *end;
    unsigned long port = strtoul(name, &end, 10);

    if (*name < '0' || *name > '9' || port == 0 || port > 65535) {
        return -1;
    }
    if (*end == '\0') {
        end = (char *)"/tcp";
    }
    if (strcmp(end, "/tcp") != 0 && strcmp(end, "/udp") != 0 && strcmp(end, "/sctp") != 0) {
        return -1;
    }
    (void)snprintf(key, 32, "%lu%s", port, end);
    return 0;
}

/* `value` is 8888, null (any free port), or ["127.0.0.1", 8888]. Without an address only this host
 * reaches the port: what a payload serves is not for the network unless that is asked for. */
static json_object *make_binding(json_object *value, int *failed)
{
    json_object *binding;
    json_object *port = value;
    const char *address = "127.0.0.1";
    char text[16] = "";

    if (json_object_is_type(value, json_type_array) && json_object_array_length(value) == 2) {
        address = json_object_get_string(json_object_array_get_idx(value, 0));
        port = json_object_array_get_idx(value, 1);
        if (!address || strspn(address, "0123456789abcdefABCDEF.:") != strlen(address)) {
            return NULL;
        }
    }
    if (port) {
        if (!json_object_is_type(port, json_type_int) || !valid_port(json_object_get_int64(port))) {
            return NULL;
        }
        (void)snprintf(text, sizeof text, "%d", json_object_get_int(port));
    }
    binding = json_object_new_object();
    json_add_string(binding, "HostIp", address, failed);
    json_add_string(binding, "HostPort", text, failed);
    return binding;
}

static int32_t add_ports(json_object *body, json_object *host, json_object *ports, int *failed,
                         struct enclave_error *err)
{
    json_object *exposed;
    json_object *bindings;

    if (!ports || json_object_object_length(ports) == 0) {
        return 0;
    }
    json_add(body, "ExposedPorts", exposed = json_object_new_object(), failed);
    json_add(host, "PortBindings", bindings = json_object_new_object(), failed);
    if (*failed) {
        return 0; /* reported once, by the caller */
    }
    json_object_object_foreach(ports, name, value)
    {
        char key[32];
        json_object *list;
        json_object *binding;

        binding = normalize_port(name, key) == 0 ? make_binding(value, failed) : NULL;
        if (!binding) {
            return enclave_error_set(
                err, ENCLAVE_EINVALID,
                "ports: '%s' must be like \"8888/tcp\": 8888 or [\"127.0.0.1\","
                " 8888]",
                name);
        }
        list = json_object_new_array();
        json_append(list, binding, failed);
        json_add(bindings, key, list, failed);
        json_add(exposed, key, json_object_new_object(), failed);
    }
    return 0;
}

static void add_hosts(json_object *host, json_object *extra_hosts, int *failed)
{
    json_object *list;

    if (!extra_hosts || json_object_object_length(extra_hosts) == 0) {
        return;
    }
    list = json_object_new_array();
    json_object_object_foreach(extra_hosts, name, value)
    {
        char *entry = NULL;

        if (asprintf(&entry, "%s:%s", name, json_object_get_string(value)) < 0) {
            *failed = 1;
            break;
        }
        json_append_string(list, entry, failed);
        free(entry);
    }
    json_add(host, "ExtraHosts", list, failed);
}

/* ------------------------------------------------------------------------------------ the whole */

static json_object *make_strings(const char *const *texts, int *failed)
{
    json_object *list = json_object_new_array();

    for (; *texts; texts++) {
        json_append_string(list, *texts, failed);
    }
    return list;
}

int container_spec_gives_working_dir(const struct container_plan *plan)
{
    const struct sandbox_config *config = plan->sandbox.config;

    return plan->podman && !sandbox_config_in_volume(config, config->working_dir);
}

static void add_security(json_object *host, const struct container_plan *plan, int *failed)
{
    static const char *const all[] = {"ALL", NULL};
    /* The agent's: become the payload's user, and end what it left. */
    static const char *const agent[] = {"SETUID", "SETGID", "KILL", NULL};
    static const char *const options[] = {"no-new-privileges", NULL};
    const struct sandbox_config *config = plan->sandbox.config;
    json_object *added;

    json_add_bool(host, "ReadonlyRootfs", config->read_only_root, failed);
    if (config->privileged) {
        json_add_bool(host, "Privileged", 1, failed);
        return;
    }
    json_add(host, "CapDrop", make_strings(all, failed), failed);
    json_add(host, "CapAdd", added = make_strings(agent, failed), failed);
    if (container_spec_gives_working_dir(plan)) {
        json_append_string(added, "CHOWN", failed);
    }
    json_add(host, "SecurityOpt", make_strings(options, failed), failed);
}

static json_object *make_host_config(const struct container_plan *plan, int *failed)
{
    const struct sandbox_config *config = plan->sandbox.config;
    json_object *host = json_object_new_object();
    json_object *log = json_object_new_object();

    json_add_string(log, "Type", "none", failed); /* the agent's stream is not for a log */
    json_add(host, "LogConfig", log, failed);
    json_add_bool(host, "AutoRemove", config->remove_on_exit, failed);
    json_add_string(host, "IpcMode", "private", failed);
    json_add_bool(host, "Init", 0, failed);
    json_add_string(host, "NetworkMode", config->network_enabled ? config->network : "none",
                    failed);
    if (config->runtime) {
        json_add_string(host, "Runtime", config->runtime, failed);
    }
    add_security(host, plan, failed);
    add_limits(host, plan, failed);
    add_hosts(host, config->extra_hosts, failed);
    json_add(host, "Tmpfs", make_tmpfs(plan, failed), failed);
    json_add(host, "Mounts", make_mounts(plan, failed), failed);
    return host;
}

static json_object *make_labels(const struct container_plan *plan, int *failed)
{
    json_object *labels = json_object_new_object();
    json_object *parts[] = {plan->sandbox.config->labels,
                            plan->labels}; /* ours come last and win */

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (!parts[i]) {
            continue;
        }
        json_object_object_foreach(parts[i], name, value)
        {
            json_add(labels, name, json_object_get(value), failed);
        }
    }
    return labels;
}

static json_object *make_body(const struct container_plan *plan, int *failed)
{
    static const char *const entrypoint[] = {SANDBOX_AGENT_PATH, NULL};
    static const char *const no_healthcheck[] = {"NONE", NULL};
    static const char *const streams[] = {"AttachStdin", "AttachStdout", "AttachStderr",
                                          "OpenStdin", NULL};
    json_object *body = json_object_new_object();
    json_object *healthcheck = json_object_new_object();

    json_add_string(body, "Image", plan->sandbox.config->image, failed);
    json_add(body, "Entrypoint", make_strings(entrypoint, failed), failed);
    json_add(body, "Cmd", json_object_new_array(), failed);
    json_add_string(body, "User", "0:0", failed);
    json_add_string(body, "WorkingDir", "/", failed);
    json_add_string(body, "StopSignal", "SIGTERM", failed);
    json_add_bool(body, "Tty", 0, failed);
    for (const char *const *stream = streams; *stream; stream++) {
        json_add_bool(body, *stream, 1, failed);
    }
    json_add_bool(body, "StdinOnce", !plan->outlives, failed);
    json_add(healthcheck, "Test", make_strings(no_healthcheck, failed), failed);
    json_add(body, "Healthcheck", healthcheck, failed);
    json_add(body, "Labels", make_labels(plan, failed), failed);
    return body;
}

int32_t container_spec_build(const struct container_plan *plan, json_object **ret_body,
                             struct enclave_error *err)
{
    int failed = 0;
    json_object *body JSON_CLEANUP = make_body(plan, &failed);
    json_object *host = make_host_config(plan, &failed);
    int32_t rc = add_ports(body, host, plan->sandbox.config->ports, &failed, err);

    json_add(body, "HostConfig", host, &failed);
    if (rc) {
        return rc;
    }
    if (failed) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
    }
    *ret_body = body;
    body = NULL;
    return 0;
}
