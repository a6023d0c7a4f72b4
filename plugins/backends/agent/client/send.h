/*
 * send.h - what is on its way to an agent.
 *
 * Owns: the queue, its ceilings, writing to the transport at once when nothing is queued. Does not
 * own: frames' meaning. All functions want the link's lock held, and are [any-thread].
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_AGENT_SEND_H
#define ENCLAVE_AGENT_SEND_H

#include <enclave/error.h>
#include <stddef.h>
#include <stdint.h>

struct agent;
struct message;

/* With more queued: stdin waits; messages wait (one of the largest always fits); the agent is not
 * reading, and the link breaks. */
#define SEND_STDIN_MAX (1u << 20)
#define SEND_MESSAGE_MAX (18u << 20)
#define SEND_MAX (19u << 20)
#define SEND_WAIT_MS 10000

struct send_queue {
    uint8_t *data;
    size_t start;
    size_t end;
    size_t capacity;
    uint32_t waits;  /* EPOLLOUT is armed: the loop goes on writing */
    int stdin_waits; /* a process waits for fewer than SEND_STDIN_MAX queued */
    int error;       /* errno of a write; the loop ends the link */
};

size_t send_queued(const struct agent *agent);

/* Make sure that send_message() of this length cannot fail. Waits for room, with the lock released
 * meanwhile. Errors: ENOMEM, EBUSY, ELOST. */
int32_t send_reserve(struct agent *agent, size_t length, struct enclave_error *err);
void send_message(struct agent *agent, const struct message *message);

/* One frame. Failing to queue it breaks the link. */
void send_frame(struct agent *agent, uint8_t type, uint32_t id, const void *payload, size_t length);
void send_frame_u32(struct agent *agent, uint8_t type, uint32_t id, uint32_t value);
void send_credit(struct agent *agent, uint32_t id, uint32_t stream, uint32_t bytes);

/* The transport may take more. */
void send_flush(struct agent *agent);
void send_clear(struct agent *agent);

#endif
