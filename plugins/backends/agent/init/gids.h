/*
 * gids.h - the supplementary gids by which the processes of an execution are known: which there
 * are, and which one is free. Owns the range in struct agent.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_GIDS_H
#define AGENT_GIDS_H

#include "agent.h"

/* Find a range of gids that mean nothing to the image; sets the agent's kill_mode by whether there
 * is one. */
void gids_init(struct agent *agent);
/* A gid that no execution and no process has; 0 with subreapers. 0, or -errno. */
int gids_take(struct agent *agent, gid_t *ret_gid);

#endif
