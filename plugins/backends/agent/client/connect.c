/*
 * connect.c - from a connected stream to an agent that is ready.
 *
 * Owns: CONFIG, the wait for READY, what is checked of it. Does not own: the way to an agent that
 * another manager has left (adopt.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "../wire.h"
#include "clock.h"
#include "link.h"
#include "loop.h"
#include "message.h"
#include "text.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* --------------------------------------------------------------------------------------- READY */

#define READY_FIXED_SIZE 12 /* up to and with the length of `facts` */

int connect_ready(struct agent *agent, const uint8_t *p, size_t length)
{
    uint64_t one = 1;
    char *facts;

    if (length < 8 || wire_get_u32(p) != WIRE_MAGIC) {
        return link_broken(agent, "something that is not its greeting");
    }
    if (wire_get_u16(p + 4) != WIRE_MAJOR) {
        return link_broken(agent, "version %u.%u of the protocol, and this side speaks %u.%u",
                           wire_get_u16(p + 4), wire_get_u16(p + 6), WIRE_MAJOR, WIRE_MINOR);
    }
    if (length < READY_FIXED_SIZE || wire_get_u32(p + 8) != length - READY_FIXED_SIZE) {
        return link_broken(agent, "a READY of %zu bytes", length);
    }
    facts = malloc(length - READY_FIXED_SIZE + 1);
    if (!facts) {
        (void)snprintf(agent->broken, sizeof agent->broken, "out of memory");
        return ENCLAVE_ENOMEM;
    }
    agent_text_clean(facts, length - READY_FIXED_SIZE + 1, p + READY_FIXED_SIZE,
                     length - READY_FIXED_SIZE, TEXT_LINES);
    pthread_mutex_lock(&agent->lock);
    agent->facts = facts;
    agent->state = LINK_READY;
    if (agent->ready_fd >= 0) {
        (void)!write(agent->ready_fd, &one, sizeof one);
    }
    pthread_mutex_unlock(&agent->lock);
    return 0;
}

int connect_state(struct agent *agent, const uint8_t *payload, size_t length)
{
    uint8_t *data = malloc(length ? length : 1);

    if (!data) {
        (void)snprintf(agent->broken, sizeof agent->broken, "out of memory");
        return ENCLAVE_ENOMEM;
    }
    memcpy(data, payload, length);
    pthread_mutex_lock(&agent->lock);
    free(agent->kept.data);
    agent->kept = (struct agent_state){data, length};
    pthread_mutex_unlock(&agent->lock);
    return 0;
}

/* -------------------------------------------------------------------------------------- CONFIG */

static int32_t build_config(const struct agent_config *config, struct message *message,
                            struct enclave_error *err)
{
    int32_t rc;

    message_begin(message, WIRE_CONFIG, WIRE_PAYLOAD_MAX);
    message_u32(message, WIRE_MAGIC);
    message_u16(message, WIRE_MAJOR);
    message_u16(message, WIRE_MINOR);
    message_u32(message, (config->privileged ? WIRE_CONFIG_PRIVILEGED : 0) |
                             (config->give_working_dir ? WIRE_CONFIG_GIVE_WORKING_DIR : 0));
    message_u32(message, config->uid);
    message_u32(message, config->gid);
    message_str(message, config->working_dir);
    message_str(message, config->scratch_dir);
    message_list(message, config->env);
    message_list(message, config->checks);
    message_u32(message, (uint32_t)config->rlimit_count);
    for (size_t i = 0; i < config->rlimit_count; i++) {
        message_u32(message, config->rlimits[i].resource);
        message_u64(message, config->rlimits[i].limit);
    }
    message_u32(message, loop_lease_ms(config->lease_ms));
    message_str(message, config->token);
    rc = message_finish(message);
    if (rc == ENCLAVE_ETOOBIG) {
        return enclave_error_set(err, rc,
                                 "configure the sandbox's agent: the environment is too large; "
                                 "with all else it may have %d bytes",
                                 WIRE_PAYLOAD_MAX);
    }
    return rc < 0 ? enclave_error_set(err, rc, "configure the sandbox's agent: out of memory") : 0;
}

/* --------------------------------------------------------------------------------------- agent */

static struct agent *new_agent(struct agent_loop *loop, const struct agent_transport *transport,
                               const struct demux *demux, const struct agent_config *config)
{
    struct agent *agent = calloc(1, sizeof *agent);
    pthread_condattr_t attributes;

    if (!agent) {
        return NULL;
    }
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&agent->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&agent->lock, NULL);
    agent->loop = loop;
    agent->transport = *transport;
    agent->demux = *demux;
    agent->lease_ms = config->lease_ms;
    agent->lost = config->lost;
    agent->lost_ctx = config->lost_ctx;
    agent->ready_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return agent;
}

/* Give it to the loop and send the first message. On failure the transport is still the caller's. */
static int32_t begin(struct agent *agent, const struct message *message, struct enclave_error *err)
{
    int32_t rc;
    int error = agent->ready_fd < 0 ? -EMFILE : 0;

    pthread_mutex_lock(&agent->lock);
    rc = send_reserve(agent, message->length, err);
    if (rc == 0 && error == 0) {
        error = loop_add(agent->loop, agent, agent->transport.fd, EPOLLIN);
    }
    if (rc == 0 && error == 0) {
        send_message(agent, message);
        if (agent->lease_ms) {
            loop_lease_watch(agent->loop, agent);
        }
    }
    pthread_mutex_unlock(&agent->lock);
    if (error < 0) {
        return enclave_error_set(err, ENCLAVE_EIO, "connect to the sandbox's agent: %s",
                                 strerror(-error));
    }
    return rc;
}

/* 0: something came, or an error. */
static int32_t wait_ready(const struct agent *agent, const struct agent_config *config,
                          struct enclave_error *err)
{
    int64_t deadline = clock_deadline(config->ready_timeout_ms);
    struct pollfd fds[2] = {{.fd = agent->ready_fd, .events = POLLIN},
                            {.fd = config->cancel_fd, .events = POLLIN}};

    for (;;) {
        int n = poll(fds, 2, clock_left(deadline));

        if (n > 0 && fds[0].revents) {
            return 0;
        }
        if (n > 0 && fds[1].revents) {
            return enclave_error_set(err, ENCLAVE_ECANCELLED,
                                     "wait for the sandbox's agent: cancelled");
        }
        if (n == 0) {
            return enclave_error_set(err, ENCLAVE_ETIMEOUT,
                                     "the sandbox's agent was not ready after %lld ms",
                                     (long long)config->ready_timeout_ms);
        }
        if (n < 0 && errno != EINTR) {
            return enclave_error_set(err, ENCLAVE_EIO, "wait for the sandbox's agent: %s",
                                     strerror(errno));
        }
    }
}

/* From here on `lost` may come; the results are in place before. */
static int32_t hand_over(struct agent *agent, struct agent **ret_agent, char **ret_facts,
                         struct enclave_error *err)
{
    int32_t rc = 0;

    pthread_mutex_lock(&agent->lock);
    if (agent->ended) {
        rc = enclave_error_set(err, agent->end_code, "the sandbox's agent did not start: %s",
                               agent->end_reason);
    } else {
        *ret_facts = agent->facts;
        agent->facts = NULL;
        *ret_agent = agent;
        close(agent->ready_fd);
        agent->ready_fd = -1;
        agent->state = LINK_ALIVE;
    }
    pthread_mutex_unlock(&agent->lock);
    return rc;
}

static void give_up(struct agent *agent, int32_t code, struct enclave_error *err)
{
    char diagnosis[LINK_REASON_SIZE / 2];

    agent_detach(agent, "it was given up while it started");
    /* The loop does not know it any more, so that the diagnosis can be read from here. */
    if ((code == ENCLAVE_ETIMEOUT || code == ENCLAVE_EPROTOCOL) && err && !agent->broken[0] &&
        demux_diagnosis(&agent->demux, diagnosis, sizeof diagnosis) > 0) {
        char before[ENCLAVE_ERROR_MESSAGE_SIZE];

        memcpy(before, err->message, sizeof before);
        (void)enclave_error_set(err, code, "%.300s: %s", before, diagnosis);
    }
    close(agent->ready_fd);
    link_destroy(agent);
}

int32_t connect_greet(struct agent_loop *loop, const struct agent_transport *transport,
                      const struct demux *demux, const struct agent_config *config,
                      const struct message *message, struct agent **ret_agent, char **ret_facts,
                      struct enclave_error *err)
{
    struct agent *agent = new_agent(loop, transport, demux, config);
    int32_t rc;

    if (!agent) {
        transport->close(transport->ctx);
        return enclave_error_set(err, ENCLAVE_ENOMEM,
                                 "connect to the sandbox's agent: out of memory");
    }
    rc = begin(agent, message, err);
    if (rc < 0) {
        transport->close(transport->ctx);
        if (agent->ready_fd >= 0) {
            close(agent->ready_fd);
        }
        link_destroy(agent);
        return rc;
    }
    rc = wait_ready(agent, config, err);
    if (rc == 0) {
        rc = hand_over(agent, ret_agent, ret_facts, err);
    }
    if (rc < 0) {
        give_up(agent, rc, err);
    }
    return rc;
}

int32_t agent_connect(struct agent_loop *loop, const struct agent_transport *transport,
                      const struct agent_config *config, struct agent **ret_agent, char **ret_facts,
                      struct enclave_error *err)
{
    const struct demux demux = {0};
    struct message message = {0};
    int32_t rc = build_config(config, &message, err);

    if (rc < 0) {
        transport->close(transport->ctx);
    } else {
        rc = connect_greet(loop, transport, &demux, config, &message, ret_agent, ret_facts, err);
    }
    message_free(&message);
    return rc;
}
