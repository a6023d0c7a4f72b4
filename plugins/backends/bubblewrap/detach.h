/*
 * detach.h - start a program that the process around us does not notice.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_BUBBLEWRAP_DETACH_H
#define ENCLAVE_BUBBLEWRAP_DETACH_H

#include <stddef.h>

#define DETACH_FDS_MAX 2

/*
 * Run `program` in a session of its own, in /, with an environment of PATH only, default signals, and
 * with `fds` (-1: left out) as 3, 4, ... and /dev/null below. It is no child of this process: no SIGCHLD comes of
 * it, no wait(2) finds it. [any-thread]; nothing of this process is changed. 0 or -errno.
 */
int detach_run(const char *program, const int *fds, size_t count);

#endif
