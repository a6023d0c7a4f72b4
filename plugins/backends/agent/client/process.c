/*
 * process.c - one execution: credit, stdin's room, its end.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "process.h"

#include "../wire.h"
#include "link.h"
#include "loop.h"
#include "message.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

#define PROCESSES_MAX 65536 /* of one agent at a time */
#define REASON_SIZE 512

/* --------------------------------------------------------------------------------------- start */

static struct process *process_new(struct agent *agent, const struct process_start *start)
{
    struct process *process = calloc(1, sizeof *process);

    if (process) {
        process->agent = agent;
        process->events = *start->events;
        process->window = start->window;
        process->streams[0].allowed = start->window;
        process->streams[1].allowed = start->window;
        process->stdin_open = start->has_stdin;
        process->room = start->has_stdin ? WIRE_STDIN_WINDOW : 0;
    }
    return process;
}

static uint32_t new_id(struct agent *agent)
{
    do {
        agent->next_id++;
    } while (agent->next_id == 0 || table_find(&agent->table, agent->next_id));
    return agent->next_id;
}

/* Lock held. After this nothing can fail. */
static int32_t prepare(struct agent *agent, size_t length, struct enclave_error *err)
{
    int32_t rc = send_reserve(agent, length, err);

    if (rc < 0) {
        return rc;
    }
    if (agent->table.count >= PROCESSES_MAX) {
        return enclave_error_set(err, ENCLAVE_EBUSY,
                                 "%d executions are under way in the sandbox; wait for some to end",
                                 PROCESSES_MAX);
    }
    if (table_reserve(&agent->table) != 0) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
    }
    return 0;
}

int32_t process_start(struct agent *agent, struct message *message,
                      const struct process_start *start, void **ret_process,
                      struct enclave_error *err)
{
    struct process *process = process_new(agent, start);
    int32_t rc;

    if (!process) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "%s '%.128s': out of memory", start->what,
                                 start->name);
    }
    pthread_mutex_lock(&agent->lock);
    rc = prepare(agent, message->length, err);
    if (rc == 0) {
        process->id = new_id(agent);
        message_set_id(message, process->id);
        table_add(&agent->table, process);
        *ret_process = process;
        send_message(agent, message);
        process = NULL; /* it can end, and be released, from now on */
    }
    pthread_mutex_unlock(&agent->lock);
    free(process);
    return rc < 0 ? enclave_error_prefix(err, rc, "%s '%.128s': ", start->what, start->name) : 0;
}

/* -------------------------------------------------------------------------------------- output */

/*
 * `length` bytes are done with. CREDIT goes back in halves of the window, so that a busy stream
 * costs few frames; and earlier when the agent has little left, so that a consumer that keeps most
 * of the window for itself still gets the rest.
 */
static void consume(struct process *process, uint32_t stream, uint64_t length)
{
    struct process_stream *s = &process->streams[stream - 1];
    uint32_t n = length < s->held ? (uint32_t)length : s->held;

    s->held -= n;
    s->owed += n;
    if (process->ended || s->owed == 0) {
        return;
    }
    if (s->owed >= process->window / 2 || s->allowed <= process->window / 8) {
        send_credit(process->agent, process->id, stream, s->owed);
        s->allowed += s->owed;
        s->owed = 0;
    }
}

static int on_output(struct process *process, uint32_t stream, const uint8_t *data, size_t length)
{
    struct agent *agent = process->agent;
    struct process_stream *s;
    uint64_t done;
    int fits;

    if (stream != WIRE_STDOUT && stream != WIRE_STDERR) {
        return link_broken(agent, "output of a stream %u", stream);
    }
    s = &process->streams[stream - 1];
    pthread_mutex_lock(&agent->lock);
    fits = length <= s->allowed;
    if (fits) {
        s->allowed -= (uint32_t)length;
        s->held += (uint32_t)length;
    }
    pthread_mutex_unlock(&agent->lock);
    if (!fits) {
        return link_broken(agent, "more output than it had credit for");
    }
    if (length == 0) {
        return 0;
    }
    done = process->events.output(process->events.ctx, stream, data, length);
    pthread_mutex_lock(&agent->lock);
    consume(process, stream, done < length ? done : length);
    pthread_mutex_unlock(&agent->lock);
    return 0;
}

void agent_process_credit(void *handle, uint32_t stream, uint64_t length)
{
    struct process *process = handle;

    if (stream != WIRE_STDOUT && stream != WIRE_STDERR) {
        return;
    }
    pthread_mutex_lock(&process->agent->lock);
    consume(process, stream, length);
    pthread_mutex_unlock(&process->agent->lock);
}

/* --------------------------------------------------------------------------------------- stdin */

static int on_stdin_room(struct process *process, const uint8_t *payload, size_t length)
{
    struct agent *agent = process->agent;
    uint32_t more = length == 4 ? wire_get_u32(payload) : 0;
    int wake = 0;
    int fits;

    if (length != 4) {
        return link_broken(agent, "a STDIN_ROOM of %zu bytes", length);
    }
    pthread_mutex_lock(&agent->lock);
    fits = more <= WIRE_STDIN_WINDOW - process->room;
    if (fits) {
        process->room += more;
        wake = process->writable_wanted && process->room > 0 && send_queued(agent) < SEND_STDIN_MAX;
        agent->out.stdin_waits |= process->writable_wanted && !wake;
        process->writable_wanted = process->writable_wanted && !wake;
    }
    pthread_mutex_unlock(&agent->lock);
    if (!fits) {
        return link_broken(agent, "room for stdin that was not used");
    }
    if (wake && process->events.writable) {
        process->events.writable(process->events.ctx);
    }
    return 0;
}

struct woken {
    struct process *first;
};

static void collect_writer(void *ctx, struct process *process)
{
    struct woken *woken = ctx;

    if (process->writable_wanted && process->room > 0) {
        process->writable_wanted = 0;
        process->wake_next = woken->first;
        woken->first = process;
    }
}

void process_wake_writers(struct agent *agent)
{
    struct woken woken = {0};

    pthread_mutex_lock(&agent->lock);
    table_each(&agent->table, collect_writer, &woken);
    pthread_mutex_unlock(&agent->lock);
    for (struct process *process = woken.first; process; process = process->wake_next) {
        if (process->events.writable) {
            process->events.writable(process->events.ctx);
        }
    }
}

/* Lock held. */
static int32_t check_stdin(const struct process *process, struct enclave_error *err)
{
    if (process->agent->ended) {
        return link_gone(process->agent, err);
    }
    if (process->ended) {
        return enclave_error_set(err, ENCLAVE_ESTATE, "write to stdin: the process has ended");
    }
    if (!process->stdin_open) {
        return enclave_error_set(err, ENCLAVE_ESTATE, "write to stdin: it is closed");
    }
    return 0;
}

static uint64_t write_stdin(struct process *process, const uint8_t *data, uint64_t length)
{
    struct agent *agent = process->agent;
    uint64_t done = 0;

    while (done < length && process->room > 0 && send_queued(agent) < SEND_STDIN_MAX) {
        uint64_t n = length - done < process->room ? length - done : process->room;

        n = n < WIRE_PAYLOAD_MAX ? n : WIRE_PAYLOAD_MAX;
        send_frame(agent, WIRE_STDIN, process->id, data + done, (size_t)n);
        process->room -= (uint32_t)n;
        done += n;
    }
    if (done < length) {
        process->writable_wanted = 1;
        agent->out.stdin_waits |= send_queued(agent) >= SEND_STDIN_MAX;
    }
    return done;
}

int32_t agent_process_write(void *handle, const void *data, uint64_t length, uint64_t *ret_taken,
                            struct enclave_error *err)
{
    struct process *process = handle;
    int32_t rc;

    pthread_mutex_lock(&process->agent->lock);
    rc = check_stdin(process, err);
    if (rc == 0) {
        *ret_taken = write_stdin(process, data, length);
    }
    pthread_mutex_unlock(&process->agent->lock);
    return rc;
}

int32_t agent_process_close_stdin(void *handle, struct enclave_error *err)
{
    struct process *process = handle;
    int32_t rc = 0;

    pthread_mutex_lock(&process->agent->lock);
    if (process->agent->ended) {
        rc = link_gone(process->agent, err);
    } else if (process->stdin_open && !process->ended) {
        process->stdin_open = 0;
        send_frame(process->agent, WIRE_STDIN_EOF, process->id, NULL, 0);
    }
    pthread_mutex_unlock(&process->agent->lock);
    return rc;
}

/* ---------------------------------------------------------------------------------- signal, kill
 */

int32_t agent_process_signal(void *handle, int32_t signal, struct enclave_error *err)
{
    struct process *process = handle;
    int32_t rc = 0;

    if (signal < 1 || signal > 64) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "signal %d: not between 1 and 64", signal);
    }
    pthread_mutex_lock(&process->agent->lock);
    if (process->agent->ended) {
        rc = link_gone(process->agent, err);
    } else if (process->ended) {
        rc = enclave_error_set(err, ENCLAVE_ESTATE, "signal %d: the process has ended", signal);
    } else {
        send_frame_u32(process->agent, WIRE_SIGNAL, process->id, (uint32_t)signal);
    }
    pthread_mutex_unlock(&process->agent->lock);
    return rc;
}

/* Where it has ended already, or its agent has, `exit` has come or will: what was asked for. */
int32_t agent_process_kill(void *handle, struct enclave_error *err)
{
    struct process *process = handle;

    (void)err;
    pthread_mutex_lock(&process->agent->lock);
    if (!process->agent->ended && !process->ended && !process->killed) {
        process->killed = 1;
        send_frame(process->agent, WIRE_KILL, process->id, NULL, 0);
        loop_kill_watch(process->agent->loop, process);
    }
    pthread_mutex_unlock(&process->agent->lock);
    return 0;
}

static void forget_kill(void *ctx, struct process *process)
{
    if (process->killed) {
        loop_kill_forget(ctx, process);
    }
}

void process_forget_kills(struct agent *agent)
{
    table_each(&agent->table, forget_kill, agent->loop);
}

/* ----------------------------------------------------------------------------------------- end */

#define EXIT_FIXED_SIZE 40 /* up to and with the length of `reason` */

/* Lock held; the process is not in the table any more. */
static void set_ended(struct process *process)
{
    process->ended = 1;
    if (process->killed) {
        loop_kill_forget(process->agent->loop, process);
    }
}

/* `process` may be released from within, or by another thread because of it. */
static void deliver_exit(struct process *process, const struct enclave_exit *end)
{
    struct enclave_process_events events = process->events;

    events.exit(events.ctx, end);
}

static int parse_exit(struct agent *agent, const uint8_t *p, size_t length,
                      struct enclave_exit *end, char *reason)
{
    uint32_t code;
    uint32_t signal;
    uint64_t cpu;
    size_t cleaned;

    if (length < EXIT_FIXED_SIZE ||
        wire_get_u32(p + EXIT_FIXED_SIZE - 4) != length - EXIT_FIXED_SIZE) {
        return link_broken(agent, "an EXIT of %zu bytes", length);
    }
    code = wire_get_u32(p + 4);
    signal = wire_get_u32(p + 8);
    end->how = wire_get_u32(p);
    if ((end->how != WIRE_EXITED || code > 4095) &&
        (end->how != WIRE_SIGNALED || signal < 1 || signal > 64)) {
        return link_broken(agent, "an EXIT that is none: how %u, code %u, signal %u", end->how,
                           code, signal);
    }
    end->code = end->how == WIRE_EXITED ? (int32_t)code : 0;
    end->signal = end->how == WIRE_SIGNALED ? (int32_t)signal : 0;
    end->flags = wire_get_u32(p + 12) &
                 (ENCLAVE_EXIT_FLAG_KILLED | ENCLAVE_EXIT_FLAG_OOM | ENCLAVE_EXIT_FLAG_FORKED);
    end->oom_kills = wire_get_u32(p + 16);
    cpu = wire_get_u64(p + 20);
    end->cpu_us = cpu > INT64_MAX ? INT64_MAX : (int64_t)cpu;
    end->peak_memory = wire_get_u64(p + 28);
    cleaned =
        agent_text_clean(reason, REASON_SIZE, p + EXIT_FIXED_SIZE, length - EXIT_FIXED_SIZE, 0);
    end->reason = cleaned > 0 ? reason : NULL;
    return 0;
}

static int on_exit_frame(struct process *process, const uint8_t *payload, size_t length)
{
    struct agent *agent = process->agent;
    struct enclave_exit end = {.size = sizeof end};
    char reason[REASON_SIZE];
    int rc = parse_exit(agent, payload, length, &end, reason);

    if (rc < 0) {
        return rc;
    }
    pthread_mutex_lock(&agent->lock);
    table_remove(&agent->table, process);
    set_ended(process);
    pthread_mutex_unlock(&agent->lock);
    deliver_exit(process, &end);
    return 0;
}

void process_lose_all(struct agent *agent, const char *reason)
{
    struct enclave_exit end = {.size = sizeof end, .how = ENCLAVE_EXIT_LOST, .reason = reason};
    size_t cursor = 0;

    for (;;) {
        struct process *process;

        pthread_mutex_lock(&agent->lock);
        process = table_take(&agent->table, &cursor);
        if (process) {
            set_ended(process);
        }
        pthread_mutex_unlock(&agent->lock);
        if (!process) {
            return;
        }
        deliver_exit(process, &end);
    }
}

void agent_process_release(void *handle)
{
    free(handle);
}

/* -------------------------------------------------------------------------------------- frames */

int process_frame(struct agent *agent, uint8_t type, uint8_t flags, uint32_t id,
                  const uint8_t *payload, size_t length)
{
    struct process *process;

    pthread_mutex_lock(&agent->lock);
    process = table_find(&agent->table, id);
    pthread_mutex_unlock(&agent->lock);
    /* It stays: only this thread ends processes. */
    if (!process) {
        return link_broken(agent, "a frame of type %u for execution %u, which is not there", type,
                           id);
    }
    switch (type) {
    case WIRE_OUTPUT:
        return on_output(process, flags, payload, length);
    case WIRE_STDIN_ROOM:
        return on_stdin_room(process, payload, length);
    default:
        return on_exit_frame(process, payload, length);
    }
}
