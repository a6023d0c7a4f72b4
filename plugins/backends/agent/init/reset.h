/*
 * reset.h - RESET: the sandbox as it was at the beginning, for somebody else. Owns its steps: everything ended,
 * then a child with the payload's rights that empties what a payload can write, then the fork servers
 * started again.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_RESET_H
#define AGENT_RESET_H

#include "file_op.h"

/* Before the first payload: look at what it could change. */
void reset_prepare(struct agent *agent);

/* End everything. What comes of it is told by the EXIT of `id`. */
void reset_begin(struct agent *agent, uint32_t id, const struct file_request *request);

/* While one is under way nothing else starts: answer the frame, and say so (true). */
bool reset_refuses(struct agent *agent, const struct frame *frame);

/* Go on, after anything that happened. */
void reset_step(struct agent *agent);

/* In the child. Fails with ENOTSUP where something can be written that it cannot empty. */
int reset_clean(const struct file_request *request, struct file_reason *why);

#endif
