/*
 * loop.h - the thread that reads from all agents.
 *
 * Owns: the epoll set, the thread, the list of links that want attention, the deadlines of kills.
 * Does not own: links; it calls link.h for what is to be done to one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_AGENT_LOOP_H
#define ENCLAVE_AGENT_LOOP_H

#include "agent.h"

#include <stdint.h>

struct process;

#define LOOP_KILL_GRACE_MS 10000
#define LOOP_BUFFER_SIZE (128u << 10)

/* All are [any-thread] but those that say otherwise. The loop's lock is taken inside; it is the last in the order of locks. */

/* How long an agent has between KILL and EXIT; tests shorten it, before the first kill. */
void loop_set_kill_grace(struct agent_loop *loop, int64_t grace_ms);

int loop_is_own_thread(const struct agent_loop *loop);

/*
 * A buffer of LOOP_BUFFER_SIZE to receive into; NULL without memory. Loop's thread. Links borrow one only
 * while they have something in it: most of many sandboxes are quiet at any time.
 */
uint8_t *loop_buffer_take(struct agent_loop *loop);
/* Accepts NULL. */
void loop_buffer_give(struct agent_loop *loop, uint8_t *buffer);

/* Begin to wait on the agent's transport; 0 or -errno. */
int loop_add(struct agent_loop *loop, struct agent *agent, int fd, uint32_t events);
void loop_change(struct agent_loop *loop, struct agent *agent, int fd, uint32_t events);
void loop_remove(struct agent_loop *loop, int fd);

/* Have link_attend() called soon. The agent lives until then. */
void loop_attend(struct agent_loop *loop, struct agent *agent);

/* No more of it. Loop's thread, when nobody can call loop_attend() any more. */
void loop_forget(struct agent_loop *loop, struct agent *agent);

/* What an agent is told so that its sandbox outlives us by `lease_ms`, which count from the last renewal; 0
 * for 0. */
uint32_t loop_lease_ms(uint32_t lease_ms);
/* Have link_renew() called in good time, until loop_forget(). All agents of a loop have the same lease. */
void loop_lease_watch(struct agent_loop *loop, struct agent *agent);

/* Have link_kill_overdue() called unless loop_kill_forget() comes within the grace. */
void loop_kill_watch(struct agent_loop *loop, struct process *process);
void loop_kill_forget(struct agent_loop *loop, struct process *process);

#endif
