/*
 * command.h - the command line that makes a sandbox: what bwrap is told of a plan.
 *
 * Owns: namespaces, capabilities, environment, mounts. Does not own: the root file system (root.h),
 * limits by cgroup (the launcher), which plan can be enforced.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_BUBBLEWRAP_COMMAND_H
#define ENCLAVE_BUBBLEWRAP_COMMAND_H

#include "arguments.h"
#include "plan.h"

struct command_plan {
    struct sandbox_plan sandbox;
    const char *id;
    const char *bwrap;  /* the program */
    const char *folder; /* the root file system; NULL: the host's */
    char *const *env;   /* of an image, NULL-terminated; NULL: the usual */
    int mapped;         /* root of a user namespace with several uids, else an ordinary user */
    int agent_fd;       /* the agent's program; borrowed */
};

/* `*ret_arguments` is cleared by the caller. Errors: TOOBIG, NOMEM, IO. */
int32_t command_build(const struct command_plan *plan, struct arguments *ret_arguments,
                      struct enclave_error *err);

#endif
