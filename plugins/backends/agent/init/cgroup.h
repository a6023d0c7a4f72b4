/*
 * cgroup.h - reads the sandbox's control group, version 1 or 2, as it is seen from inside. Owns no
 * state but the descriptor of the oom counter in struct agent.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_CGROUP_H
#define AGENT_CGROUP_H

#include "agent.h"

/* Open the oom counter, when there is one. */
void cgroup_open_oom(struct agent *agent);
/* How often the kernel has killed in this sandbox for lack of memory. */
uint64_t cgroup_oom_kills(const struct agent *agent);

/*
 * Read a file of the group of `controller`: `v2_name`, or on version 1 `v1_name`; NULL is one that
 * this version does not have. The length, or -errno. `ret_version` is 1 or 2.
 */
ssize_t cgroup_read(const char *controller, const char *v2_name, const char *v1_name, char *text,
                    size_t size, int *ret_version);

#endif
