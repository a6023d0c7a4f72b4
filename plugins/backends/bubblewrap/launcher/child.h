/*
 * child.h - the process that becomes a sandbox's bwrap.
 *
 * Owns: its user namespace, its uid, its descriptors, its place in a cgroup; all before it runs
 * anything.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_LAUNCHER_CHILD_H
#define ENCLAVE_LAUNCHER_CHILD_H

#include "cgroup.h"

struct child_plan {
    const struct launcher_request *request;
    const struct cgroups *cgroups;
    unsigned number; /* of its cgroup */
    int is_root;
    char *const *argv; /* argv[0] is the program's path */
    const int *fds;    /* the agent's stream, the pipe, and what becomes 3, 4, ... */
    size_t fd_count;
};

/* Its pid, or -errno with what failed. */
pid_t child_start(const struct child_plan *plan, const char **ret_what);

#endif
