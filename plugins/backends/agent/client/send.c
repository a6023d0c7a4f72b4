/*
 * send.c - what is on its way to an agent.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "send.h"

#include "../wire.h"
#include "link.h"
#include "loop.h"
#include "message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#define WRITE_BUDGET (256u << 10) /* of one caller, before the loop goes on in its place */
#define CAPACITY_KEPT (256u << 10)

size_t send_queued(const struct agent *agent)
{
    return agent->out.end - agent->out.start;
}

static void set_error(struct agent *agent, int error)
{
    if (!agent->out.error) {
        agent->out.error = error;
        loop_attend(agent->loop, agent);
    }
}

/* Room for `more` bytes at the end of the queue; 0 or -1. */
static int make_room(struct send_queue *q, size_t more)
{
    size_t length = q->end - q->start;
    size_t capacity = q->capacity ? q->capacity : 4096;
    uint8_t *data;

    if (q->capacity - q->end >= more) {
        return 0;
    }
    if (q->start > 0) {
        memmove(q->data, q->data + q->start, length);
        q->start = 0;
        q->end = length;
    }
    while (capacity - length < more) {
        capacity *= 2; /* both are below SEND_MAX */
    }
    if (capacity == q->capacity) {
        return 0;
    }
    data = realloc(q->data, capacity);
    if (!data) {
        return -1;
    }
    q->data = data;
    q->capacity = capacity;
    return 0;
}

static void append(struct send_queue *q, const void *data, size_t length)
{
    if (length > 0) {
        memcpy(q->data + q->end, data, length);
        q->end += length;
    }
}

/* Returns how many bytes of `data` the transport took. */
static size_t write_some(struct agent *agent, const uint8_t *data, size_t length, size_t budget)
{
    size_t done = 0;

    while (done < length && done < budget) {
        ssize_t n = agent->transport.write(agent->transport.ctx, data + done, length - done);

        if (n > 0) {
            done += (size_t)n;
        } else if (n == -EINTR) {
            continue;
        } else if (n == 0 || n == -EAGAIN) {
            break;
        } else {
            set_error(agent, (int)-n);
            break;
        }
    }
    return done;
}

static void arm(struct agent *agent, int wanted)
{
    uint32_t events = EPOLLIN | (wanted ? (uint32_t)EPOLLOUT : 0);

    if ((wanted != 0) != (agent->out.waits != 0)) {
        agent->out.waits = wanted != 0;
        loop_change(agent->loop, agent, agent->transport.fd, events);
    }
}

void send_flush(struct agent *agent)
{
    struct send_queue *q = &agent->out;

    if (agent->ended || q->error) {
        return;
    }
    q->start += write_some(agent, q->data + q->start, q->end - q->start, WRITE_BUDGET);
    if (q->start == q->end) {
        q->start = 0;
        q->end = 0;
        if (q->capacity > CAPACITY_KEPT) {
            send_clear(agent);
        }
    }
    arm(agent, q->start != q->end && !q->error);
    pthread_cond_broadcast(&agent->changed);
}

void send_clear(struct agent *agent)
{
    free(agent->out.data);
    agent->out.data = NULL;
    agent->out.start = 0;
    agent->out.end = 0;
    agent->out.capacity = 0;
}

/* --------------------------------------------------------------------------------------- messages
 */

static int32_t wait_for_room(struct agent *agent, size_t length, struct enclave_error *err)
{
    struct timespec deadline;

    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += SEND_WAIT_MS / 1000;
    while (!agent->ended && !agent->out.error && send_queued(agent) + length > SEND_MESSAGE_MAX) {
        if (loop_is_own_thread(agent->loop) ||
            pthread_cond_timedwait(&agent->changed, &agent->lock, &deadline) == ETIMEDOUT) {
            return enclave_error_set(err, ENCLAVE_EBUSY,
                                     "the agent does not keep up with what it is sent; try again");
        }
    }
    return 0;
}

int32_t send_reserve(struct agent *agent, size_t length, struct enclave_error *err)
{
    int32_t rc = wait_for_room(agent, length, err);

    if (rc < 0) {
        return rc;
    }
    if (agent->ended || agent->out.error) {
        return link_gone(agent, err);
    }
    if (make_room(&agent->out, length) != 0) {
        return enclave_error_set(err, ENCLAVE_ENOMEM,
                                 "queue %zu bytes for the agent: out of memory", length);
    }
    return 0;
}

void send_message(struct agent *agent, const struct message *message)
{
    size_t done = 0;

    if (agent->ended || agent->out.error) {
        return;
    }
    if (send_queued(agent) == 0) {
        done = write_some(agent, message->data, message->length, WRITE_BUDGET);
    }
    append(&agent->out, message->data + done, message->length - done);
    arm(agent, send_queued(agent) != 0 && !agent->out.error);
}

void send_frame(struct agent *agent, uint8_t type, uint32_t id, const void *payload, size_t length)
{
    uint8_t header[WIRE_HEADER_SIZE];
    int idle = send_queued(agent) == 0;

    if (agent->ended || agent->out.error) {
        return;
    }
    if (send_queued(agent) + sizeof header + length > SEND_MAX) {
        set_error(agent, EXFULL);
        return;
    }
    if (make_room(&agent->out, sizeof header + length) != 0) {
        set_error(agent, ENOMEM);
        return;
    }
    wire_put_header(header, (uint32_t)length, type, 0, id);
    append(&agent->out, header, sizeof header);
    append(&agent->out, payload, length);
    if (idle) {
        send_flush(agent);
    }
}

void send_frame_u32(struct agent *agent, uint8_t type, uint32_t id, uint32_t value)
{
    uint8_t raw[4];

    wire_put_u32(raw, value);
    send_frame(agent, type, id, raw, sizeof raw);
}

void send_credit(struct agent *agent, uint32_t id, uint32_t stream, uint32_t bytes)
{
    uint8_t raw[8];

    wire_put_u32(raw, stream);
    wire_put_u32(raw + 4, bytes);
    send_frame(agent, WIRE_CREDIT, id, raw, sizeof raw);
}
