/*
 * spawn.h - SPAWN: a program becomes an execution. Owns nothing beyond the call.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_SPAWN_H
#define AGENT_SPAWN_H

#include "agent.h"

/* 0, or -1 when the message cannot be parsed. Whatever else fails is told by EXIT. */
int spawn_message(struct agent *agent, const struct frame *frame);

/* The environment of `base` with `over` winning; the array is the caller's. NULL: no memory. */
char **spawn_merge_env(char *const *base, size_t base_count, char *const *over, size_t over_count,
                       size_t *ret_count);

#endif
