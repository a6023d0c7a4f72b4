/*
 * process.h - one execution: credit, stdin's room, its end. Internal to the client.
 *
 * Owns: struct process, its part of the ops of agent.h, what OUTPUT, STDIN_ROOM and EXIT do. Does
 * not own: the stream that they come by (link.h).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_AGENT_PROCESS_H
#define ENCLAVE_AGENT_PROCESS_H

#include "agent.h"

struct message;

/* Invariant: allowed + held + owed is the window. */
struct process_stream {
    uint32_t allowed; /* bytes that the agent may send */
    uint32_t held;    /* bytes that the consumer has not done with */
    uint32_t owed;    /* bytes to be given back by CREDIT */
};

struct process {
    struct agent *agent;
    struct enclave_process_events events;
    uint32_t id;
    uint32_t window;

    /* Guarded by the agent's lock. */
    struct process *table_next;
    struct process_stream streams[2];
    uint32_t room; /* of stdin */
    int stdin_open;
    int writable_wanted;       /* a write was cut short */
    struct process *wake_next; /* loop's thread only */
    int killed;
    int ended;

    /* Guarded by the loop's lock. */
    struct process *kill_next;
    struct process *kill_previous;
    int64_t kill_deadline;
    int kill_watched;
};

struct process_start {
    uint8_t has_stdin;
    uint32_t window;
    const struct enclave_process_events *events;
    const char *what; /* for messages: "spawn", "read" */
    const char *name; /* quoted in messages */
};

/* Send `message` for a new process. `*ret_process` is set before any callback can come. */
int32_t process_start(struct agent *agent, struct message *message,
                      const struct process_start *start, void **ret_process,
                      struct enclave_error *err);

/* A frame for an id; 0 or link_broken(). Loop's thread. */
int process_frame(struct agent *agent, uint8_t type, uint8_t flags, uint32_t id,
                  const uint8_t *payload, size_t length);
/* Tell those that wait for it that stdin has room. Loop's thread. */
void process_wake_writers(struct agent *agent);
/* Deliver LOST to every process. Loop's thread; nothing new can start. */
void process_lose_all(struct agent *agent, const char *reason);
/* No more deadlines of kills. Lock held. */
void process_forget_kills(struct agent *agent);

#endif
