/*
 * child.c - see child.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "child.h"

#include "cgroup.h"
#include "drop.h"
#include "util.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

/* Payloads go first when memory is short. */
#define PAYLOAD_OOM_SCORE "500"

int child_report(struct report *report, int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(report->reason, sizeof(report->reason), format, args);
    va_end(args);
    report->code = code;
    return code;
}

/* Inherited by the child and then taken back, through a descriptor that is open: a child's own file
 * would have to be looked up in /proc each time, and is no longer its own after the drop. */
static void set_oom_score(const struct agent *agent, const char *score)
{
    if (agent->oom_adj_fd >= 0)
        (void)!pwrite(agent->oom_adj_fd, score, strlen(score), 0);
}

pid_t child_fork(const struct agent *agent)
{
    set_oom_score(agent, PAYLOAD_OOM_SCORE);
    pid_t pid = fork();
    int saved = errno;
    if (pid != 0)
        set_oom_score(agent, agent->oom_adj);
    errno = saved;
    return pid;
}

static _Noreturn void child_main(const struct config *config, struct report *report,
                                 const struct exec *exec, const struct exec_ends *ends,
                                 child_fn run, void *ctx)
{
    const char *what = "connect the standard streams";
    int r = exec_ends_install(ends);
    if (r == 0)
        r = drop_in_child(config, exec->gid, exec->is_file, &what);
    if (r < 0)
        _exit(child_report(report, 126, "cannot %s: %s", what, error_text(-r)));
    _exit(run(config, report, ctx));
}

/* ---------------------------------------------------------------------------------- subreapers */

static void subreaper_tell(struct report *report, int notice, int status, const struct rusage *use)
{
    report->main_status = status;
    report->cpu_us = (uint64_t)(use->ru_utime.tv_sec + use->ru_stime.tv_sec) * 1000000u +
                     (uint64_t)(use->ru_utime.tv_usec + use->ru_stime.tv_usec);
    report->peak_memory = (uint64_t)use->ru_maxrss * 1024u;
    __atomic_store_n(&report->main_done, 1, __ATOMIC_RELEASE);
    (void)!write(notice, "", 1);
}

/* As wait4(2) tells it. */
static int wait_status(const siginfo_t *info)
{
    if (info->si_code == CLD_EXITED)
        return (info->si_status & 0xff) << 8;
    return info->si_status | (info->si_code == CLD_DUMPED ? 0x80 : 0);
}

/* Stays as long as the main process has descendants, so that they stay its own. Its end is told before it is
 * reaped: should this be killed in between, the agent finds one or the other. */
static _Noreturn void subreaper_main(struct report *report, int notice, pid_t main_pid)
{
    for (;;) {
        siginfo_t info = {0};
        struct rusage use;
        if (syscall(SYS_waitid, P_ALL, 0, &info, WEXITED | WNOWAIT, &use) < 0) {
            if (errno == ECHILD)
                _exit(0);
            continue;
        }
        if (info.si_pid == main_pid)
            subreaper_tell(report, notice, wait_status(&info), &use);
        (void)waitpid(info.si_pid, NULL, 0);
    }
}

static _Noreturn void subreaper_start(const struct agent *agent, struct report *report,
                                      const struct exec *exec, const struct exec_ends *ends,
                                      child_fn run, void *ctx)
{
    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
        _exit(child_report(report, 126, "cannot become a subreaper: %s", error_text(errno)));
    pid_t pid = fork();
    if (pid == 0)
        child_main(&agent->config, report, exec, ends, run, ctx);
    if (pid < 0)
        _exit(child_report(report, 126, "cannot start a process: %s", error_text(errno)));
    __atomic_store_n(&report->main_pid, pid, __ATOMIC_RELEASE);
    /* It holds no pipe of any execution, and outlives everything but KILL. */
    int notice = dup2(agent->notice[1], 0);
    for (int fd = 1; fd < EXEC_COUNT_MAX * 4; fd++)
        close(fd);
    setsid();
    subreaper_main(report, notice, pid);
}

void child_leave(struct agent *agent, pid_t subreaper)
{
    for (size_t i = 0; i < EXEC_COUNT_MAX; i++)
        if (agent->leftover[i] == 0) {
            agent->leftover[i] = subreaper;
            return;
        }
    kill(subreaper, SIGKILL); /* too many: the next kill takes its children along */
}

bool child_is_leftover(struct agent *agent, pid_t pid, bool forget)
{
    for (size_t i = 0; i < EXEC_COUNT_MAX; i++)
        if (agent->leftover[i] == pid) {
            if (forget)
                agent->leftover[i] = 0;
            return true;
        }
    return false;
}

bool child_inherit(struct agent *agent, struct exec *exec)
{
    pid_t main_pid = __atomic_load_n(&exec_report(agent, exec)->main_pid, __ATOMIC_ACQUIRE);
    siginfo_t info;
    if (exec->inherited || main_pid <= 0 ||
        waitid(P_PID, (id_t)main_pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
        return false;
    exec->pid = main_pid;
    exec->inherited = true;
    return true;
}

void child_notice(struct agent *agent)
{
    char bytes[64];
    while (read(agent->notice[0], bytes, sizeof(bytes)) > 0)
        continue;
    for (size_t i = 0; i < agent->exec_high; i++) {
        struct exec *exec = &agent->execs[i];
        const struct report *report = &agent->reports[i];
        if (exec->id != 0 && !exec->main_done &&
            __atomic_load_n(&report->main_done, __ATOMIC_ACQUIRE))
            exec_main_done(agent, exec, report->main_status, report->cpu_us, report->peak_memory);
    }
}

/* -------------------------------------------------------------------------------------- starts */

int child_start(struct agent *agent, struct exec *exec, struct exec_ends *ends, child_fn run,
                void *ctx)
{
    struct report *report = exec_report(agent, exec);
    exec->oom_before = cgroup_oom_kills(agent);
    pid_t pid = child_fork(agent);
    if (pid == 0) {
        if (agent->kill_mode == KILL_BY_SUBREAPER)
            subreaper_start(agent, report, exec, ends, run, ctx);
        child_main(&agent->config, report, exec, ends, run, ctx);
    }
    int r = pid < 0 ? -errno : 0;
    exec_ends_close(ends);
    exec->pid = pid > 0 ? pid : 0;
    return r;
}
