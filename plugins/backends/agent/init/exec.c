/*
 * exec.c - see exec.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exec.h"

#include "cgroup.h"
#include "child.h"
#include "script.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

/* STDIN_ROOM is said when at least this much has become free: a frame for each line would double
 * the traffic of a chatty manager, and the rest of the window keeps it going. */
#define ROOM_STEP (WIRE_STDIN_WINDOW / 4)

/* A stream that brought so much without a pause is flowing: it is read after a rest, not after each write. The rest is
 * long enough for a pipe to fill, and shorter than anybody would notice. */
#define FLOWING (128u << 10)
#define PAUSE_US 2000
#define REST_US 100
#define AHEAD (24u << 10)

/* At its end, a killed execution's pipe is read at most this far. */
#define DRAIN_MAX (1u << 20)

static uint32_t place_of(const struct agent *agent, const struct exec *exec)
{
    return (uint32_t)(exec - agent->execs);
}

struct exec *exec_find(struct agent *agent, uint32_t id)
{
    for (size_t i = 0; id != 0 && i < agent->exec_high; i++)
        if (agent->execs[i].id == id)
            return &agent->execs[i];
    return NULL;
}

struct exec *exec_find_pid(struct agent *agent, pid_t pid)
{
    for (size_t i = 0; i < agent->exec_high; i++)
        if (agent->execs[i].id != 0 && agent->execs[i].pid == pid)
            return &agent->execs[i];
    return NULL;
}

struct exec *exec_new(struct agent *agent, uint32_t id, uint32_t window)
{
    size_t place = 0;
    while (place < agent->exec_high && agent->execs[place].id != 0)
        place++;
    if (place == EXEC_COUNT_MAX)
        return NULL;
    if (place == agent->exec_high)
        agent->exec_high++;
    struct exec *exec = &agent->execs[place];
    memset(exec, 0, sizeof(*exec));
    memset(&agent->reports[place], 0, sizeof(agent->reports[place]));
    exec->id = id;
    exec->generation = ++agent->generation;
    exec->out[0] = exec->out[1] = (struct stream){.fd = -1, .credit = window};
    exec->in = (struct feed){.fd = -1, .room = WIRE_STDIN_WINDOW};
    return exec;
}

static void close_watched(struct agent *agent, int *fd, bool *watched)
{
    /* Explicitly, since a child between fork and exec still holds the same open file. */
    if (*watched)
        watch_remove(agent, *fd);
    *watched = false;
    close_fd(fd);
}

static void stream_close(struct agent *agent, struct stream *stream)
{
    outbox_settle(&agent->out, stream->fd);
    close_watched(agent, &stream->fd, &stream->watched);
}

static void feed_close(struct agent *agent, struct feed *in)
{
    close_watched(agent, &in->fd, &in->watched);
    free(in->bytes);
    in->bytes = NULL;
    in->start = in->end = 0;
}

void exec_free(struct agent *agent, struct exec *exec)
{
    stream_close(agent, &exec->out[0]);
    stream_close(agent, &exec->out[1]);
    feed_close(agent, &exec->in);
    script_remove(agent, exec);
    if (exec->killed)
        agent->killing--;
    if (exec->pid > 0 && agent->kill_mode == KILL_BY_SUBREAPER)
        child_leave(agent, exec->pid);
    exec->id = 0;
}

/* --------------------------------------------------------------------------------------- pipes */

void exec_ends_close(struct exec_ends *ends)
{
    for (size_t i = 0; i < AGENT_COUNT(ends->fds); i++)
        close_fd(&ends->fds[i]);
}

int exec_ends_install(const struct exec_ends *ends)
{
    for (int i = 0; i < 3; i++)
        if (dup2(ends->fds[i], i) < 0)
            return -errno;
    return 0;
}

static int stream_watch(struct agent *agent, struct exec *exec, unsigned index)
{
    struct stream *stream = &exec->out[index];
    int r = watch_add(agent, stream->fd, EPOLLIN, WATCH_STDOUT + index, place_of(agent, exec),
                      exec->generation);
    stream->watched = r == 0;
    return r;
}

static int open_output(struct agent *agent, struct exec *exec, unsigned index, int *ret_end)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0)
        return -errno;
    exec->out[index].fd = fds[0];
    *ret_end = fds[1];
    int r = set_nonblocking(fds[0]);
    return r < 0 ? r : stream_watch(agent, exec, index);
}

int exec_open_pipes(struct agent *agent, struct exec *exec, bool with_stdin,
                    struct exec_ends *ret_ends)
{
    struct exec_ends ends = EXEC_ENDS_NONE;
    int fds[2];
    int r = pipe2(fds, O_CLOEXEC) < 0 ? -errno : 0;
    if (r == 0) {
        ends.fds[0] = fds[0];
        exec->in.fd = fds[1];
        if (with_stdin)
            r = set_nonblocking(fds[1]);
        else
            close_fd(&exec->in.fd);
    }
    if (r == 0)
        r = open_output(agent, exec, 0, &ends.fds[1]);
    if (r == 0)
        r = open_output(agent, exec, 1, &ends.fds[2]);
    if (r < 0)
        exec_ends_close(&ends);
    else
        *ret_ends = ends;
    return r;
}

/* -------------------------------------------------------------------------------------- output */

/* A program that writes more than is taken: a load of it is passed on uncopied, when nothing is in its way. The
 * number of bytes, or 0. */
static size_t stream_pass(struct agent *agent, struct exec *exec, unsigned index)
{
    struct stream *stream = &exec->out[index];
    int there = 0;
    if (stream->flowing < OUTPUT_PASS || agent->out.cannot_pass || exec->adrift ||
        stream->credit < OUTPUT_PASS || outbox_waiting(&agent->out) > 0 ||
        ioctl(stream->fd, FIONREAD, &there) < 0 || there < (int)OUTPUT_PASS)
        return 0;
    stream->credit -= OUTPUT_PASS;
    outbox_pass_output(&agent->out, (uint8_t)(WIRE_STDOUT + index), exec->id, stream->fd);
    (void)outbox_flush(&agent->out); /* the loop tries again, and sees what is wrong */
    return OUTPUT_PASS;
}

/* Read once and send. The number of bytes, 0 at the end, -EAGAIN when there is nothing now or it
 * must not be sent now. */
static ssize_t stream_read(struct agent *agent, struct exec *exec, unsigned index)
{
    struct stream *stream = &exec->out[index];
    size_t want = stream->credit < OUTPUT_MAX ? stream->credit : OUTPUT_MAX;
    if (want == 0)
        return -EAGAIN;
    uint8_t *room = outbox_reserve(&agent->out, want);
    if (!room)
        return -EAGAIN;
    ssize_t n = read(stream->fd, room, want);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? -EAGAIN : 0;
    if (n > 0 && !exec->adrift) {
        stream->credit -= (size_t)n;
        if (exec->in.fd >= 0)
            agent->out.urgent = true; /* it may be in a dialogue */
        outbox_commit_output(&agent->out, (uint8_t)(WIRE_STDOUT + index), exec->id, (size_t)n);
    }
    return n;
}

static void send_exit(struct agent *agent, uint32_t id, const struct exec *exec, uint32_t how,
                      uint32_t code, uint32_t flags, uint32_t oom_kills, const char *reason)
{
    size_t length = strlen(reason);
    uint8_t *p = outbox_reserve(&agent->out, 40 + length);
    if (!p)
        return;
    wire_put_u32(p, how);
    wire_put_u32(p + 4, how == WIRE_EXITED ? code : 0);
    wire_put_u32(p + 8, how == WIRE_SIGNALED ? code : 0);
    wire_put_u32(p + 12, flags);
    wire_put_u32(p + 16, oom_kills);
    wire_put_u64(p + 20, exec ? exec->cpu_us : 0);
    wire_put_u64(p + 28, exec ? exec->peak_memory : 0);
    wire_put_u32(p + 36, (uint32_t)length);
    memcpy(p + 40, reason, length);
    outbox_commit(&agent->out, WIRE_EXIT, 0, id, 40 + length);
}

void exec_refuse(struct agent *agent, uint32_t id, uint32_t code, const char *reason)
{
    send_exit(agent, id, NULL, WIRE_EXITED, code, 0, 0, reason);
}

static void finish(struct agent *agent, struct exec *exec)
{
    struct report *report = exec_report(agent, exec);
    bool signaled = WIFSIGNALED(exec->status);
    uint64_t oom_now = cgroup_oom_kills(agent);
    uint32_t kills = oom_now > exec->oom_before ? (uint32_t)(oom_now - exec->oom_before) : 0;
    uint32_t flags = (exec->killed ? WIRE_EXIT_KILLED : 0) | (exec->forked ? WIRE_EXIT_FORKED : 0);
    if (kills > 0 && signaled && WTERMSIG(exec->status) == SIGKILL && !exec->killed)
        flags |= WIRE_EXIT_OOM;
    report->reason[sizeof(report->reason) - 1] = '\0';
    uint32_t code =
        signaled ? (uint32_t)WTERMSIG(exec->status) : (uint32_t)WEXITSTATUS(exec->status);
    if (!signaled && report->code != 0)
        code = (uint32_t)report->code;
    if (!exec->adrift)
        send_exit(agent, exec->id, exec, signaled ? WIRE_SIGNALED : WIRE_EXITED, code, flags, kills,
                  signaled ? "" : report->reason);
    exec_free(agent, exec);
}

static void finish_if_done(struct agent *agent, struct exec *exec)
{
    if (exec->main_done && !exec->killed && exec->out[0].fd < 0 && exec->out[1].fd < 0)
        finish(agent, exec);
}

/*
 * A program that writes without a pause would wake us for each of its writes, and we all who pass the stream on: six
 * processes for 4 KiB. Such a stream is left alone for a moment, in which its pipe fills.
 */
static void stream_rest(struct agent *agent, struct stream *stream)
{
    struct itimerspec moment = {.it_value = {.tv_nsec = REST_US * 1000}};
    if (!agent->rest_is_set && timerfd_settime(agent->rest_fd, 0, &moment, NULL) < 0)
        return;
    agent->rest_is_set = stream->rests = true;
}

/* Count what was read; a pause begins the count anew. */
static void stream_took(struct stream *stream, size_t taken)
{
    int64_t now = now_us();
    if (now - stream->read_us > PAUSE_US)
        stream->flowing = 0;
    stream->read_us = now;
    stream->flowing += taken;
}

/* Read what may be sent. Stops after one full frame, so that a flood does not starve others. */
static void stream_pump(struct agent *agent, struct exec *exec, unsigned index)
{
    struct stream *stream = &exec->out[index];
    ssize_t n = 1;
    size_t taken = 0;
    while (n > 0 && taken < OUTPUT_MAX && !outbox_full(&agent->out)) {
        size_t passed = stream_pass(agent, exec, index);
        n = passed > 0 ? (ssize_t)passed : stream_read(agent, exec, index);
        taken += n > 0 ? (size_t)n : 0;
    }
    stream_took(stream, taken);
    if (n == 0) {
        stream_close(agent, stream);
        return;
    }
    if (n < 0 && stream->flowing >= FLOWING && outbox_ahead(&agent->out) >= AHEAD)
        stream_rest(agent, stream);
    agent->held_back |= outbox_full(&agent->out);
    if (stream->watched && (stream->credit == 0 || stream->rests || outbox_full(&agent->out))) {
        watch_remove(agent, stream->fd);
        stream->watched = false;
    }
}

void exec_pump(struct agent *agent, struct exec *exec, unsigned stream)
{
    if (exec->out[stream].fd >= 0)
        stream_pump(agent, exec, stream);
    finish_if_done(agent, exec);
}

static void stream_resume(struct agent *agent, struct exec *exec, unsigned index)
{
    struct stream *stream = &exec->out[index];
    if (stream->fd < 0 || stream->watched || stream->rests || stream->credit == 0)
        return;
    if (outbox_full(&agent->out))
        agent->held_back = true;
    else
        (void)stream_watch(agent, exec, index);
}

void exec_rested(struct agent *agent)
{
    uint64_t times; /* of no interest, but read so that the timer is quiet */
    (void)!read(agent->rest_fd, &times, sizeof(times));
    agent->rest_is_set = false;
    for (size_t i = 0; i < agent->exec_high; i++)
        for (unsigned index = 0; agent->execs[i].id != 0 && index < 2; index++) {
            agent->execs[i].out[index].rests = false;
            stream_resume(agent, &agent->execs[i], index);
        }
}

void exec_resume_all(struct agent *agent)
{
    if (!agent->held_back || outbox_full(&agent->out))
        return;
    agent->held_back = false;
    /* Each time another is the first to be read: floods at the first places would leave no room for
     * the rest, again and again. */
    size_t first = agent->resumes++;
    for (size_t i = 0; i < agent->exec_high; i++) {
        struct exec *exec = &agent->execs[(first + i) % agent->exec_high];
        if (exec->id == 0)
            continue;
        stream_resume(agent, exec, 0);
        stream_resume(agent, exec, 1);
    }
}

void exec_credit(struct agent *agent, struct exec *exec, uint32_t stream, uint32_t bytes)
{
    if (stream != WIRE_STDOUT && stream != WIRE_STDERR)
        return;
    exec->out[stream - WIRE_STDOUT].credit += bytes;
    stream_resume(agent, exec, stream - WIRE_STDOUT);
}

void exec_set_adrift(struct agent *agent, struct exec *exec)
{
    exec->adrift = true;
    exec->id = WIRE_ID_ADRIFT + place_of(agent, exec); /* the new manager counts from 1 again */
    for (unsigned i = 0; i < 2; i++) {
        exec->out[i].credit = UINT32_MAX;
        stream_resume(agent, exec, i);
    }
}

/* --------------------------------------------------------------------------------------- stdin */

static void say_room(struct agent *agent, struct exec *exec, uint32_t freed)
{
    struct feed *in = &exec->in;
    uint8_t payload[4];
    in->unsaid += freed;
    if (in->unsaid < ROOM_STEP)
        return;
    wire_put_u32(payload, in->unsaid);
    outbox_frame(&agent->out, WIRE_STDIN_ROOM, 0, exec->id, payload, sizeof(payload));
    in->room += in->unsaid;
    in->unsaid = 0;
}

/* Write what the pipe takes; the number of bytes, -EAGAIN, or -EPIPE: nobody reads any more. */
static ssize_t feed_write(struct feed *in, const void *data, size_t length)
{
    ssize_t n = write(in->fd, data, length);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? -EAGAIN : -EPIPE;
    return n;
}

static void feed_watch(struct agent *agent, struct exec *exec, bool watch)
{
    struct feed *in = &exec->in;
    if (watch == in->watched)
        return;
    if (!watch)
        watch_remove(agent, in->fd);
    else if (watch_add(agent, in->fd, EPOLLOUT, WATCH_STDIN, place_of(agent, exec),
                       exec->generation) < 0)
        return;
    in->watched = watch;
}

/* Nobody reads: what waits is gone, and so is all that still comes. */
static void feed_discard(struct agent *agent, struct exec *exec)
{
    uint32_t waiting = exec->in.end - exec->in.start;
    feed_close(agent, &exec->in);
    say_room(agent, exec, waiting);
}

void exec_feed(struct agent *agent, struct exec *exec)
{
    struct feed *in = &exec->in;
    if (in->fd < 0)
        return;
    while (in->start < in->end) {
        ssize_t n = feed_write(in, in->bytes + in->start, in->end - in->start);
        if (n == -EAGAIN) {
            feed_watch(agent, exec, true);
            return;
        }
        if (n < 0) {
            feed_discard(agent, exec);
            return;
        }
        in->start += (uint32_t)n;
        say_room(agent, exec, (uint32_t)n);
    }
    in->start = in->end = 0;
    feed_watch(agent, exec, false);
    if (in->ending)
        feed_close(agent, in);
}

/* Keep what the pipe did not take. 0, or -1: no memory, so that stdin cannot go on. */
static int feed_keep(struct feed *in, const uint8_t *data, size_t length)
{
    if (!in->bytes && !(in->bytes = malloc(WIRE_STDIN_WINDOW)))
        return -1;
    if (WIRE_STDIN_WINDOW - in->end < length) {
        memmove(in->bytes, in->bytes + in->start, in->end - in->start);
        in->end -= in->start;
        in->start = 0;
    }
    memcpy(in->bytes + in->end, data, length);
    in->end += (uint32_t)length;
    return 0;
}

int exec_stdin(struct agent *agent, struct exec *exec, const void *data, size_t length)
{
    struct feed *in = &exec->in;
    if (length > in->room)
        return -1;
    in->room -= (uint32_t)length;
    if (in->fd < 0 || in->ending) {
        say_room(agent, exec, (uint32_t)length);
        return 0;
    }
    ssize_t n = in->start == in->end ? feed_write(in, data, length) : -EAGAIN;
    if (n == -EPIPE) {
        feed_discard(agent, exec);
        say_room(agent, exec, (uint32_t)length);
        return 0;
    }
    size_t written = n > 0 ? (size_t)n : 0;
    if (written > 0)
        say_room(agent, exec, (uint32_t)written);
    if (written == length)
        return 0;
    if (feed_keep(in, (const uint8_t *)data + written, length - written) < 0)
        feed_discard(agent, exec);
    else
        feed_watch(agent, exec, true);
    return 0;
}

void exec_stdin_end(struct agent *agent, struct exec *exec)
{
    exec->in.ending = true;
    if (exec->in.start == exec->in.end)
        feed_close(agent, &exec->in);
}

/* ------------------------------------------------------------------------------------- the end */

void exec_main_done(struct agent *agent, struct exec *exec, int status, uint64_t cpu_us,
                    uint64_t peak_memory)
{
    exec->main_done = true;
    exec->status = status;
    exec->cpu_us = cpu_us;
    exec->peak_memory = peak_memory;
    for (unsigned i = 0; i < 2; i++)
        if (exec->out[i].fd >= 0)
            stream_pump(agent, exec, i);
    finish_if_done(agent, exec);
}

void exec_all_gone(struct agent *agent, struct exec *exec)
{
    for (unsigned i = 0; i < 2; i++) {
        size_t taken = 0;
        ssize_t n = exec->out[i].fd >= 0 ? 1 : 0;
        while (n > 0 && taken < DRAIN_MAX && outbox_waiting(&agent->out) < OUTBOX_DRAIN) {
            n = stream_read(agent, exec, i);
            taken += n > 0 ? (size_t)n : 0;
        }
    }
    finish(agent, exec);
}
