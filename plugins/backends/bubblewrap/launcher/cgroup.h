/*
 * cgroup.h - a cgroup for each sandbox, in version 2 or version 1.
 *
 * Owns: the folder `enclave-...` of this launcher in each hierarchy, those of the sandboxes in it,
 * their limits, and removing them. What launchers before left behind when they were killed is
 * removed too. Does not own: whether what was written is in force; the agent reads it back.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_LAUNCHER_CGROUP_H
#define ENCLAVE_LAUNCHER_CGROUP_H

#include "protocol.h"

#include <stddef.h>
#include <sys/types.h>

#define CGROUP_PATH_MAX 1024
#define CGROUP_HIERARCHIES 3

/* A folder of ours. */
struct cgroup_hierarchy {
    const char *controller; /* of version 1; "" in version 2, where there is one for all */
    int fd;                 /* locked, so that others know that it is in use; -1: none */
    char path[CGROUP_PATH_MAX];
};

struct cgroups {
    struct cgroup_hierarchy hierarchies[CGROUP_HIERARCHIES];
    size_t count;
};

/* Find where cgroups can be made. What there is is told in `hello`. */
void cgroups_open(struct cgroups *cgroups, struct launcher_hello *hello);
/* Every sandbox's has been removed; what killed launchers left and is free by now goes too. */
void cgroups_close(struct cgroups *cgroups);

/* Make that of sandbox `number`, with the limits of `request`; 0, or -errno with what failed. On
 * failure nothing is left. */
int cgroup_make(const struct cgroups *cgroups, unsigned number,
                const struct launcher_request *request, const char **ret_what);
int cgroup_join(const struct cgroups *cgroups, unsigned number, pid_t pid);
/* 0, or -errno: EBUSY while something is in it. */
int cgroup_remove(const struct cgroups *cgroups, unsigned number);

/* How many of its processes the kernel has killed for lack of memory. */
uint64_t cgroup_oom_kills(const struct cgroups *cgroups, unsigned number);

/* Its folder in one hierarchy, and where that is to be seen in the sandbox. */
void cgroup_paths(const struct cgroups *cgroups, size_t hierarchy, unsigned number,
                  char folder[CGROUP_PATH_MAX], char inside[CGROUP_PATH_MAX]);

#endif
