/*
 * adopt.c - from a stream to an agent that another manager has left, to an agent that is ready.
 *
 * Owns: the call and its answers (../README.md, "Adoption"), by the calling thread alone: only when the stream is
 * clear does the loop get it. Does not own: what comes then (connect.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "../wire.h"
#include "clock.h"
#include "link.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

_Static_assert(AGENT_TOKEN_SIZE == WIRE_TOKEN_SIZE && AGENT_STATE_MAX == WIRE_STATE_MAX,
               "agent.h tells what wire.h says");

#define BUFFER_SIZE (64u << 10)

struct meeting {
    const struct agent_transport *transport;
    const struct agent_config *config;
    int64_t deadline;
    struct demux demux;
    uint64_t number; /* of the last call, so that only its own answer counts */
    size_t length;
    uint8_t buffer[BUFFER_SIZE]; /* the end of what has come */
};

static int32_t failed(struct enclave_error *err, int32_t code, const char *why)
{
    return enclave_error_set(err, code, "adopt the sandbox's agent: %s", why);
}

/* 0: the stream may be ready. */
static int32_t wait_for(const struct meeting *m, short events, struct enclave_error *err)
{
    struct pollfd fds[2] = {{.fd = m->transport->fd, .events = events},
                            {.fd = m->config->cancel_fd, .events = POLLIN}};
    int n = poll(fds, 2, clock_left(m->deadline));

    if (n > 0 && fds[1].revents) {
        return failed(err, ENCLAVE_ECANCELLED, "cancelled");
    }
    if (n == 0) {
        return failed(err, ENCLAVE_ETIMEOUT, "it does not answer");
    }
    return n < 0 && errno != EINTR ? failed(err, ENCLAVE_EIO, strerror(errno)) : 0;
}

static int32_t send_call(struct meeting *m, struct enclave_error *err)
{
    uint8_t call[WIRE_CALL_SIZE];
    size_t done = 0;

    memcpy(call, m->config->token, WIRE_TOKEN_SIZE);
    wire_put_u64(call + WIRE_TOKEN_SIZE, ++m->number);
    while (done < sizeof call) {
        ssize_t n = m->transport->write(m->transport->ctx, call + done, sizeof call - done);
        int32_t rc = 0;

        if (n == -EAGAIN || n == 0) {
            rc = wait_for(m, POLLOUT, err);
        } else if (n < 0 && n != -EINTR) {
            rc = failed(err, ENCLAVE_ELOST, strerror((int)-n));
        }
        if (rc < 0) {
            return rc;
        }
        done += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

/* Some more of what the agent sent, behind the end of what came before. */
static int32_t receive(struct meeting *m, struct enclave_error *err)
{
    size_t keep = m->length < WIRE_CALL_SIZE - 1 ? m->length : WIRE_CALL_SIZE - 1;
    ssize_t n;

    memmove(m->buffer, m->buffer + m->length - keep, keep);
    m->length = keep;
    n = m->transport->read(m->transport->ctx, m->buffer + keep, sizeof m->buffer - keep);
    if (n == -EAGAIN || n == -EINTR) {
        return wait_for(m, POLLIN, err);
    }
    if (n <= 0) {
        return failed(err, ENCLAVE_ELOST, n == 0 ? "its stream ended" : strerror((int)-n));
    }
    if (m->transport->flags & AGENT_TRANSPORT_MULTIPLEXED) {
        n = demux_feed(&m->demux, m->buffer + keep, (size_t)n);
        if (n < 0) {
            return failed(err, ENCLAVE_EPROTOCOL, "its stream has no attach framing");
        }
    }
    m->length += (size_t)n;
    return 0;
}

/* Where the answer of this kind to the last call ends in the buffer, or NULL. */
static const uint8_t *find_answer(const struct meeting *m, uint8_t kind)
{
    uint8_t answer[WIRE_CALL_SIZE];
    const uint8_t *at;

    for (size_t i = 0; i < WIRE_TOKEN_SIZE; i++) {
        answer[i] = (uint8_t)m->config->token[i] ^ kind;
    }
    wire_put_u64(answer + WIRE_TOKEN_SIZE, m->number);
    at = memmem(m->buffer, m->length, answer, sizeof answer);
    return at ? at + sizeof answer : NULL;
}

/* Call until the agent says that the stream is clear. Whatever else comes was for the other manager. */
static int32_t meet(struct meeting *m, struct enclave_error *err)
{
    int32_t rc = send_call(m, err);

    while (rc == 0) {
        const uint8_t *end;

        rc = receive(m, err);
        end = rc == 0 ? find_answer(m, WIRE_ANSWER_DONE) : NULL;
        if (end) {
            return end == m->buffer + m->length
                       ? 0
                       : failed(err, ENCLAVE_EPROTOCOL, "it does not wait to be greeted");
        }
        if (rc == 0 && find_answer(m, WIRE_ANSWER_AGAIN)) {
            rc = send_call(m, err);
        }
    }
    return rc;
}

static int32_t greet(struct agent_loop *loop, const struct meeting *m, struct agent **ret_agent,
                     char **ret_facts, struct enclave_error *err)
{
    struct message message;
    int32_t rc;

    message_begin(&message, WIRE_GREET, WIRE_PAYLOAD_MAX);
    rc = message_finish(&message);
    if (rc < 0) {
        m->transport->close(m->transport->ctx);
        (void)failed(err, rc, "out of memory");
    } else {
        rc = connect_greet(loop, m->transport, &m->demux, m->config, &message, ret_agent, ret_facts,
                           err);
    }
    message_free(&message);
    return rc;
}

int32_t agent_adopt(struct agent_loop *loop, const struct agent_transport *transport,
                    const struct agent_config *config, struct agent **ret_agent, char **ret_facts,
                    struct agent_state *ret_state, struct enclave_error *err)
{
    struct meeting *m = calloc(1, sizeof *m);
    struct agent *agent;
    int32_t rc;

    if (!m) {
        transport->close(transport->ctx);
        return failed(err, ENCLAVE_ENOMEM, "out of memory");
    }
    m->transport = transport;
    m->config = config;
    m->deadline = clock_deadline(config->ready_timeout_ms);
    (void)!getrandom(&m->number, sizeof m->number, 0);
    rc = meet(m, err);
    if (rc < 0) {
        transport->close(transport->ctx);
    } else {
        rc = greet(loop, m, ret_agent, ret_facts, err);
    }
    free(m);
    if (rc < 0) {
        return rc;
    }
    agent = *ret_agent;
    link_renew(agent); /* the lease that it has may be another */
    pthread_mutex_lock(&agent->lock);
    *ret_state = agent->kept;
    agent->kept = (struct agent_state){0};
    pthread_mutex_unlock(&agent->lock);
    return 0;
}

int32_t agent_set_state(struct agent *agent, const void *data, size_t length,
                        struct enclave_error *err)
{
    int32_t rc;

    if (length > AGENT_STATE_MAX) {
        return enclave_error_set(err, ENCLAVE_ETOOBIG,
                                 "a sandbox's state of %zu bytes is over the %d that can be kept",
                                 length, AGENT_STATE_MAX);
    }
    pthread_mutex_lock(&agent->lock);
    rc = send_reserve(agent, WIRE_HEADER_SIZE + length, err);
    if (rc == 0) {
        send_frame(agent, WIRE_SET_STATE, 0, data, length);
    }
    pthread_mutex_unlock(&agent->lock);
    return rc;
}
