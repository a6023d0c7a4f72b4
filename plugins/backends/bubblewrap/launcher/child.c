/*
 * child.c - see child.h.
 *
 * As root the user namespace is made here and not by bwrap, which can map one uid only: payloads
 * are to have another than the agent. The namespace has neither the host's root nor anybody else of
 * the host in it, so what bwrap does is done with an unprivileged user's rights.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIRST_OTHER_FD 3
/* Above all that a child gets, so that no descriptor is in the way of another. */
#define AWAY_FD (FIRST_OTHER_FD + LAUNCHER_FDS_MAX)

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

/* ------------------------------------------------------------------------------------ the child */

/* The stream is 0 and 1, the pipe is 2. */
static int take_fds(const struct child_plan *plan)
{
    int away[LAUNCHER_FDS_MAX];

    for (size_t i = 0; i < plan->fd_count; i++) {
        away[i] = fcntl(plan->fds[i], F_DUPFD, AWAY_FD);
        if (away[i] < 0) {
            return -1;
        }
    }
    if (dup2(away[0], 0) < 0 || dup2(away[0], 1) < 0 || dup2(away[1], 2) < 0) {
        return -1;
    }
    for (size_t i = 2; i < plan->fd_count; i++) {
        if (dup2(away[i], FIRST_OTHER_FD + (int)i - 2) < 0) {
            return -1;
        }
    }
    return (int)syscall(SYS_close_range, FIRST_OTHER_FD + (unsigned)plan->fd_count - 2, ~0u, 0u);
}

/* Root of the namespace, which is an unprivileged user. Direct calls: libc's would ask all threads
 * to follow, of which there are none. */
static int become_root_inside(void)
{
    if (syscall(SYS_setgroups, (size_t)0, NULL) < 0 || syscall(SYS_setresgid, 0, 0, 0) < 0 ||
        syscall(SYS_setresuid, 0, 0, 0) < 0) {
        return -1;
    }
    return 0;
}

static _Noreturn void run(const struct child_plan *plan, int go, pid_t parent)
{
    static char *const empty[] = {NULL};
    sigset_t none;
    char byte;

    /* Nothing before the uids are mapped and the cgroup is joined. */
    if (read(go, &byte, 1) != 1) {
        _exit(1);
    }
    if ((plan->is_root && become_root_inside() < 0) || take_fds(plan) < 0) {
        dprintf(plan->fds[1], "cannot prepare a process: %s\n", strerror(errno));
        _exit(1);
    }
    /* Until bwrap sees to that itself. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != parent) {
        _exit(1);
    }
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    execve(plan->argv[0], plan->argv, empty);
    dprintf(2, "cannot run '%s': %s\n", plan->argv[0], strerror(errno));
    _exit(1);
}

/* ----------------------------------------------------------------------------------- the parent */

static int write_proc(pid_t pid, const char *name, const char *text)
{
    char path[64];
    size_t length = strlen(text);
    int fd;
    int r = 0;

    (void)snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    if (write(fd, text, length) != (ssize_t)length) {
        r = -errno;
    }
    close(fd);
    return r;
}

static int has_kill_gid(uint32_t gid)
{
    return gid >= LAUNCHER_GIDS_FIRST && gid - LAUNCHER_GIDS_FIRST < LAUNCHER_GIDS_COUNT;
}

static int map_ids(pid_t pid, const struct launcher_request *request)
{
    char text[160];
    int n = snprintf(text, sizeof text, "0 %" PRIu32 " 1\n", request->agent_id);
    int r;

    if (request->uid != 0) {
        (void)snprintf(text + n, sizeof text - (size_t)n, "%" PRIu32 " %" PRIu32 " 1\n",
                       request->uid, request->uid);
    }
    r = write_proc(pid, "uid_map", text);
    if (r < 0) {
        return r;
    }
    n = snprintf(text, sizeof text, "0 %" PRIu32 " 1\n%u %u %u\n", request->agent_id,
                 LAUNCHER_GIDS_FIRST, LAUNCHER_GIDS_FIRST, LAUNCHER_GIDS_COUNT);
    if (request->gid != 0 && !has_kill_gid(request->gid)) {
        (void)snprintf(text + n, sizeof text - (size_t)n, "%" PRIu32 " %" PRIu32 " 1\n",
                       request->gid, request->gid);
    }
    return write_proc(pid, "gid_map", text);
}

static int prepare(const struct child_plan *plan, pid_t pid, const char **ret_what)
{
    int r = 0;

    if (plan->is_root) {
        *ret_what = "map uids into a user namespace";
        r = map_ids(pid, plan->request);
    }
    if (r == 0) {
        *ret_what = "join a cgroup";
        r = cgroup_join(plan->cgroups, plan->number, pid);
    }
    return r;
}

pid_t child_start(const struct child_plan *plan, const char **ret_what)
{
    unsigned long flags = SIGCHLD | (plan->is_root ? CLONE_NEWUSER : 0);
    pid_t parent = getpid();
    int go[2];
    pid_t pid;
    int r;

    *ret_what = "make a pipe";
    if (pipe2(go, O_CLOEXEC) < 0) {
        return -errno;
    }
    *ret_what = plan->is_root ? "make a process in a new user namespace" : "make a process";
#ifdef __s390__ /* clone(2): the first two arguments are swapped there */
    pid = (pid_t)syscall(SYS_clone, NULL, flags, NULL, NULL, 0ul);
#else
    pid = (pid_t)syscall(SYS_clone, flags, NULL, NULL, NULL, 0ul);
#endif
    r = pid < 0 ? -errno : 0;
    if (pid == 0) {
        close(go[1]);
        run(plan, go[0], parent);
    }
    close(go[0]);
    if (pid > 0) {
        r = prepare(plan, pid, ret_what);
    }
    if (r == 0 && write(go[1], "", 1) != 1) {
        r = -EPIPE;
    }
    close(go[1]);
    if (r < 0 && pid > 0) { /* it has read the end of the pipe, or soon will */
        (void)waitpid(pid, NULL, 0);
    }
    return r < 0 ? r : pid;
}
