/*
 * spawn.h - SPAWN: a program becomes an execution. Owns nothing beyond the call.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_SPAWN_H
#define AGENT_SPAWN_H

#include "agent.h"
#include "exec.h"

/* 0, or -1 when the message cannot be parsed. Whatever else fails is told by EXIT. */
int spawn_message(struct agent *agent, const struct frame *frame);

/*
 * An execution that a fork server did not take after all: start the program by itself. `env` is whole.
 * The pipe ends are used up; what fails is told by EXIT.
 */
void spawn_alone(struct agent *agent, struct exec *exec, char **argv, char **env,
                 struct exec_ends *ends);

/* The environment of `base` with `over` winning; the array is the caller's. NULL: no memory. */
char **spawn_merge_env(char *const *base, size_t base_count, char *const *over, size_t over_count,
                       size_t *ret_count);

#endif
