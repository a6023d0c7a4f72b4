/*
 * facts.h - what READY tells: what a payload would have, read back and not assumed. Owns no state.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_FACTS_H
#define AGENT_FACTS_H

#include "agent.h"

#define FACTS_MAX 16384

/*
 * The facts as text, read by a child that took the way of payloads. Turns the agent to subreapers
 * when the child was refused its group. 0, or -1 with `reason`.
 */
int facts_collect(struct agent *agent, char *text, size_t size, char *reason, size_t reason_size);

#endif
