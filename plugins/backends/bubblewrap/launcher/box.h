/*
 * box.h - the sandboxes of a launcher: their start, their end, and what they leave.
 *
 * Owns: the list, the processes, the sandboxes' pipes and cgroups. Does not own: the requests
 * (main.c), how a process is made (child.h).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_LAUNCHER_BOX_H
#define ENCLAVE_LAUNCHER_BOX_H

#include "cgroup.h"

struct box;

struct boxes {
    struct cgroups cgroups;
    struct box *first;
    unsigned last_number;
    int is_root;
};

/* Start one. `strings` are those of the request; `fds` are the caller's. A failure is told in the
 * sandbox's pipe. */
void boxes_start(struct boxes *boxes, const struct launcher_request *request, char *strings,
                 size_t length, const int *fds, size_t fd_count);
void boxes_kill(struct boxes *boxes, uint64_t token);

/* Children have ended. */
void boxes_reap(struct boxes *boxes);
/* Remove what could not be removed; milliseconds until it is worth another try, -1: nothing is left. */
int boxes_tidy(struct boxes *boxes);

/* End all, wait for it and remove everything. `children` is readable when a child may have ended. */
void boxes_end(struct boxes *boxes, int children);

#endif
