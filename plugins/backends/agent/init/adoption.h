/*
 * adoption.h - a sandbox that outlives its manager: the lease, the call of a new manager amid whatever the
 * old one left in the stream, and the state that passes from the one to the other (../README.md,
 * "Adoption"). Owns struct adoption.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_ADOPTION_H
#define AGENT_ADOPTION_H

#include "agent.h"

/* Before CONFIG: a manager that died so early leaves no agent waiting. */
void adoption_init(struct agent *agent);
/* What CONFIG says of it. `token` has WIRE_TOKEN_SIZE bytes, or is NULL: nobody can adopt the sandbox. */
void adoption_config(struct agent *agent, uint32_t lease_ms, const uint8_t *token);

/* The stream has ended, which ends the sandbox, unless it has a lease: then the next manager may come by a program in
 * the sandbox (relay.h), for engines that close a container's stdin when who was attached goes. */
void adoption_stream_ended(struct agent *agent);
/* It has come. */
void adoption_accept(struct agent *agent);

/* Something has come: look for a call. What the inbox then holds are frames, up to the call. */
void adoption_listen(struct agent *agent);
/* They have been taken: now for the call, and what came behind it. */
void adoption_answer(struct agent *agent);
/* A frame about the sandbox. 0, or -1: it cannot be parsed. */
int adoption_message(struct agent *agent, const struct frame *frame);
/* What came cannot be parsed, which a new manager can put right. Ends the sandbox where there can be none. */
void adoption_refuse(struct agent *agent, const char *reason);

/* Do what is due: an answer, or the end. */
void adoption_step(struct agent *agent);
/* Milliseconds until that has to be looked at; -1: never. */
int adoption_wait_ms(const struct agent *agent);

#endif
