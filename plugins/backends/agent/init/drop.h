/*
 * drop.h - how a process of the agent becomes one of the payload's: what the agent gives up for
 * itself and all its children once, and what each child gives up. Owns no state.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_DROP_H
#define AGENT_DROP_H

#include "agent.h"
#include "kernel.h"

/* What a fork server keeps, to make a child the payload's. */
#define DROP_SERVER_CAPABILITIES                                                                   \
    (KERNEL_CAP_BIT(KERNEL_CAP_SETGID) | KERNEL_CAP_BIT(KERNEL_CAP_SETUID))

/*
 * In the agent, once, after CONFIG: no_new_privs, no CAP_CHOWN, an empty bounding set and the system
 * call filter.
 * Children inherit them, which costs an execution nothing. Not when privileged. 0, or -errno with
 * what could not be done in `ret_what`.
 */
int drop_for_all(const struct config *config, const char **ret_what);

/*
 * In a child: session, limits, groups, uid and capabilities; everything but 0 to 2 closed. `gid` is
 * the execution's own group, or 0 for none. With `guarded` only the effective uid becomes the
 * payload's: files are as they are for a payload, and yet no payload can signal, stop or trace the
 * child, which must run nothing but the agent's code. 0, or -errno with what could not be done in
 * `ret_what`.
 */
int drop_in_child(const struct config *config, gid_t gid, bool guarded, const char **ret_what);

/*
 * The agent shares the sandbox's CPU with what it has to end: among hundreds of busy processes of its own
 * weight it would wait for a second to get through them. Between sandboxes it changes nothing, since
 * there the weight of their cgroups counts.
 */
#define PAYLOAD_NICE 19

/* Close every descriptor from `first` on: another execution's pipe end held by a child would keep that
 * one from seeing an end of file. */
void drop_close_from(int first);

/* The signals as a new program expects them: none blocked. */
void drop_signal_mask(void);

#endif
