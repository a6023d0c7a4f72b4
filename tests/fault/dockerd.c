/*
 * dockerd.c - see dockerd.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "dockerd.h"

#include "engine_query.h"
#include "program.h"
#include "support.h"

#include <dirent.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

enum { START_LIMIT_MS = 40000, STOP_LIMIT_MS = 20000 };

int dockerd_own_network(void)
{
    struct ifreq request = {.ifr_name = "lo"};
    int fd, r;

    if (unshare(CLONE_NEWNET | CLONE_NEWNS) != 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
        return -1;
    }
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    r = ioctl(fd, SIOCSIFFLAGS, &request);
    (void)close(fd);
    return r;
}

int dockerd_prepare(struct dockerd *dockerd)
{
    *dockerd = (struct dockerd){.dir = "/tmp/enclave-dockerd-XXXXXX"};
    if (!mkdtemp(dockerd->dir)) {
        return -1;
    }
    (void)snprintf(dockerd->socket, sizeof dockerd->socket, "%s/socket", dockerd->dir);
    /* Nobody else is in this network. */
    (void)snprintf(dockerd->address, sizeof dockerd->address, "tcp://127.0.0.1:2376");
    return 0;
}

static void print_log(const struct dockerd *dockerd)
{
    char log[128];
    char *argv[] = {(char[]){"tail"}, (char[]){"-n"}, (char[]){"20"}, log, NULL};

    (void)snprintf(log, sizeof log, "%s/log", dockerd->dir);
    (void)program_run(argv, NULL);
}

/* What one that was killed has left. Where nobody collects orphans, the pid of its containerd is still
 * that of a zombie, and it would wait for that one to answer. */
static void forget_pids(const struct dockerd *dockerd)
{
    char path[128];

    (void)snprintf(path, sizeof path, "%s/pid", dockerd->dir);
    (void)unlink(path);
    (void)snprintf(path, sizeof path, "%s/run/containerd/containerd.pid", dockerd->dir);
    (void)unlink(path);
}

int dockerd_start(struct dockerd *dockerd)
{
    const char *dir = dockerd->dir;
    char text[9][128], log[128];
    char *argv[24] = {text[0]};
    static const char *const plain[] = {"--bridge=none", "--iptables=false", "--ip6tables=false",
                                        "--log-level=warn", "--tlsverify"};
    size_t n = 0;
    int64_t start = now_ms();

    (void)snprintf(text[n++], 128, "dockerd");
    (void)snprintf(text[n++], 128, "--host=unix://%s", dockerd->socket);
    (void)snprintf(text[n++], 128, "--host=%s", dockerd->address);
    (void)snprintf(text[n++], 128, "--data-root=%s/data", dir);
    (void)snprintf(text[n++], 128, "--exec-root=%s/run", dir);
    (void)snprintf(text[n++], 128, "--pidfile=%s/pid", dir);
    (void)snprintf(text[n++], 128, "--tlscacert=%s/server/ca.pem", dir);
    (void)snprintf(text[n++], 128, "--tlscert=%s/server/cert.pem", dir);
    (void)snprintf(text[n++], 128, "--tlskey=%s/server/key.pem", dir);
    for (size_t i = 0; i < n; i++) {
        argv[i] = text[i];
    }
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        argv[n++] = (char *)(uintptr_t)plain[i];
    }
    (void)snprintf(log, sizeof log, "%s/log", dir);
    forget_pids(dockerd);
    dockerd->pid = program_start(argv, log, SIGTERM);
    while (dockerd->pid > 0 && !engine_answers(dockerd->socket)) {
        if (now_ms() - start > START_LIMIT_MS || program_wait(dockerd->pid, 100) >= 0) {
            print_log(dockerd);
            return -1;
        }
    }
    printf("dockerd answers after %lld ms\n", (long long)(now_ms() - start));
    return dockerd->pid > 0 ? 0 : -1;
}

void dockerd_kill(struct dockerd *dockerd)
{
    (void)kill(dockerd->pid, SIGKILL);
    (void)program_wait(dockerd->pid, STOP_LIMIT_MS);
    dockerd->pid = 0;
}

/* What is left of its processes: those whose command line names the folder, which is ours alone. */
static void kill_rest(const struct dockerd *dockerd)
{
    DIR *proc = opendir("/proc");

    for (struct dirent *entry; proc && (entry = readdir(proc));) {
        char path[300], text[4096];
        FILE *file;
        size_t n;

        (void)snprintf(path, sizeof path, "/proc/%s/cmdline", entry->d_name);
        if (entry->d_name[0] < '1' || entry->d_name[0] > '9' || !(file = fopen(path, "re"))) {
            continue;
        }
        n = fread(text, 1, sizeof text, file);
        (void)fclose(file);
        if (n > 0 && memmem(text, n, dockerd->dir, strlen(dockerd->dir))) {
            (void)kill((pid_t)strtol(entry->d_name, NULL, 10), SIGKILL);
        }
    }
    if (proc) {
        (void)closedir(proc);
    }
}

/* The last mounted below its folder; 0 when there is none. */
static int last_mount(const struct dockerd *dockerd, char path[4096])
{
    FILE *file = fopen("/proc/self/mounts", "re");
    char line[8192], at[4096];
    int found = 0;

    while (file && fgets(line, sizeof line, file)) {
        if (sscanf(line, "%*s %4095s", at) == 1 &&
            strncmp(at, dockerd->dir, strlen(dockerd->dir)) == 0) {
            memcpy(path, at, sizeof at);
            found = 1;
        }
    }
    if (file) {
        (void)fclose(file);
    }
    return found;
}

void dockerd_remove(struct dockerd *dockerd)
{
    char *argv[] = {(char[]){"rm"}, (char[]){"-rf"}, (char[]){"--one-file-system"}, dockerd->dir,
                    NULL};
    char path[4096];

    if (dockerd->pid > 0) {
        (void)kill(dockerd->pid, SIGTERM); /* takes its containerd along */
        if (program_wait(dockerd->pid, STOP_LIMIT_MS) < 0) {
            dockerd_kill(dockerd);
        }
    }
    kill_rest(dockerd);
    while (last_mount(dockerd, path) && umount2(path, MNT_DETACH) == 0) {
    }
    (void)program_run(argv, NULL);
}
