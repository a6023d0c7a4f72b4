/*
 * box.c - see box.h.
 *
 * A sandbox is a bwrap that waits (the monitor) and its one child, the agent, which is PID 1 of the
 * sandbox: with it, the kernel ends all others. When the monitor ends by itself, the child has been
 * reaped. When it was killed, the child is killed by the kernel (bwrap's --die-with-parent) and
 * becomes ours, since the launcher is a subreaper; one that bwrap had not prepared for that yet is
 * killed here.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "box.h"

#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILDREN_MAX 65536

/* A cgroup may be busy for a moment after its last process was reaped, and nothing tells when it is
 * not any more. */
#define BUSY_RETRY_MS 2
#define BUSY_TRIES 500

/* At the end, so often it is looked for children that were missed while they moved. */
#define END_LOOK_MS 50

enum box_state {
    BOX_RUNS,
    BOX_ORPHANED, /* the monitor was killed; what it left is not reaped yet */
    BOX_DEAD      /* only the cgroup is left */
};

struct box {
    struct box *next;
    uint64_t token;
    enum box_state state;
    pid_t monitor;
    unsigned number;
    int pipe; /* its closing tells that all is gone */
    int told; /* to end */
    int tries;
};

/* ------------------------------------------------------------------------------------ arguments */

struct argv {
    char **list;
    size_t count;
    char *paths; /* of the cgroup's mounts */
};

static void argv_clear(struct argv *argv)
{
    free(argv->list);
    free(argv->paths);
}

static void add_cgroup(struct argv *argv, const struct cgroups *cgroups, unsigned number)
{
    for (size_t i = 0; i < cgroups->count; i++) {
        char *folder = argv->paths + 2 * i * CGROUP_PATH_MAX;
        char *inside = folder + CGROUP_PATH_MAX;

        cgroup_paths(cgroups, i, number, folder, inside);
        argv->list[argv->count++] = (char *)"--ro-bind";
        argv->list[argv->count++] = folder;
        argv->list[argv->count++] = inside;
    }
}

/* 0, or -1: not what protocol.h says, or no memory. */
static int argv_make(struct argv *argv, const struct boxes *boxes, unsigned number,
                     const struct launcher_request *request, char *strings, size_t length)
{
    char *end = strings + length;
    uint32_t argc = request->argc;

    if (argc == 0 || argc > LAUNCHER_ARGS_MAX || length == 0 || end[-1] != '\0' ||
        (boxes->is_root && request->agent_id == 0)) { /* which would be the host's root */
        return -1;
    }
    argv->count = 0;
    argv->list = calloc(argc + 3 * CGROUP_HIERARCHIES + 1, sizeof *argv->list);
    argv->paths = calloc(2 * CGROUP_HIERARCHIES, CGROUP_PATH_MAX);
    if (!argv->list || !argv->paths) {
        return -1;
    }
    for (uint32_t i = 0; i < argc; i++) {
        if (strings >= end) {
            return -1;
        }
        if (i > 0 && i == request->cgroup_at) {
            add_cgroup(argv, &boxes->cgroups, number);
        }
        argv->list[argv->count++] = strings;
        strings += strlen(strings) + 1;
    }
    return 0;
}

/* ------------------------------------------------------------------------------------ the start */

static int make(struct boxes *boxes, struct box *box, const struct launcher_request *request,
                const struct child_plan *plan, const char **ret_what)
{
    int r = cgroup_make(&boxes->cgroups, box->number, request, ret_what);
    pid_t pid;

    if (r < 0) {
        return r;
    }
    pid = child_start(plan, ret_what);
    if (pid < 0) {
        (void)cgroup_remove(&boxes->cgroups, box->number);
        return pid;
    }
    box->monitor = pid;
    return 0;
}

void boxes_start(struct boxes *boxes, const struct launcher_request *request, char *strings,
                 size_t length, const int *fds, size_t fd_count)
{
    struct box *box = calloc(1, sizeof *box);
    struct argv argv = {0};
    const char *what = "understand the request";
    int r = -EINVAL;

    if (box && argv_make(&argv, boxes, boxes->last_number + 1, request, strings, length) == 0) {
        box->token = request->token;
        box->number = ++boxes->last_number;
        box->pipe = fcntl(fds[1], F_DUPFD_CLOEXEC, 0);
        r = box->pipe < 0 ? -errno
                          : make(boxes, box, request,
                                 &(struct child_plan){.request = request,
                                                      .cgroups = &boxes->cgroups,
                                                      .number = box->number,
                                                      .is_root = boxes->is_root,
                                                      .argv = argv.list,
                                                      .fds = fds,
                                                      .fd_count = fd_count},
                                 &what);
    }
    argv_clear(&argv);
    if (r == 0) {
        box->next = boxes->first;
        boxes->first = box;
        return;
    }
    dprintf(fds[1], "cannot %s: %s\n", what, strerror(-r));
    if (box && box->number && box->pipe >= 0) {
        close(box->pipe);
    }
    free(box);
}

/* -------------------------------------------------------------------------------------- the end */

/* The children of a process of ours; proc(5), /proc/PID/task/TID/children. */
static size_t children_of(pid_t pid, pid_t *ret_list, size_t max)
{
    char path[64];
    FILE *file;
    size_t count = 0;
    int child;

    (void)snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
    file = fopen(path, "re");
    while (file && count < max && fscanf(file, "%d", &child) == 1) {
        ret_list[count++] = child;
    }
    if (file) {
        (void)fclose(file);
    }
    return count;
}

static void end_box(struct box *box)
{
    pid_t child;

    box->told = 1;
    if (box->state != BOX_RUNS) {
        return;
    }
    if (children_of(box->monitor, &child, 1) == 0) {
        kill(box->monitor, SIGKILL); /* it has not come so far */
        return;
    }
    kill(child, SIGKILL);
    kill(box->monitor, SIGCONT); /* it has to see that */
}

void boxes_kill(struct boxes *boxes, uint64_t token)
{
    for (struct box *box = boxes->first; box; box = box->next) {
        if (box->token == token) {
            end_box(box);
        }
    }
}

static const struct box *box_of(const struct boxes *boxes, pid_t pid)
{
    const struct box *box = boxes->first;

    while (box && box->monitor != pid) {
        box = box->next;
    }
    return box;
}

/* Children that are nobody's monitor were a killed monitor's. Returns how many there are. */
static size_t kill_orphans(const struct boxes *boxes)
{
    static pid_t children[CHILDREN_MAX];
    size_t count = children_of(getpid(), children, CHILDREN_MAX);
    size_t orphans = 0;

    for (size_t i = 0; i < count; i++) {
        if (!box_of(boxes, children[i])) {
            kill(children[i], SIGKILL);
            orphans++;
        }
    }
    return orphans;
}

/* For whoever asks why. */
static void tell_end(const struct boxes *boxes, const struct box *box, int status)
{
    int number = WIFSIGNALED(status)         ? WTERMSIG(status)
                 : WEXITSTATUS(status) > 128 ? WEXITSTATUS(status) - 128
                                             : 0;

    if (box->told || number == 0) {
        return;
    }
    if (cgroup_oom_kills(&boxes->cgroups, box->number) > 0) {
        dprintf(box->pipe, "it was killed for lack of memory\n");
    } else {
        dprintf(box->pipe, "it was ended by signal %d\n", number);
    }
}

static void monitor_ended(struct boxes *boxes, struct box *box, int status)
{
    tell_end(boxes, box, status);
    box->monitor = 0;
    box->state = WIFSIGNALED(status) ? BOX_ORPHANED : BOX_DEAD;
}

static void reap_all(struct boxes *boxes)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        struct box *box = (struct box *)box_of(boxes, pid);

        if (box) {
            monitor_ended(boxes, box, status);
        }
    }
}

void boxes_reap(struct boxes *boxes)
{
    int orphaned = 0;

    reap_all(boxes);
    for (struct box *box = boxes->first; box; box = box->next) {
        orphaned |= box->state == BOX_ORPHANED;
    }
    if (!orphaned || kill_orphans(boxes) > 0) {
        return;
    }
    for (struct box *box = boxes->first; box; box = box->next) {
        box->state = box->state == BOX_ORPHANED ? BOX_DEAD : box->state;
    }
}

int boxes_tidy(struct boxes *boxes)
{
    int left = 0;

    for (struct box **at = &boxes->first; *at;) {
        struct box *box = *at;

        if (box->state != BOX_DEAD ||
            (cgroup_remove(&boxes->cgroups, box->number) == -EBUSY && ++box->tries < BUSY_TRIES)) {
            left |= box->state == BOX_DEAD;
            at = &box->next;
            continue;
        }
        *at = box->next;
        close(box->pipe);
        free(box);
    }
    return left ? BUSY_RETRY_MS : -1;
}

void boxes_end(struct boxes *boxes, int children)
{
    struct pollfd change = {.fd = children, .events = POLLIN};
    struct signalfd_siginfo info;

    for (struct box *box = boxes->first; box; box = box->next) {
        end_box(box);
    }
    for (;;) {
        int retry_ms;

        while (read(children, &info, sizeof info) > 0) {
        }
        boxes_reap(boxes);
        retry_ms = boxes_tidy(boxes);
        if (!boxes->first && kill_orphans(boxes) == 0) {
            break;
        }
        (void)poll(&change, 1, retry_ms > 0 ? retry_ms : END_LOOK_MS);
    }
    cgroups_close(&boxes->cgroups);
}
