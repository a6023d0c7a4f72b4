/*
 * kill.h - ends every process of an execution, whatever they did to get away. Owns the scans of
 * /proc; the executions are exec.h's.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_KILL_H
#define AGENT_KILL_H

#include "agent.h"

/* KILL: from now on, kill_scan() works on it. */
void kill_begin(struct agent *agent, struct exec *exec);
/* One look at all processes, for all executions that are being killed. */
void kill_scan(struct agent *agent);
/* How long the event loop may wait before the next scan, in milliseconds; -1: no scan is due. */
int kill_wait_ms(const struct agent *agent);

/* Whether a process carries this gid. */
bool kill_gid_alive(const struct agent *agent, gid_t gid);
/* Every execution's processes, at once and as far as one look finds them; for an agent that is not
 * PID 1 and ends. */
void kill_everything(struct agent *agent);

#endif
