/*
 * root.h - the root file system of a sandbox: the host's programs, or a folder.
 *
 * Owns: what of either is to be seen, as arguments of bwrap. All of it is read-only. Does not own:
 * what is mounted over it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_BUBBLEWRAP_ROOT_H
#define ENCLAVE_BUBBLEWRAP_ROOT_H

#include "arguments.h"

/* Where something is mounted over the root: places for it are made. */
struct root_points {
    const char **list;
    size_t count;
};

/* /usr, what the host's root has of links into it, and of /etc what programs need to start. No homes,
 * no configuration, nothing of /var, /run, /opt. */
void root_add_host(struct arguments *arguments, const struct root_points *points);

/* All of `folder` but what a sandbox has of its own: /proc, /sys, /dev, /run, /tmp. */
void root_add_folder(struct arguments *arguments, const char *folder,
                     const struct root_points *points);

#endif
