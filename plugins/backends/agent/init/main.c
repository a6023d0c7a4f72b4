/*
 * main.c - the event loop of the agent: frames to their handlers, events to executions, children
 * reaped, and the end. Owns struct agent.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent.h"

#include "adoption.h"
#include "child.h"
#include "config.h"
#include "exec.h"
#include "file_op.h"
#include "fork_server.h"
#include "kernel.h"
#include "kill.h"
#include "relay.h"
#include "reset.h"
#include "spawn.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#define EVENTS_AT_ONCE 64

/* How long the last words may take: the manager may be gone. */
#define FATAL_WAIT_MS 1000

/* ------------------------------------------------------------------------------------- watching */

#define PLACE_SHIFT 8
#define GENERATION_SHIFT 32

int watch_add(struct agent *agent, int fd, uint32_t events, enum watch_kind kind, size_t place,
              uint32_t generation)
{
    struct epoll_event event = {.events = events};
    event.data.u64 =
        (uint64_t)generation << GENERATION_SHIFT | (uint64_t)place << PLACE_SHIFT | (uint64_t)kind;
    return epoll_ctl(agent->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

void watch_remove(struct agent *agent, int fd)
{
    epoll_ctl(agent->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

/* --------------------------------------------------------------------------------------- the end */

_Noreturn void agent_end(struct agent *agent)
{
    if (!agent->pid_one) /* the end of PID 1 ends all others */
        kill_everything(agent);
    _exit(0);
}

void agent_say_fatal(struct agent *agent, const char *reason)
{
    size_t length = strlen(reason);
    uint8_t *p = outbox_reserve(&agent->out, 4 + length);
    if (p) {
        wire_put_u32(p, (uint32_t)length);
        memcpy(p + 4, reason, length);
        outbox_commit(&agent->out, WIRE_FATAL, 0, 0, 4 + length);
    }
}

_Noreturn void agent_fatal(struct agent *agent, const char *reason)
{
    agent_say_fatal(agent, reason);
    struct pollfd writable = {.fd = agent->out.fd, .events = POLLOUT};
    while (outbox_flush(&agent->out) == 0 && outbox_waiting(&agent->out) > 0)
        if (poll(&writable, 1, FATAL_WAIT_MS) <= 0)
            break;
    dprintf(2, "enclave-agent: %s\n", reason);
    agent_end(agent);
}

/* ---------------------------------------------------------------------------------------- frames */

static int signal_message(struct agent *agent, struct exec *exec, const struct frame *frame)
{
    if (frame->length != 4)
        return -1;
    uint32_t number = wire_get_u32(frame->payload);
    const struct report *report = exec_report(agent, exec);
    pid_t pid = agent->kill_mode == KILL_BY_GID
                    ? exec->pid
                    : __atomic_load_n(&report->main_pid, __ATOMIC_ACQUIRE);
    if (pid > 0 && !exec->main_done && number < NSIG)
        kill(pid, (int)number);
    return 0;
}

static int credit_message(struct agent *agent, struct exec *exec, const struct frame *frame)
{
    if (frame->length != 8)
        return -1;
    exec_credit(agent, exec, wire_get_u32(frame->payload), wire_get_u32(frame->payload + 4));
    return 0;
}

/* A frame about an execution that lives. 0, or -1: it cannot be parsed. */
static int exec_message(struct agent *agent, struct exec *exec, const struct frame *frame)
{
    switch (frame->type) {
    case WIRE_STDIN:
        return exec_stdin(agent, exec, frame->payload, frame->length);
    case WIRE_STDIN_EOF:
        exec_stdin_end(agent, exec);
        return 0;
    case WIRE_CREDIT:
        return credit_message(agent, exec, frame);
    case WIRE_SIGNAL:
        return signal_message(agent, exec, frame);
    case WIRE_KILL:
        kill_begin(agent, exec);
        return 0;
    default:
        return -1;
    }
}

static int handle_frame(struct agent *agent, const struct frame *frame)
{
    if (!agent->configured) {
        if (frame->type != WIRE_CONFIG || frame->id != 0)
            return -1;
        config_message(agent, frame);
        return 0;
    }
    if (frame->id == 0)
        return adoption_message(agent, frame);
    struct exec *exec = exec_find(agent, frame->id);
    if (frame->type == WIRE_SPAWN || frame->type == WIRE_FILE) {
        if (exec)
            return -1;
        if (reset_refuses(agent, frame))
            return 0;
        return frame->type == WIRE_SPAWN ? spawn_message(agent, frame) : file_message(agent, frame);
    }
    if (frame->type < WIRE_STDIN || frame->type > WIRE_KILL)
        return -1;
    return exec ? exec_message(agent, exec, frame) : 0;
}

static void take_frames(struct agent *agent)
{
    struct frame frame;
    const char *reason = "";
    int r;
    while ((r = inbox_next(&agent->in, &frame, &reason)) > 0) {
        if (handle_frame(agent, &frame) < 0) {
            char text[100];
            snprintf(text, sizeof(text), "a frame of type %u for id %u cannot be understood",
                     (unsigned)frame.type, (unsigned)frame.id);
            adoption_refuse(agent, text);
            return;
        }
    }
    if (r < 0)
        adoption_refuse(agent, reason);
}

static void handle_stream(struct agent *agent)
{
    int r = inbox_fill(&agent->in);
    if (r < 0)
        adoption_stream_ended(agent);
    if (r <= 0)
        return;
    adoption_listen(agent);
    take_frames(agent);
    adoption_answer(agent);
}

/* ---------------------------------------------------------------------------------------- events */

static void child_ended(struct agent *agent, pid_t pid, int status, const struct rusage *use)
{
    struct exec *exec = exec_find_pid(agent, pid);
    if (!exec && fork_server_child_ended(agent, pid))
        return;
    if (!exec)
        exec = exec_find_pid(agent, pid); /* a server's child, as the server just told */
    if (!exec) { /* an orphan, or what an ended execution left in the background */
        (void)child_is_leftover(agent, pid, true);
        return;
    }
    exec->pid = 0;
    if (agent->kill_mode == KILL_BY_SUBREAPER) {
        child_notice(agent);
        if (exec->id == 0 || exec->main_done || child_inherit(agent, exec))
            return;
        /* It was killed, or never got so far: its status is all that is known. */
    }
    exec_main_done(agent, exec, status,
                   (uint64_t)(use->ru_utime.tv_sec + use->ru_stime.tv_sec) * 1000000u +
                       (uint64_t)(use->ru_utime.tv_usec + use->ru_stime.tv_usec),
                   (uint64_t)use->ru_maxrss * 1024u);
}

static void reap(struct agent *agent)
{
    struct rusage use;
    int status;
    pid_t pid;
    while ((pid = wait4(-1, &status, WNOHANG, &use)) > 0)
        child_ended(agent, pid, status, &use);
}

static void handle_signals(struct agent *agent)
{
    struct signalfd_siginfo info;
    while (read(agent->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        /* To PID 1, a sender outside of the sandbox has the pid 0; those inside have no say, also when they
         * write a sender of their own into a queued signal. */
        bool from_outside = !agent->pid_one || (info.ssi_pid == 0 && info.ssi_code == SI_USER);
        if (info.ssi_signo != SIGCHLD && from_outside)
            agent_end(agent);
    }
    reap(agent);
}

static void handle_event(struct agent *agent, const struct epoll_event *event)
{
    enum watch_kind kind = (enum watch_kind)(event->data.u64 & 0xff);
    size_t place = (event->data.u64 >> PLACE_SHIFT) & 0xffff;
    struct exec *exec = &agent->execs[place];
    if (kind >= WATCH_STDOUT &&
        (exec->id == 0 || exec->generation != (uint32_t)(event->data.u64 >> GENERATION_SHIFT)))
        return; /* it ended while this event waited */
    switch (kind) {
    case WATCH_INBOX:
        handle_stream(agent);
        break;
    case WATCH_SIGNALS:
        handle_signals(agent);
        break;
    case WATCH_RELAY:
        adoption_accept(agent);
        break;
    case WATCH_NOTICE:
        child_notice(agent);
        break;
    case WATCH_SERVER:
        fork_server_event(agent, place);
        break;
    case WATCH_REST:
        exec_rested(agent);
        break;
    case WATCH_STDOUT:
    case WATCH_STDERR:
        exec_pump(agent, exec, kind - WATCH_STDOUT);
        break;
    case WATCH_STDIN:
        exec_feed(agent, exec);
        break;
    case WATCH_OUTBOX: /* the loop flushes anyway */
        break;
    }
}

/* Watch the two ends of the stream for just what can go on. */
static void adjust_watches(struct agent *agent, bool lingers)
{
    bool read_more = agent->in.fd >= 0 && outbox_waiting(&agent->out) < 2 * OUTBOX_HIGH;
    bool write_more = outbox_waiting(&agent->out) > 0 && !lingers;
    if (read_more != agent->in_watched) {
        if (!read_more)
            watch_remove(agent, agent->in.fd);
        else if (watch_add(agent, agent->in.fd, EPOLLIN, WATCH_INBOX, 0, 0) < 0)
            agent_fatal(agent, "cannot wait for the stream");
        agent->in_watched = read_more;
    }
    if (write_more != agent->out_watched) {
        if (!write_more)
            watch_remove(agent, agent->out.fd);
        else if (watch_add(agent, agent->out.fd, EPOLLOUT, WATCH_OUTBOX, 0, 0) < 0)
            agent_fatal(agent, "cannot wait for the stream");
        agent->out_watched = write_more;
    }
}

static int sooner(int a, int b)
{
    return a < 0 || (b >= 0 && b < a) ? b : a;
}

/* Until something is due, in milliseconds; -1: nothing is. */
static int wait_ms(const struct agent *agent, int linger)
{
    int due =
        sooner(sooner(kill_wait_ms(agent), fork_server_wait_ms(agent)), adoption_wait_ms(agent));
    return linger > 0 ? sooner(due, linger) : due;
}

static _Noreturn void loop(struct agent *agent)
{
    struct epoll_event events[EVENTS_AT_ONCE];
    for (;;) {
        int linger = outbox_linger_ms(&agent->out);
        if (linger == 0 && outbox_flush(&agent->out) < 0)
            adoption_stream_ended(agent);
        if (agent->out.broken)
            agent_fatal(agent, "out of memory");
        exec_resume_all(agent);
        adjust_watches(agent, linger > 0);
        int n = epoll_wait(agent->epoll_fd, events, EVENTS_AT_ONCE, wait_ms(agent, linger));
        for (int i = 0; i < n; i++)
            handle_event(agent, &events[i]);
        fork_server_expire(agent);
        if (agent->killing > 0)
            kill_scan(agent);
        reset_step(agent);
        adoption_step(agent);
    }
}

/* ----------------------------------------------------------------------------------------- start */

static void reset_signals(void)
{
    sigset_t all;
    for (int i = 1; i < NSIG; i++)
        signal(i, SIG_DFL); /* what an engine ignored, payloads would inherit */
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
}

/* The stream moves away from 0 and 1, which children get anew; what else was inherited is closed. */
static int take_stream(struct agent *agent)
{
    syscall(SYS_close_range, 3u, ~0u, 0u);
    agent->in.fd = fcntl(0, F_DUPFD_CLOEXEC, 3);
    agent->out.fd = fcntl(1, F_DUPFD_CLOEXEC, 3);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (agent->in.fd < 0 || agent->out.fd < 0)
        return -1;
    if (null >= 0) {
        dup2(null, 0);
        dup2(null, 1);
        close(null);
    } else { /* no /dev: any descriptor that keeps the numbers taken */
        dup2(2, 0);
        dup2(2, 1);
    }
    return set_nonblocking(agent->in.fd) < 0 || set_nonblocking(agent->out.fd) < 0 ? -1 : 0;
}

static int open_loop(struct agent *agent)
{
    sigset_t watched;
    sigemptyset(&watched);
    sigaddset(&watched, SIGCHLD);
    sigaddset(&watched, SIGTERM);
    sigaddset(&watched, SIGINT);
    agent->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    agent->signal_fd = signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
    agent->rest_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    agent->reports = mmap(NULL, sizeof(struct report) * EXEC_COUNT_MAX, PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (agent->epoll_fd < 0 || agent->signal_fd < 0 || agent->rest_fd < 0 ||
        agent->reports == MAP_FAILED ||
        watch_add(agent, agent->rest_fd, EPOLLIN, WATCH_REST, 0, 0) < 0)
        return -1;
    return watch_add(agent, agent->signal_fd, EPOLLIN, WATCH_SIGNALS, 0, 0);
}

/* Its own, of descriptors; payloads get theirs from CONFIG. */
static void raise_limits(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

int main(int argc, char **argv)
{
    static struct agent agent; /* zero pages: only what is used takes memory */
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("enclave-agent %s, wire format %d.%d\n", AGENT_VERSION, WIRE_MAJOR, WIRE_MINOR);
        return 0;
    }
    if (argc == 3 && strcmp(argv[1], "--relay") == 0)
        return relay(argv[2]);
    agent.pid_one = getpid() == 1;
    adoption_init(&agent);
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); /* PID 1 is one anyway */
    agent.oom_fd = agent.oom_adj_fd = agent.scratch_fd = agent.proc_fd = -1;
    umask(022);
    reset_signals();
    raise_limits();
    if (take_stream(&agent) < 0 || open_loop(&agent) < 0) {
        dprintf(2, "enclave-agent: cannot use descriptors 0 and 1 as a stream: %s\n",
                strerror(errno));
        return 1;
    }
    loop(&agent);
}
