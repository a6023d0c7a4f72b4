/*
 * relay.h - the way to an agent whose own stdin is closed: the engine starts this program in the sandbox once more,
 * and it passes on between its stdin and stdout and the agent.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_RELAY_H
#define AGENT_RELAY_H

/* In the agent's scratch_dir. */
#define RELAY_SOCKET "stream"

/* Until one of the two ends; the exit code. */
int relay(const char *socket_path);

#endif
