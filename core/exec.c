/*
 * exec.c - see exec.h.
 *
 * Two ways for output. When it only has to be kept, the backend's thread puts it into the buffer and
 * the caller sleeps until the end. When a callback or a sink wants it, the backend's thread queues it,
 * the caller takes the queue, delivers it, and then gives credit back: so a slow caller holds back its
 * own program and nothing else, and the queue never holds more than the window of both streams.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exec.h"

#include "cancel.h"
#include "clock.h"
#include "plugin_call.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

/* Enough to keep a program writing while credit is on its way through an engine; a caller that is
 * slow costs twice that. */
enum { WINDOW = 1024 * 1024 };

/* Before each piece in the queue. */
struct piece {
    uint32_t stream;
    uint32_t length;
};

/* Both windows full of pieces of one byte, of one stream and the other in turns. */
enum { QUEUE_MAX = 2 * WINDOW * (1 + sizeof(struct piece)) };

struct running {
    struct exec *exec;
    void *process;
    int queued_mode;      /* the caller delivers */
    pthread_mutex_t lock; /* guards all below; taken inside a cancel handle's lock */
    pthread_cond_t wake;
    struct buffer queue;
    size_t last_piece; /* where it begins in the queue that is not empty */
    int exited;
    int writable;
    int cancelled;
    int nomem;
    int over_limit;
    struct enclave_exit end;
};

static struct exec_stream *stream_of(struct exec *exec, uint32_t stream)
{
    return stream == ENCLAVE_STDERR ? &exec->err : &exec->out;
}

/* Count and keep. Returns 1 when it is the first to go over the limit. */
static int keep(struct exec_stream *to, const void *data, uint64_t length, int *nomem)
{
    size_t kept = 0;
    to->bytes += length;
    if (!to->keep) {
        return 0;
    }
    if (buffer_append_some(to->keep, data, (size_t)length, &kept) < 0) {
        *nomem = 1;
        return 0;
    }
    return kept < length;
}

/* ------------------------------------------------------------------ events, in the backend's thread */

/* What follows a piece of the same stream becomes part of it. 0 or a negative code. */
static int32_t queue_output(struct running *run, uint32_t stream, const void *data, uint32_t length)
{
    struct piece piece = {0};
    size_t before = run->queue.length, at = run->last_piece;
    int32_t r = 0;

    if (before > 0) {
        memcpy(&piece, run->queue.data + at, sizeof piece);
    }
    if (before == 0 || piece.stream != stream) {
        at = before;
        piece = (struct piece){stream, 0};
        r = buffer_append(&run->queue, &piece, sizeof piece);
    }
    r = r < 0 ? r : buffer_append(&run->queue, data, length);
    if (r < 0) { /* the queue, and its last piece, are as they were */
        run->queue.length = before;
        return r;
    }
    piece.length += length;
    memcpy(run->queue.data + at, &piece, sizeof piece);
    run->last_piece = at;
    return 0;
}

static uint64_t on_output(void *ctx, uint32_t stream, const void *data, uint64_t length)
{
    struct running *run = ctx;
    uint64_t taken = length;
    int wake = 1;

    pthread_mutex_lock(&run->lock);
    if (!run->queued_mode) {
        run->over_limit |= keep(stream_of(run->exec, stream), data, length, &run->nomem);
        wake = run->nomem || (run->over_limit && run->exec->kill_on_limit);
    } else if (queue_output(run, stream, data, (uint32_t)length) == 0) {
        taken = 0;
    } else {
        run->nomem = 1;
    }
    pthread_mutex_unlock(&run->lock);
    /* A caller that is woken under the lock would have to wait for it again. `run` is still there:
     * `exit` comes after this. */
    if (wake) {
        pthread_cond_signal(&run->wake);
    }
    return taken;
}

static void on_writable(void *ctx)
{
    struct running *run = ctx;
    pthread_mutex_lock(&run->lock);
    run->writable = 1;
    pthread_cond_signal(&run->wake);
    pthread_mutex_unlock(&run->lock);
}

static void on_exit_event(void *ctx, const struct enclave_exit *end)
{
    struct running *run = ctx;
    pthread_mutex_lock(&run->lock);
    memcpy(&run->end, end, end->size < sizeof run->end ? end->size : sizeof run->end);
    if (end->reason) {
        (void)snprintf(run->exec->reason, sizeof run->exec->reason, "%s", end->reason);
    }
    run->exited = 1;
    pthread_cond_signal(&run->wake);
    pthread_mutex_unlock(&run->lock);
}

/* In the thread that triggers. */
static void on_cancel(void *ctx)
{
    struct running *run = ctx;
    pthread_mutex_lock(&run->lock);
    run->cancelled = 1;
    pthread_cond_signal(&run->wake);
    pthread_mutex_unlock(&run->lock);
}

/* ---------------------------------------------------------------------------- the caller's side */

/* What the caller keeps to itself while it pumps. */
struct pump {
    uint64_t stdin_sent;
    int stdin_open;
    uint32_t killed_for; /* ENCLAVE_CAUSE_..., 0: not yet */
    int32_t failed;      /* of a sink */
    struct buffer taken; /* the queue's other half */
};

static void kill_for(struct running *run, struct pump *pump, uint32_t cause)
{
    if (pump->killed_for == 0) {
        pump->killed_for = cause;
        (void)run->exec->ops->process_kill(run->process,
                                           NULL); /* fails only when it is gone: exit comes */
    }
}

static void deliver_piece(struct running *run, struct pump *pump, uint32_t stream, const void *data,
                          uint32_t length, struct enclave_error *err)
{
    struct exec *exec = run->exec;
    struct exec_stream *to = stream_of(exec, stream);
    int nomem = 0;

    int over = keep(to, data, length, &nomem);
    if (nomem) {
        pump->failed = enclave_error_set(err, ENCLAVE_ENOMEM, "keep the output: out of memory");
    }
    if (to->sink && pump->failed == 0) {
        int32_t r = to->sink->write(to->sink->ctx, data, length);
        if (r != 0) { /* positive breaks the contract; it must not come out as a success */
            pump->failed = enclave_error_set(err, r < 0 ? r : ENCLAVE_EIO,
                                             "the receiver of the output failed");
        }
    }
    if (exec->output && !to->sink && pump->killed_for != ENCLAVE_CAUSE_CANCELLED &&
        exec->output(exec->output_ctx, stream, data, length) != 0) {
        kill_for(run, pump, ENCLAVE_CAUSE_CANCELLED);
    }
    if (pump->failed < 0) {
        kill_for(run, pump, ENCLAVE_CAUSE_CANCELLED);
    }
    if (over && exec->kill_on_limit) {
        kill_for(run, pump, ENCLAVE_CAUSE_OUTPUT_LIMIT);
    }
    exec->ops->process_credit(run->process, stream, length);
}

/* Between two pieces too: a slow receiver of a full queue must not stretch the program's time. */
static void heed_end(struct running *run, struct pump *pump)
{
    if (pump->killed_for) {
        return;
    }
    pthread_mutex_lock(&run->lock);
    int cancelled = run->cancelled;
    int over = !run->exited && clock_monotonic_us() >= run->exec->deadline_us;
    pthread_mutex_unlock(&run->lock);
    if (cancelled) {
        kill_for(run, pump, ENCLAVE_CAUSE_CANCELLED);
    } else if (over) {
        kill_for(run, pump, ENCLAVE_CAUSE_TIMEOUT);
    }
}

static void deliver(struct running *run, struct pump *pump, struct enclave_error *err)
{
    size_t at = 0;
    while (at + sizeof(struct piece) <= pump->taken.length) {
        struct piece piece;
        memcpy(&piece, pump->taken.data + at, sizeof piece);
        at += sizeof piece;
        heed_end(run, pump);
        deliver_piece(run, pump, piece.stream, pump->taken.data + at, piece.length, err);
        at += piece.length;
    }
    buffer_clear(&pump->taken);
}

static void feed_stdin(struct running *run, struct pump *pump)
{
    struct exec *exec = run->exec;
    uint64_t taken = 0;
    const char *data = exec->stdin_data;

    if (exec->ops->process_write(run->process, data + pump->stdin_sent,
                                 exec->stdin_length - pump->stdin_sent, &taken, NULL) < 0) {
        pump->stdin_open = 0; /* it is gone; its exit tells */
        return;
    }
    pump->stdin_sent += taken;
    if (pump->stdin_sent == exec->stdin_length) {
        (void)exec->ops->process_close_stdin(run->process, NULL);
        pump->stdin_open = 0;
    }
}

/* Sleep until there is something to do; the lock is held. Returns 1 when the time is over. */
static int wait_for_work(struct running *run, const struct pump *pump)
{
    int64_t deadline = pump->killed_for ? INT64_MAX : run->exec->deadline_us;
    int failing = !pump->killed_for &&
                  (run->cancelled || run->nomem || (run->over_limit && run->exec->kill_on_limit));

    while (!run->exited && run->queue.length == 0 && !failing &&
           !(run->writable && pump->stdin_open)) {
        if (clock_cond_wait(&run->wake, &run->lock, deadline) == ETIMEDOUT) {
            return 1;
        }
        failing = !pump->killed_for &&
                  (run->cancelled || run->nomem || (run->over_limit && run->exec->kill_on_limit));
    }
    /* A program that writes without a pause must not outrun its deadline. */
    return deadline != INT64_MAX && !run->exited && clock_monotonic_us() >= deadline;
}

static void swap_queue(struct running *run, struct pump *pump)
{
    struct buffer empty = pump->taken;
    pump->taken = run->queue;
    run->queue = empty;
    buffer_clear(&run->queue);
}

static void pump_until_exit(struct running *run, struct pump *pump, struct enclave_error *err)
{
    for (;;) {
        pthread_mutex_lock(&run->lock);
        int timed_out = wait_for_work(run, pump);
        int cancelled = run->cancelled, nomem = run->nomem;
        int over = run->over_limit && run->exec->kill_on_limit;
        int write = run->writable && pump->stdin_open;
        run->writable = 0;
        swap_queue(run, pump);
        int done = run->exited && pump->taken.length == 0;
        pthread_mutex_unlock(&run->lock);
        if (done) {
            return;
        }
        if (cancelled) {
            kill_for(run, pump, ENCLAVE_CAUSE_CANCELLED);
        } else if (nomem) {
            pump->failed = enclave_error_set(err, ENCLAVE_ENOMEM, "keep the output: out of memory");
            kill_for(run, pump, ENCLAVE_CAUSE_CANCELLED);
        } else if (over) {
            kill_for(run, pump, ENCLAVE_CAUSE_OUTPUT_LIMIT);
        } else if (timed_out) {
            kill_for(run, pump, ENCLAVE_CAUSE_TIMEOUT);
        }
        if (write) {
            feed_stdin(run, pump);
        }
        deliver(run, pump, err);
    }
}

static uint32_t cause_of(const struct enclave_exit *end, uint32_t killed_for)
{
    if (end->how == ENCLAVE_EXIT_LOST) {
        return ENCLAVE_CAUSE_BACKEND_LOST;
    }
    if (killed_for && (end->flags & ENCLAVE_EXIT_FLAG_KILLED)) {
        return killed_for;
    }
    if (end->flags & ENCLAVE_EXIT_FLAG_OOM) {
        return ENCLAVE_CAUSE_OOM;
    }
    return end->how == ENCLAVE_EXIT_SIGNALED ? ENCLAVE_CAUSE_SIGNALED : ENCLAVE_CAUSE_EXITED;
}

static void fill_outcome(struct running *run, uint32_t killed_for, int64_t started_us)
{
    struct exec *exec = run->exec;
    const struct enclave_exit *end = &run->end;
    uint32_t cause = cause_of(end, killed_for);

    exec->outlived =
        (end->flags & ENCLAVE_EXIT_FLAG_KILLED) && end->how == ENCLAVE_EXIT_EXITED && killed_for;
    exec->outcome = (struct enclave_outcome){
        .size = sizeof exec->outcome,
        .cause = cause,
        .exit_code = cause == ENCLAVE_CAUSE_EXITED ? end->code : -1,
        .signal = cause == ENCLAVE_CAUSE_SIGNALED || cause == ENCLAVE_CAUSE_OOM ? end->signal : 0,
        .truncated = (exec->out.keep && exec->out.bytes > exec->out.keep->length) ||
                     (exec->err.keep && exec->err.bytes > exec->err.keep->length),
        .oom_kills = end->oom_kills,
        .stdout_bytes = exec->out.bytes,
        .stderr_bytes = exec->err.bytes,
        .wall_us = clock_monotonic_us() - started_us,
        .cpu_us = end->cpu_us,
        .peak_memory = end->peak_memory,
        .forked = (end->flags & ENCLAVE_EXIT_FLAG_FORKED) != 0,
    };
}

static int32_t start(struct running *run, struct enclave_error *err)
{
    struct exec *exec = run->exec;
    struct enclave_process_events events = {sizeof events, 0,           run,
                                            on_output,     on_writable, on_exit_event};

    exec->spawn.size = sizeof exec->spawn;
    exec->spawn.flags = exec->stdin_length ? ENCLAVE_SPAWN_STDIN : 0;
    exec->spawn.window = WINDOW;
    struct enclave_error why = ENCLAVE_ERROR_INIT;
    int32_t r = exec->ops->spawn(exec->sandbox, &exec->spawn, &events, &run->process, &why);
    return plugin_result(r, &why, exec->backend, "spawn", err);
}

int32_t exec_run(struct exec *exec, struct enclave_error *err)
{
    struct running run = {.exec = exec,
                          .lock = PTHREAD_MUTEX_INITIALIZER,
                          .queued_mode = exec->output || exec->out.sink || exec->err.sink,
                          .queue = BUFFER_INIT(QUEUE_MAX)};
    struct pump pump = {.stdin_open = exec->stdin_length > 0, .taken = run.queue};
    struct cancel_watch watch = {on_cancel, &run, NULL};
    int64_t started_us = clock_monotonic_us();
    int32_t r = clock_cond_init(&run.wake);

    if (r < 0) {
        return enclave_error_set(err, r, "run a command: out of memory");
    }
    exec->out.bytes = exec->err.bytes = 0;
    exec->reason[0] = '\0';
    r = start(&run, err);
    if (r == 0) {
        cancel_add(exec->cancel, &watch);
        if (pump.stdin_open) {
            feed_stdin(&run, &pump);
        }
        pump_until_exit(&run, &pump, err);
        cancel_remove(exec->cancel, &watch);
        fill_outcome(&run, pump.killed_for, started_us);
        exec->ops->process_release(run.process);
        r = pump.failed;
    }
    (void)pthread_cond_destroy(&run.wake);
    (void)pthread_mutex_destroy(&run.lock);
    buffer_free(&run.queue);
    buffer_free(&pump.taken);
    return r;
}
