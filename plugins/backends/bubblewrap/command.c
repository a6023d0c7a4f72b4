/*
 * command.c - see command.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "command.h"

#include "filter.h" /* made by filter_gen.c */
#include "root.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SCRATCH_SIZE (UINT64_C(32) << 20)

static void add_namespaces(struct arguments *a, const struct command_plan *plan)
{
    arguments_add(a, "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup", NULL);
    if (!plan->sandbox.config->network_enabled) {
        arguments_add(a, "--unshare-net", NULL);
    }
    if (!plan->mapped) {
        arguments_add(a, "--unshare-user", "--uid", NULL);
        arguments_add_format(a, "%" PRIu32, plan->sandbox.uid);
        arguments_add(a, "--gid", NULL);
        arguments_add_format(a, "%" PRIu32, plan->sandbox.gid);
    }
    arguments_add(a, "--hostname", plan->id, "--as-pid-1", "--die-with-parent", "--new-session",
                  NULL);
}

/* SETUID and SETGID make payloads another user, KILL ends them. CHOWN and SETPCAP the agent gives up
 * before there is one: it hands over the working directory and empties the bounding set. */
static void add_capabilities(struct arguments *a, const struct command_plan *plan)
{
    static const char *const names[] = {"CAP_SETUID", "CAP_SETGID", "CAP_KILL", "CAP_CHOWN",
                                        "CAP_SETPCAP"};

    arguments_add(a, "--cap-drop", "ALL", NULL);
    for (size_t i = 0; plan->mapped && i < sizeof names / sizeof *names; i++) {
        arguments_add(a, "--cap-add", names[i], NULL);
    }
}

static void add_environment(struct arguments *a, const struct command_plan *plan)
{
    arguments_add(a, "--clearenv", "--setenv", "PATH",
                  "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL);
    if (!plan->env) {
        arguments_add(a, "--setenv", "LANG", "C.UTF-8", NULL);
        return;
    }
    for (char *const *variable = plan->env; *variable; variable++) {
        const char *value = strchr(*variable, '=');

        if (value && value != *variable) {
            arguments_add(a, "--setenv", NULL);
            arguments_add_format(a, "%.*s", (int)(value - *variable), *variable);
            arguments_add_format(a, "%s", value + 1);
        }
    }
}

/* --------------------------------------------------------------------------------------- mounts */

static void add_file(struct arguments *a, const char *path, const char *text)
{
    arguments_add(a, "--perms", "0644", "--file", NULL);
    arguments_add_data(a, text, strlen(text));
    arguments_add(a, path, NULL);
}

/* Names for the ids of the sandbox, and for itself. */
static void add_names(struct arguments *a, const struct command_plan *plan)
{
    const struct sandbox_plan *sandbox = &plan->sandbox;
    char *passwd = NULL;
    char *group = NULL;
    char *hosts = NULL;
    char *hostname = NULL;

    if (asprintf(&passwd,
                 "root:x:0:0:root:/:/usr/sbin/nologin\n"
                 "sandbox:x:%" PRIu32 ":%" PRIu32 "::%s:/bin/sh\n"
                 "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
                 sandbox->uid, sandbox->gid, sandbox->config->working_dir) < 0 ||
        asprintf(&group, "root:x:0:\nsandbox:x:%" PRIu32 ":\nnogroup:x:65534:\n", sandbox->gid) <
            0 ||
        asprintf(&hosts, "127.0.0.1 localhost %s\n::1 localhost\n", plan->id) < 0 ||
        asprintf(&hostname, "%s\n", plan->id) < 0) {
        a->failed = ENCLAVE_ENOMEM;
    } else {
        add_file(a, "/etc/passwd", passwd);
        add_file(a, "/etc/group", group);
        add_file(a, "/etc/hosts", hosts);
        add_file(a, "/etc/hostname", hostname);
    }
    free(passwd);
    free(group);
    free(hosts);
    free(hostname);
}

/* Folders above a mount point, for which bwrap would take the rights of what is mounted. */
static void add_parents(struct arguments *a, const char *path)
{
    for (const char *end = strchr(path + 1, '/'); end; end = strchr(end + 1, '/')) {
        arguments_add(a, "--dir", NULL);
        arguments_add_format(a, "%.*s", (int)(end - path), path);
    }
}

static void add_tmpfs(struct arguments *a, const char *path, uint64_t size, const char *mode)
{
    add_parents(a, path);
    arguments_add(a, "--perms", mode, "--size", NULL);
    arguments_add_format(a, "%" PRIu64, size);
    arguments_add(a, "--tmpfs", path, NULL);
}

/* /dev holds what bwrap puts there: null, zero, full, random, urandom, tty and a pts of its own. Message queues
 * can be made without a folder of theirs too; with it, a reset finds them. */
static void add_devices(struct arguments *a, const struct sandbox_config *config)
{
    arguments_add(a, "--dev", "/dev", NULL);
    add_tmpfs(a, "/dev/shm", config->shm_size, "1777");
    arguments_add(a, "--mqueue", "/dev/mqueue", "--remount-ro", "/dev", NULL);
}

static void add_writable(struct arguments *a, const struct command_plan *plan)
{
    const struct sandbox_config *config = plan->sandbox.config;

    add_tmpfs(a, SANDBOX_SCRATCH_DIR, SCRATCH_SIZE, "0755");
    if (!sandbox_config_in_volume(config, "/tmp") && strcmp(config->working_dir, "/tmp") != 0) {
        add_tmpfs(a, "/tmp", config->tmp_size, "1777");
    }
    if (!sandbox_config_in_volume(config, config->working_dir)) {
        add_tmpfs(a, config->working_dir, config->workdir_size, "0700");
    }
    for (size_t i = 0; i < config->volume_count; i++) {
        const struct sandbox_volume *volume = &config->volumes[i];

        add_parents(a, volume->target);
        arguments_add(a, volume->read_only ? "--ro-bind" : "--bind", volume->source, volume->target,
                      NULL);
    }
}

/* Payloads get a /proc of which nothing can be written. The agent has one for itself, to be less
 * liked by the out-of-memory killer than they are; not where they have its uid and could write it too. */
static void add_proc(struct arguments *a, const struct command_plan *plan)
{
    arguments_add(a, "--proc", "/proc", NULL);
    /* They name the keys of the user that the host knows the payload as. */
    arguments_add(a, "--ro-bind", "/dev/null", "/proc/keys", "--ro-bind", "/dev/null",
                  "/proc/key-users", NULL);
    arguments_add(a, "--remount-ro", "/proc", NULL);
    if (plan->mapped && plan->sandbox.uid != 0) {
        arguments_add(a, "--dir", "/run", "--perms", "0700", "--dir", SANDBOX_PRIVATE_DIR, "--proc",
                      SANDBOX_PRIVATE_DIR "/proc", NULL);
    }
}

/* What the host knows of its network, for those who share it. */
static void add_network(struct arguments *a, const struct command_plan *plan)
{
    char path[PATH_MAX];

    if (!plan->folder) {
        arguments_add(a, "--ro-bind-try", "/etc/ssl/certs", "/etc/ssl/certs", "--ro-bind-try",
                      "/etc/pki", "/etc/pki", NULL);
    }
    /* In a folder it can only be mounted over a file that is there. */
    if (!plan->folder ||
        (snprintf(path, sizeof path, "%s/etc/resolv.conf", plan->folder) < PATH_MAX &&
         access(path, F_OK) == 0)) {
        arguments_add(a, "--ro-bind-try", "/etc/resolv.conf", "/etc/resolv.conf", NULL);
    }
}

static void add_mounts(struct arguments *a, const struct command_plan *plan)
{
    static const char *const own[] = {"/proc", "/sys", "/dev", "/run", "/tmp"};
    const struct sandbox_config *config = plan->sandbox.config;
    struct root_points points = {0};
    size_t count = sizeof own / sizeof *own;

    points.list = calloc(count + config->volume_count + 1, sizeof *points.list);
    if (!points.list) {
        a->failed = ENCLAVE_ENOMEM;
        return;
    }
    memcpy(points.list, own, sizeof own);
    points.count = count;
    points.list[points.count++] = config->working_dir;
    for (size_t i = 0; i < config->volume_count; i++) {
        points.list[points.count++] = config->volumes[i].target;
    }
    if (plan->folder) {
        root_add_folder(a, plan->folder, &points);
    } else {
        root_add_host(a, &points);
        add_names(a, plan);
    }
    free(points.list);
    if (config->network_enabled) {
        add_network(a, plan);
    }
    add_proc(a, plan);
    add_devices(a, config);
    add_writable(a, plan);
    add_parents(a, "/sys/fs/cgroup/");
    a->cgroup_at = a->count;
    arguments_add(a, "--remount-ro", "/", NULL);
}

int32_t command_build(const struct command_plan *plan, struct arguments *ret_arguments,
                      struct enclave_error *err)
{
    struct arguments a = {0};
    size_t number;
    int32_t rc;

    arguments_add(&a, plan->bwrap, NULL);
    add_namespaces(&a, plan);
    add_capabilities(&a, plan);
    add_environment(&a, plan);
    add_mounts(&a, plan);
    arguments_add(&a, "--seccomp", NULL);
    arguments_add_data(&a, bubblewrap_filter, sizeof bubblewrap_filter);
    arguments_add(&a, "--chdir", "/", "--", NULL);
    /* By its descriptor: it need not lie where an unprivileged user gets to, nor be mounted. */
    number = arguments_take_fd(&a, fcntl(plan->agent_fd, F_DUPFD_CLOEXEC, 0));
    arguments_add_format(&a, "/proc/self/fd/%zu", number);
    rc = arguments_check(&a, err);
    if (rc) {
        arguments_clear(&a);
        return rc;
    }
    *ret_arguments = a;
    return 0;
}
