/*
 * kill.c - see kill.h.
 *
 * A process that forks while /proc is read can slip through one scan, by its child being born behind
 * the place where the reading is. So an execution is gone only when several scans in a row found
 * nothing of it. A process is told by its supplementary gid, or by being a descendant of its
 * execution's subreaper.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "kill.h"

#include "child.h"
#include "exec.h"
#include "fork_server.h"
#include "kernel.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define CLEAN_SCANS 5u

/* Something that does not die (in an uninterruptible wait) must not make the agent spin. */
#define SPIN_SCANS 300u
#define SLOW_SCAN_MS 20

/* So many scans may be unsure before the sandbox is stopped for a sure one. */
#define UNSURE_SCANS_MAX 20u

/* So often that is tried: processes of another execution that helps could wake them again. Then what
 * was to be ended may go on, and the sandbox ends instead. */
#define STOPS_MAX 100u

/* Processes that were stopped by somebody else before; more are woken with the others. */
#define STOPPED_MAX 512u

#define PROCESSES_MAX 65536u

struct process {
    pid_t pid;
    pid_t parent;
    uint32_t place; /* execution it belongs to, or EXEC_COUNT_MAX */
    bool alive;
};

/* --------------------------------------------------------------------------------------- /proc */

/* Where the value of a line of /proc/PID/status begins; `from` is at or before the line. */
static const char *status_field(const char *from, const char *name)
{
    const char *p = strstr(from, name);
    return p ? p + strlen(name) : NULL;
}

static ssize_t read_status(const struct agent *agent, pid_t pid, char *text, size_t size)
{
    char path[32];
    snprintf(path, sizeof(path), "%d/status", (int)pid);
    CLEANUP_FD int fd = openat(agent->proc_fd, path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);
    if (n > 0)
        text[n] = '\0';
    return n;
}

/* A zombie is dead, unless it is only the first thread that has ended and others go on. */
static bool status_alive(const char *text)
{
    const char *state = status_field(text, "\nState:\t");
    const char *threads = status_field(text, "\nThreads:\t");
    if (state && (*state == 'Z' || *state == 'X'))
        return threads && strtoul(threads, NULL, 10) > 1;
    return true;
}

typedef void (*process_fn)(void *ctx, pid_t pid, const char *status);

/* Show each process but the agent to `each`. Not sure (false) when one was gone before it could be
 * looked at: it may have left a child that was born behind. */
static bool for_each_process(const struct agent *agent, process_fn each, void *ctx)
{
    bool sure = true;
    char entries[32768];
    char status[4096];
    if (lseek(agent->proc_fd, 0, SEEK_SET) < 0)
        return false;
    for (;;) {
        long n = syscall(SYS_getdents64, agent->proc_fd, entries, sizeof(entries));
        if (n <= 0)
            return sure && n == 0;
        for (long at = 0; at < n;) {
            const struct kernel_dirent64 *entry = (const void *)(entries + at);
            at += entry->reclen;
            pid_t pid = (pid_t)strtol(entry->name, NULL, 10);
            if (pid <= 0 || pid == getpid())
                continue;
            if (read_status(agent, pid, status, sizeof(status)) > 0)
                each(ctx, pid, status);
            else
                sure = false;
        }
    }
}

/* -------------------------------------------------------------------------------------- by gid */

/* The gids, one after the other; `at` moves on. */
static bool next_gid(const char **at, gid_t *ret_gid)
{
    while (**at == ' ')
        ++*at;
    if (**at < '0' || **at > '9')
        return false;
    char *end;
    *ret_gid = (gid_t)strtoul(*at, &end, 10);
    *at = end;
    return true;
}

/* Not one that a fork server has: what carries its gid then is on the way to say so, and is killed once
 * it has. */
static struct exec *killed_exec_of(struct agent *agent, const char *status)
{
    const char *at = status_field(status, "\nGroups:\t");
    gid_t gid;
    while (at && next_gid(&at, &gid))
        for (size_t i = 0; i < agent->exec_high; i++) {
            struct exec *exec = &agent->execs[i];
            if (exec->id != 0 && exec->killed && !exec->wait && exec->gid == gid)
                return exec;
        }
    return NULL;
}

struct marked_scan {
    struct agent *agent;
    bool stopped; /* nothing has forked since the scan before */
    bool sure;
};

static void kill_if_marked(void *ctx, pid_t pid, const char *status)
{
    struct marked_scan *scan = ctx;
    struct exec *exec = killed_exec_of(scan->agent, status);
    if (!exec)
        return;
    if (!status_alive(status)) { /* it may have forked before it ended */
        scan->sure = scan->sure && scan->stopped;
        return;
    }
    kill(pid, SIGKILL);
    exec->clean_scans = 0;
}

static bool kill_by_gid(struct agent *agent, bool stopped)
{
    struct marked_scan scan = {.agent = agent, .stopped = stopped, .sure = true};
    return for_each_process(agent, kill_if_marked, &scan) && scan.sure;
}

struct gid_search {
    gid_t gid;
    bool found;
};

static void look_for_gid(void *ctx, pid_t pid, const char *status)
{
    struct gid_search *search = ctx;
    const char *at = status_field(status, "\nGroups:\t");
    gid_t gid;
    (void)pid;
    while (at && next_gid(&at, &gid))
        if (gid == search->gid && status_alive(status))
            search->found = true;
}

bool kill_gid_alive(const struct agent *agent, gid_t gid)
{
    struct gid_search search = {.gid = gid};
    (void)for_each_process(agent, look_for_gid, &search);
    return search.found;
}

/* ------------------------------------------------------------------------------------ by descent */

struct process_list {
    struct agent *agent;
    struct process *all;
    size_t count;
    size_t size;
};

static void note_process(void *ctx, pid_t pid, const char *status)
{
    struct process_list *list = ctx;
    const char *parent = status_field(status, "\nPPid:\t");
    if (list->count == list->size) {
        size_t size = list->size ? list->size * 2 : 256;
        struct process *grown =
            size <= PROCESSES_MAX ? realloc(list->all, size * sizeof(*grown)) : NULL;
        if (!grown)
            return; /* the next scan sees it, when fewer are left */
        list->all = grown;
        list->size = size;
    }
    list->all[list->count++] = (struct process){
        .pid = pid,
        .parent = parent ? (pid_t)strtol(parent, NULL, 10) : 0,
        .place = EXEC_COUNT_MAX,
        .alive = status_alive(status),
    };
}

static const struct process *process_by_pid(const struct process_list *list, pid_t pid)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->all[i].pid == pid)
            return &list->all[i];
    return NULL;
}

static struct exec *first_killed(struct agent *agent)
{
    for (size_t i = 0; i < agent->exec_high; i++)
        if (agent->execs[i].id != 0 && agent->execs[i].killed)
            return &agent->execs[i];
    return NULL;
}

/* The execution that `process` descends from. An orphan of the agent itself had a subreaper that a
 * payload killed: unless it is an execution's main process, it belongs to whatever is killed next. */
static struct exec *ancestor_exec(const struct process_list *list, const struct process *process)
{
    struct agent *agent = list->agent;
    struct exec *own = exec_find_pid(agent, process->pid);
    if (own && own->inherited)
        return own;
    for (size_t depth = 0; process && depth < list->count; depth++) {
        struct exec *exec = exec_find_pid(agent, process->parent);
        if (exec)
            return exec;
        if (process->parent == getpid()) {
            bool subreaper =
                exec_find_pid(agent, process->pid) || child_is_leftover(agent, process->pid, false);
            return subreaper ? NULL : first_killed(agent);
        }
        process = process_by_pid(list, process->parent);
    }
    return NULL;
}

static bool kill_descendants(struct agent *agent)
{
    struct process_list list = {.agent = agent};
    bool sure = for_each_process(agent, note_process, &list);
    for (size_t i = 0; i < list.count; i++) {
        struct exec *exec = list.all[i].alive ? ancestor_exec(&list, &list.all[i]) : NULL;
        if (!exec || !exec->killed)
            continue;
        kill(list.all[i].pid, SIGKILL);
        (void)kill(exec->pid, SIGCONT); /* its subreaper, which has to tell: it could be stopped */
        exec->clean_scans = 0;
    }
    free(list.all);
    return sure;
}

/* -------------------------------------------------------------------------------------- the kill */

void kill_begin(struct agent *agent, struct exec *exec)
{
    if (exec->killed)
        return;
    exec->killed = true;
    exec->clean_scans = 0;
    agent->killing++;
    agent->kill_tries = 0;
    agent->unsure_scans = 0;
    agent->kill_stops = 0;
    /* It may not carry its gid yet, when it was just forked. */
    if (agent->kill_mode == KILL_BY_GID && exec->pid > 0)
        kill(exec->pid, SIGKILL);
    fork_server_kill(agent, exec);
}

static void finish_gone(struct agent *agent)
{
    for (size_t i = 0; i < agent->exec_high; i++) {
        struct exec *exec = &agent->execs[i];
        if (exec->id == 0 || !exec->killed || ++exec->clean_scans <= CLEAN_SCANS ||
            !exec->main_done)
            continue;
        if (agent->kill_mode == KILL_BY_SUBREAPER && exec->pid > 0)
            kill(exec->pid, SIGKILL);
        exec_all_gone(agent, exec);
    }
}

/* Whether it was sure to see everything; `stopped` as in struct marked_scan. */
static bool kill_marked(struct agent *agent, bool stopped)
{
    return agent->kill_mode == KILL_BY_GID ? kill_by_gid(agent, stopped) : kill_descendants(agent);
}

struct stopped {
    pid_t pids[STOPPED_MAX];
    size_t count;
};

static void note_stopped(void *ctx, pid_t pid, const char *status)
{
    struct stopped *stopped = ctx;
    const char *state = status_field(status, "\nState:\t");
    if (state && (*state == 'T' || *state == 't') && stopped->count < STOPPED_MAX)
        stopped->pids[stopped->count++] = pid;
}

static void wake_others(void *ctx, pid_t pid, const char *status)
{
    const struct stopped *stopped = ctx;
    (void)status;
    for (size_t i = 0; i < stopped->count; i++)
        if (stopped->pids[i] == pid)
            return;
    kill(pid, SIGCONT);
}

/*
 * A chain whose links live for less than a scan takes is never met by one. So all of the sandbox is
 * stopped for a moment: one kill(2) of -1 reaches every process, and a fork that is under way either
 * comes before it or is undone. Only as PID 1: elsewhere -1 is not the sandbox.
 */
static bool kill_while_stopped(struct agent *agent)
{
    static struct stopped stopped;
    stopped.count = 0;
    (void)for_each_process(agent, note_stopped, &stopped);
    kill(-1, SIGSTOP);
    (void)kill_marked(agent, false);
    bool sure = kill_marked(agent, true); /* sees what the dead of the first have left behind */
    (void)for_each_process(agent, wake_others, &stopped);
    if (!sure && ++agent->kill_stops >= STOPS_MAX)
        agent_fatal(agent,
                    "an execution's processes cannot be ended, since others keep waking them");
    return sure;
}

static void settle(struct agent *agent)
{
    agent->unsure_scans = 0;
    for (size_t i = 0; i < agent->exec_high; i++)
        if (agent->execs[i].id != 0 && agent->execs[i].killed)
            agent->execs[i].settled = true;
}

static void forget_clean_scans(struct agent *agent)
{
    for (size_t i = 0; i < agent->exec_high; i++)
        if (!agent->execs[i].settled)
            agent->execs[i].clean_scans = 0;
}

void kill_scan(struct agent *agent)
{
    if (!kill_marked(agent, false)) {
        forget_clean_scans(agent);
        if (++agent->unsure_scans >= UNSURE_SCANS_MAX &&
            (!agent->pid_one || kill_while_stopped(agent)))
            settle(agent);
    }
    agent->kill_tries++;
    finish_gone(agent);
}

int kill_wait_ms(const struct agent *agent)
{
    if (agent->killing == 0)
        return -1;
    return agent->kill_tries < SPIN_SCANS ? 0 : SLOW_SCAN_MS;
}

static bool all_clean(struct agent *agent)
{
    bool clean = true;
    for (size_t i = 0; i < agent->exec_high; i++)
        if (agent->execs[i].id != 0 && ++agent->execs[i].clean_scans <= CLEAN_SCANS)
            clean = false;
    return clean;
}

void kill_everything(struct agent *agent)
{
    for (size_t i = 0; i < agent->exec_high; i++)
        if (agent->execs[i].id != 0)
            kill_begin(agent, &agent->execs[i]);
    for (unsigned i = 0; i < SPIN_SCANS && agent->killing > 0; i++) {
        (void)kill_marked(agent, false);
        if (all_clean(agent))
            return;
    }
}
