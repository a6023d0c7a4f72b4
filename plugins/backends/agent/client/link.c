/*
 * link.c - one agent: its stream, its life, its lock.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "link.h"

#include "../wire.h"
#include "loop.h"
#include "process.h"
#include "text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

int link_broken(struct agent *agent, const char *format, ...)
{
    char what[LINK_REASON_SIZE - 64];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(what, sizeof what, format, args);
    va_end(args);
    (void)snprintf(agent->broken, sizeof agent->broken, "the agent broke the protocol: it sent %s",
                   what);
    return ENCLAVE_EPROTOCOL;
}

int32_t link_gone(const struct agent *agent, struct enclave_error *err)
{
    const char *reason = agent->fail_wanted || agent->close_wanted ? agent->fail_reason
                         : agent->ended                            ? agent->end_reason
                                        : "the agent does not take what it is sent";

    return enclave_error_set(err, ENCLAVE_ELOST, "the sandbox is gone: %s", reason);
}

/* ----------------------------------------------------------------------------------- the end */

static void copy_reason(char *to, const char *reason)
{
    const char *from = reason && *reason ? reason : "no reason is known";

    agent_text_clean(to, LINK_REASON_SIZE, from, strlen(from), 0);
}

/* With what the engine, or the agent on its stderr, had to say. */
static void set_end(struct agent *agent, int32_t code, const char *reason)
{
    char diagnosis[LINK_REASON_SIZE / 2];
    char text[LINK_REASON_SIZE];

    agent->end_code = code;
    if (demux_diagnosis(&agent->demux, diagnosis, sizeof diagnosis) > 0) {
        (void)snprintf(text, sizeof text, "%.180s: %s", reason, diagnosis);
        reason = text;
    }
    copy_reason(agent->end_reason, reason);
}

static void close_stream(struct agent *agent)
{
    loop_remove(agent->loop, agent->transport.fd);
    agent->transport.close(agent->transport.ctx);
    agent->ended = 1;
    send_clear(agent);
    process_forget_kills(agent);
    pthread_cond_broadcast(&agent->changed);
}

static void wake_connect(struct agent *agent)
{
    uint64_t one = 1;

    if (agent->ready_fd >= 0) {
        (void)!write(agent->ready_fd, &one, sizeof one);
    }
}

/* The stream is over; the first reason stays. */
static void end(struct agent *agent, int32_t code, const char *reason)
{
    char told[LINK_REASON_SIZE];
    int tell;

    pthread_mutex_lock(&agent->lock);
    if (agent->ended) {
        pthread_mutex_unlock(&agent->lock);
        return;
    }
    set_end(agent, code, reason);
    close_stream(agent);
    wake_connect(agent);
    tell = agent->state == LINK_ALIVE && !agent->fail_wanted && !agent->close_wanted;
    memcpy(told, agent->end_reason, sizeof told);
    pthread_mutex_unlock(&agent->lock);
    if (!tell) {
        return;
    }
    if (agent->lost) {
        agent->lost(agent->lost_ctx, told);
    } else {
        agent_fail(agent, told);
    }
}

void link_kill_overdue(struct agent *agent)
{
    end(agent, ENCLAVE_ELOST, "the agent did not end an execution in the time it has for that");
}

/* -------------------------------------------------------------------------------------- frames */

static int on_fatal(struct agent *agent, const uint8_t *payload, size_t length)
{
    char reason[LINK_REASON_SIZE - 32];

    if (length < 4 || wire_get_u32(payload) != length - 4) {
        return link_broken(agent, "a FATAL of %zu bytes", length);
    }
    agent_text_clean(reason, sizeof reason, payload + 4, length - 4, 0);
    (void)snprintf(agent->broken, sizeof agent->broken, "the agent gave up: %s", reason);
    return ENCLAVE_ELOST;
}

/* Before the payload has come, so that nonsense is not waited for. */
static int check_header(struct agent *agent, const uint8_t *header)
{
    uint32_t length = wire_get_u32(header);
    uint32_t id = wire_get_u32(header + 8);
    uint8_t type = header[4];

    if (type < WIRE_READY || type > WIRE_STATE) {
        return link_broken(agent, "a frame of type %u", type);
    }
    if (length > WIRE_PAYLOAD_MAX) {
        return link_broken(agent, "a frame of %u bytes", length);
    }
    if (wire_get_u16(header + 6) != 0 || (type != WIRE_OUTPUT && header[5] != 0)) {
        return link_broken(agent, "a frame with unknown flags");
    }
    if ((type == WIRE_READY || type == WIRE_FATAL || type == WIRE_STATE) != (id == 0)) {
        return link_broken(agent, "a frame of type %u for execution %u", type, id);
    }
    return 0;
}

static int is_connecting(struct agent *agent)
{
    int connecting;

    pthread_mutex_lock(&agent->lock);
    connecting = agent->state == LINK_CONNECTING;
    pthread_mutex_unlock(&agent->lock);
    return connecting;
}

static int take_frame(struct agent *agent, const uint8_t *frame)
{
    const uint8_t *payload = frame + WIRE_HEADER_SIZE;
    uint32_t length = wire_get_u32(frame);

    switch (frame[4]) {
    case WIRE_FATAL:
        return on_fatal(agent, payload, length);
    case WIRE_READY:
        return is_connecting(agent) ? connect_ready(agent, payload, length)
                                    : link_broken(agent, "READY twice");
    case WIRE_STATE:
        return is_connecting(agent) ? connect_state(agent, payload, length)
                                    : link_broken(agent, "a state that nobody asked for");
    default:
        return process_frame(agent, frame[4], frame[5], wire_get_u32(frame + 8), payload, length);
    }
}

/* All whole frames of the buffer; 0 or the code of the end. */
static int take_frames(struct agent *agent)
{
    while (agent->in_end - agent->in_start >= WIRE_HEADER_SIZE) {
        const uint8_t *frame = agent->in + agent->in_start;
        int rc = check_header(agent, frame);

        if (rc == 0) {
            size_t length = WIRE_HEADER_SIZE + (size_t)wire_get_u32(frame);

            if (agent->in_end - agent->in_start < length) {
                break;
            }
            agent->in_start += length;
            rc = take_frame(agent, frame);
        }
        if (rc < 0) {
            return rc;
        }
    }
    if (agent->in_start == agent->in_end) {
        agent->in_start = 0;
        agent->in_end = 0;
    }
    return 0;
}

/* ----------------------------------------------------------------------------------- receiving */

/* The buffer holds two of the largest frames, so that there is room after the part of one. */
_Static_assert(LOOP_BUFFER_SIZE >= 2 * WIRE_PAYLOAD_MAX, "a frame must fit behind a part of one");

static void make_room(struct agent *agent)
{
    if (agent->in_start > 0 && LOOP_BUFFER_SIZE - agent->in_end < LOOP_BUFFER_SIZE / 2) {
        memmove(agent->in, agent->in + agent->in_start, agent->in_end - agent->in_start);
        agent->in_end -= agent->in_start;
        agent->in_start = 0;
    }
}

/* As transport.read; -EBADF when the stream has ended meanwhile. */
static ssize_t read_some(struct agent *agent)
{
    ssize_t n = -EBADF;

    pthread_mutex_lock(&agent->lock);
    if (!agent->ended) {
        n = agent->transport.read(agent->transport.ctx, agent->in + agent->in_end,
                                  LOOP_BUFFER_SIZE - agent->in_end);
    }
    pthread_mutex_unlock(&agent->lock);
    return n;
}

static void end_of_stream(struct agent *agent, ssize_t n)
{
    char reason[LINK_REASON_SIZE];

    if (n < 0) {
        (void)snprintf(reason, sizeof reason, "reading from the agent failed: %s",
                       strerror((int)-n));
    } else {
        (void)snprintf(reason, sizeof reason, "the agent's stream ended%s",
                       agent->in_start != agent->in_end ? " in the middle of a frame" : "");
    }
    end(agent, ENCLAVE_ELOST, reason);
}

/* What has just been read; 0 or the code of the end. */
static int take_input(struct agent *agent, size_t length)
{
    ssize_t n = (ssize_t)length;

    if (agent->transport.flags & AGENT_TRANSPORT_MULTIPLEXED) {
        n = demux_feed(&agent->demux, agent->in + agent->in_end, length);
        if (n < 0) {
            return link_broken(agent, "no attach framing");
        }
    }
    agent->in_end += (size_t)n;
    return take_frames(agent);
}

/* Until nothing is left or the budget is spent; then the rest waits for the loop's next round, as
 * a transport may hold bytes that epoll knows nothing of. */
static void receive_into(struct agent *agent)
{
    size_t budget = LINK_READ_BUDGET;

    while (budget > 0) {
        ssize_t n;
        int rc;

        make_room(agent);
        n = read_some(agent);
        if (n == -EINTR) {
            continue;
        }
        if (n == -EAGAIN || n == -EBADF) {
            return;
        }
        if (n <= 0) {
            end_of_stream(agent, n);
            return;
        }
        budget -= (size_t)n < budget ? (size_t)n : budget;
        rc = take_input(agent, (size_t)n);
        if (rc < 0) {
            end(agent, rc, agent->broken);
            return;
        }
        if (agent->transport.flags & AGENT_TRANSPORT_PLAIN) {
            return; /* epoll tells when there is more, for less than reading in vain */
        }
    }
    loop_attend(agent->loop, agent);
}

static void receive(struct agent *agent)
{
    if (!agent->in && !(agent->in = loop_buffer_take(agent->loop))) {
        end(agent, ENCLAVE_ENOMEM, "out of memory for what the agent sends");
        return;
    }
    receive_into(agent);
    if (agent->in_start == agent->in_end) {
        loop_buffer_give(agent->loop, agent->in);
        agent->in = NULL;
    }
}

/* ------------------------------------------------------------------------------ from the loop */

static void flush(struct agent *agent)
{
    int wake = 0;

    pthread_mutex_lock(&agent->lock);
    if (agent->out.waits) {
        send_flush(agent);
        wake = agent->out.stdin_waits && send_queued(agent) < SEND_STDIN_MAX / 2;
        if (wake) {
            agent->out.stdin_waits = 0;
        }
    }
    pthread_mutex_unlock(&agent->lock);
    if (wake) {
        process_wake_writers(agent);
    }
}

void link_ready(struct agent *agent, uint32_t events)
{
    (void)events; /* a transport may need the one to do the other */
    flush(agent);
    receive(agent);
}

/* What the agent said last is worth more than the error of a write to it. */
static void end_after_error(struct agent *agent, int error)
{
    char reason[LINK_REASON_SIZE];

    receive(agent);
    if (error == EXFULL) {
        (void)snprintf(reason, sizeof reason, "the agent does not read what it is sent");
    } else {
        (void)snprintf(reason, sizeof reason, "writing to the agent failed: %s", strerror(error));
    }
    end(agent, ENCLAVE_ELOST, reason);
}

void link_renew(struct agent *agent)
{
    pthread_mutex_lock(&agent->lock);
    if (send_queued(agent) == 0) { /* else something is on its way, which does as well */
        send_frame_u32(agent, WIRE_LEASE, 0, loop_lease_ms(agent->lease_ms));
    }
    pthread_mutex_unlock(&agent->lock);
}

static void drop(struct agent *agent)
{
    loop_forget(agent->loop, agent);
    pthread_mutex_lock(&agent->lock);
    agent->dropped = 1;
    pthread_cond_broadcast(&agent->changed);
    pthread_mutex_unlock(&agent->lock);
}

void link_attend(struct agent *agent)
{
    int closing;
    int failing;
    int error;

    pthread_mutex_lock(&agent->lock);
    closing = agent->close_wanted;
    failing = agent->fail_wanted;
    error = agent->out.error;
    pthread_mutex_unlock(&agent->lock);
    if (closing || failing) {
        end(agent, ENCLAVE_ELOST, agent->fail_reason);
        process_lose_all(agent, agent->fail_reason);
    } else if (error) {
        end_after_error(agent, error);
    } else {
        receive(agent);
    }
    if (closing) {
        drop(agent);
    }
}

/* -------------------------------------------------------------------------------- the owner */

int agent_alive(const struct agent *agent)
{
    pthread_mutex_t *lock = (pthread_mutex_t *)&agent->lock;
    int alive;

    pthread_mutex_lock(lock);
    alive = !agent->ended && !agent->fail_wanted && !agent->close_wanted;
    pthread_mutex_unlock(lock);
    return alive;
}

void agent_fail(struct agent *agent, const char *reason)
{
    pthread_mutex_lock(&agent->lock);
    if (!agent->fail_wanted && !agent->close_wanted) {
        agent->fail_wanted = 1;
        copy_reason(agent->fail_reason, reason);
        loop_attend(agent->loop, agent);
    }
    pthread_mutex_unlock(&agent->lock);
}

static void close_link(struct agent *agent, const char *reason, int end_sandbox)
{
    pthread_mutex_lock(&agent->lock);
    if (!agent->close_wanted) {
        if (end_sandbox && agent->lease_ms) { /* otherwise the end of the stream says it */
            send_frame(agent, WIRE_END, 0, NULL, 0);
        }
        agent->close_wanted = 1;
        if (!agent->fail_wanted) {
            copy_reason(agent->fail_reason, reason);
        }
        loop_attend(agent->loop, agent);
    }
    while (!agent->dropped) {
        pthread_cond_wait(&agent->changed, &agent->lock);
    }
    pthread_mutex_unlock(&agent->lock);
}

void agent_close(struct agent *agent, const char *reason)
{
    close_link(agent, reason, 1);
}

void agent_detach(struct agent *agent, const char *reason)
{
    close_link(agent, reason, 0);
}

void link_destroy(struct agent *agent)
{
    send_clear(agent);
    table_free(&agent->table);
    pthread_cond_destroy(&agent->changed);
    pthread_mutex_destroy(&agent->lock);
    free(agent->facts);
    free(agent->kept.data);
    free(agent->in);
    free(agent);
}

void agent_free(struct agent *agent)
{
    if (agent) {
        link_destroy(agent);
    }
}
