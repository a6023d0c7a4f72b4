/*
 * adoption.c - see adoption.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "adoption.h"

#include "config.h"
#include "exec.h"
#include "kill.h"
#include "relay.h"
#include "util.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define CONFIG_WAIT_MS 30000

/* Engines may still pass on what the old manager had sent, beside the new one's stream. They do so at once, so a
 * few rounds in a row with nothing in between are taken for its end. */
#define CLEAR_ROUNDS 3

void adoption_init(struct agent *agent)
{
    agent->adoption.relay_fd = -1;
    agent->adoption.lease_ms = CONFIG_WAIT_MS;
    agent->adoption.heard_ms = now_ms();
}

void adoption_config(struct agent *agent, uint32_t lease_ms, const uint8_t *token)
{
    agent->adoption.lease_ms = lease_ms;
    agent->adoption.has_token = token != NULL;
    if (token)
        memcpy(agent->adoption.token, token, WIRE_TOKEN_SIZE);
}

/* -------------------------------------------------------------------------------------- streams */

/* What is still said goes nowhere, and only a call is listened for. */
static void drop_stream(struct agent *agent)
{
    if (agent->in_watched)
        watch_remove(agent, agent->in.fd);
    if (agent->out_watched)
        watch_remove(agent, agent->out.fd);
    agent->in_watched = agent->out_watched = false;
    close_fd(&agent->in.fd);
    close_fd(&agent->out.fd);
    outbox_clear(&agent->out);
    inbox_clear(&agent->in);
    agent->adoption.phase = ADOPTION_DEAF;
    agent->adoption.answer_due = false;
    agent->adoption.tail_length = 0;
}

/* Payloads cannot connect: it is the agent's, in a folder of the agent's. */
static int listen_for_relay(struct agent *agent)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (snprintf(address.sun_path, sizeof(address.sun_path), "%s/" RELAY_SOCKET,
                 agent->config.scratch_dir) >= (int)sizeof(address.sun_path))
        return -1;
    CLEANUP_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    mode_t mask = umask(077);
    int r = fd < 0 ? -1 : bind(fd, (const struct sockaddr *)&address, sizeof(address));
    umask(mask);
    if (r < 0 || listen(fd, 1) < 0 || watch_add(agent, fd, EPOLLIN, WATCH_RELAY, 0, 0) < 0)
        return -1;
    agent->adoption.relay_fd = steal_fd(&fd);
    return 0;
}

void adoption_stream_ended(struct agent *agent)
{
    struct adoption *a = &agent->adoption;
    if (!a->has_token || (a->relay_fd < 0 && listen_for_relay(agent) < 0))
        agent_end(agent);
    drop_stream(agent);
    agent->out.fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (agent->out.fd < 0)
        agent_end(agent);
}

void adoption_accept(struct agent *agent)
{
    int fd = accept4(agent->adoption.relay_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    int other = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (other < 0) {
        close_fd(&fd);
        return;
    }
    drop_stream(agent); /* of a manager that is gone, since there is a new one */
    agent->in.fd = fd;
    agent->out.fd = other;
}

/* ---------------------------------------------------------------------------------------- calls */

/* Remember the end of what came: a call may go on in what comes next. */
static void keep_tail(struct adoption *a, const uint8_t *data, size_t length)
{
    size_t keep = sizeof(a->tail) - (length < sizeof(a->tail) ? length : sizeof(a->tail));
    if (keep > a->tail_length)
        keep = a->tail_length;
    memmove(a->tail, a->tail + a->tail_length - keep, keep);
    size_t more = length < sizeof(a->tail) ? length : sizeof(a->tail);
    memcpy(a->tail + keep, data + length - more, more);
    a->tail_length = keep + more;
}

/* Where the first call in `data` ends, and its number; 0: there is none. */
static size_t find_call(const struct adoption *a, const uint8_t *data, size_t length,
                        uint8_t *ret_number)
{
    const uint8_t *at = memmem(data, length, a->token, WIRE_TOKEN_SIZE);
    if (!at || (size_t)(data + length - at) < WIRE_CALL_SIZE)
        return 0;
    memcpy(ret_number, at + WIRE_TOKEN_SIZE, sizeof(a->number));
    return (size_t)(at - data) + WIRE_CALL_SIZE;
}

/* The same, of a call that may have begun in the tail. */
static size_t next_call(struct adoption *a, const uint8_t *data, size_t length)
{
    uint8_t border[2 * sizeof(a->tail)];
    size_t more = length < sizeof(a->tail) ? length : sizeof(a->tail);
    memcpy(border, a->tail, a->tail_length);
    memcpy(border + a->tail_length, data, more);
    size_t end = find_call(a, border, a->tail_length + more, a->number);
    return end > 0 ? end - a->tail_length : find_call(a, data, length, a->number);
}

/* What the old manager executed is lost to everybody: it ends, and what it still says with it. */
static void begin_meeting(struct agent *agent)
{
    agent->adoption.phase = ADOPTION_MEETING;
    agent->adoption.clear_rounds = 0;
    for (size_t i = 0; i < agent->exec_high; i++) {
        struct exec *exec = &agent->execs[i];
        if (exec->id != 0 && exec->stays && !exec->killed)
            exec_set_adrift(agent, exec);
        else if (exec->id != 0)
            kill_begin(agent, exec);
    }
}

static void called(struct agent *agent, uint64_t between)
{
    struct adoption *a = &agent->adoption;
    if (a->phase != ADOPTION_MEETING)
        begin_meeting(agent);
    else
        a->clear_rounds = between == 0 ? a->clear_rounds + 1 : 0;
    a->answer_due = true;
    a->called = false;
    a->since_call = 0;
    a->tail_length = 0;
}

void adoption_listen(struct agent *agent)
{
    struct adoption *a = &agent->adoption;
    uint8_t *data = agent->in.bytes + agent->in.end - agent->in.fresh;
    size_t call_end = 0;
    a->heard_ms = now_ms();
    a->rest_length = 0;
    if (!a->has_token)
        return;
    if (a->phase == ADOPTION_NONE)
        call_end = next_call(a, data, agent->in.fresh);
    a->called = call_end > 0;
    if (!a->called && a->phase == ADOPTION_NONE) {
        keep_tail(a, data, agent->in.fresh);
        return;
    }
    a->rest = data + call_end;
    a->rest_length = agent->in.fresh - call_end;
    /* What came before a call are frames still. */
    agent->in.end -= agent->in.fresh;
    agent->in.end += call_end > WIRE_CALL_SIZE ? call_end - WIRE_CALL_SIZE : 0;
}

void adoption_answer(struct agent *agent)
{
    struct adoption *a = &agent->adoption;
    const uint8_t *data = a->rest;
    size_t length = a->rest_length;
    if (a->called)
        called(agent, 0);
    else if (length == 0)
        return;
    for (size_t end; (end = next_call(a, data, length)) > 0;) {
        called(agent, a->since_call + end - WIRE_CALL_SIZE);
        data += end;
        length -= end;
    }
    a->since_call += length;
    keep_tail(a, data, length);
    if (a->phase != ADOPTION_NONE)
        inbox_clear(&agent->in);
}

/* After the executions have ended, so that none is there for the new manager to meet. */
static void answer(struct agent *agent)
{
    struct adoption *a = &agent->adoption;
    bool done = a->clear_rounds >= CLEAR_ROUNDS;
    uint8_t text[WIRE_CALL_SIZE];
    for (size_t i = 0; i < WIRE_TOKEN_SIZE; i++)
        text[i] = a->token[i] ^ (done ? WIRE_ANSWER_DONE : WIRE_ANSWER_AGAIN);
    memcpy(text + WIRE_TOKEN_SIZE, a->number, sizeof(a->number));
    outbox_raw(&agent->out, text, sizeof(text));
    a->answer_due = false;
    if (done)
        a->phase = ADOPTION_NONE;
}

/* --------------------------------------------------------------------------------------- frames */

static int set_state(struct adoption *a, const struct frame *frame)
{
    uint8_t *state = realloc(a->state, frame->length > 0 ? frame->length : 1);
    if (!state)
        return -1;
    memcpy(state, frame->payload, frame->length);
    a->state = state;
    a->state_length = frame->length;
    return 0;
}

int adoption_message(struct agent *agent, const struct frame *frame)
{
    switch (frame->type) {
    case WIRE_LEASE:
        if (frame->length != 4)
            return -1;
        agent->adoption.lease_ms = wire_get_u32(frame->payload);
        return 0;
    case WIRE_SET_STATE:
        return set_state(&agent->adoption, frame);
    case WIRE_GREET:
        outbox_frame(&agent->out, WIRE_STATE, 0, 0, agent->adoption.state,
                     agent->adoption.state_length);
        config_send_ready(agent);
        return 0;
    case WIRE_END:
        agent_end(agent);
    default:
        return -1;
    }
}

void adoption_refuse(struct agent *agent, const char *reason)
{
    if (!agent->adoption.has_token)
        agent_fatal(agent, reason);
    agent_say_fatal(agent, reason);
    agent->adoption.phase = ADOPTION_DEAF;
    inbox_clear(&agent->in);
}

/* ----------------------------------------------------------------------------------------- time */

static int64_t lease_left_ms(const struct adoption *a)
{
    return a->heard_ms + a->lease_ms - now_ms();
}

void adoption_step(struct agent *agent)
{
    struct adoption *a = &agent->adoption;
    if (a->answer_due && agent->killing == 0 && agent->reset.step == RESET_NONE)
        answer(agent);
    if (a->lease_ms != 0 && lease_left_ms(a) <= 0)
        agent_end(agent);
}

int adoption_wait_ms(const struct agent *agent)
{
    if (agent->adoption.lease_ms == 0)
        return -1;
    int64_t left = lease_left_ms(&agent->adoption);
    return left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}
