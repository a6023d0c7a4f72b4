/*
 * pipe_end.h - the end for reading of a sandbox's pipe: what bwrap, the launcher and the agent have
 * to say to people, and, by its end, that all of the sandbox is gone.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_BUBBLEWRAP_PIPE_END_H
#define ENCLAVE_BUBBLEWRAP_PIPE_END_H

#include <stdint.h>

struct pipe_end {
    int fd; /* non-blocking */
    int at_end;
    char said[256]; /* the last line */
};

/* Wait until the end, at most so long. 1 when it came. Not [any-thread]. */
int pipe_end_wait(struct pipe_end *pipe, int64_t timeout_ms);

#endif
