/*
 * script.h - the file that a SPAWN brings along: a folder of the agent's with one file in it, which
 * the payload can read and not change. Owns what lies under scratch_dir.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_SCRIPT_H
#define AGENT_SCRIPT_H

#include "agent.h"

/* Open scratch_dir, making it when missing; 0 or -errno. */
int script_open_scratch(struct agent *agent);

/* A name that is one plain part of a path. */
bool script_name_valid(const char *name);

/* Write the file; `ret_path` (the caller's to free) is what stands in argv. 0, or -errno with
 * nothing left behind. */
int script_write(struct agent *agent, struct exec *exec, const char *name, const void *data,
                 size_t length, char **ret_path);
/* Remove it, when there is one. */
void script_remove(struct agent *agent, struct exec *exec);

#endif
