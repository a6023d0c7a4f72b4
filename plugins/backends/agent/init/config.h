/*
 * config.h - CONFIG, the first message: what it says, and the agent made ready by it. Owns struct
 * config.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_CONFIG_H
#define AGENT_CONFIG_H

#include "agent.h"

/* Take the message, lock the agent down, send READY. Whatever cannot be done is fatal. */
void config_message(struct agent *agent, const struct frame *frame);
/* READY once more, for a manager that comes later. */
void config_send_ready(struct agent *agent);

#endif
