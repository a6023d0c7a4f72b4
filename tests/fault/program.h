/*
 * program.h - starting programs for a test, this one among them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_TEST_PROGRAM_H
#define ENCLAVE_TEST_PROGRAM_H

#include <sys/types.h>

/* Start a program, found in PATH; its stdout and stderr go to the file `log` (NULL: where ours go).
 * It gets `death_signal` when the calling thread ends (0: none). -1 when there are no processes. */
pid_t program_start(char *const argv[], const char *log, int death_signal);

/* Start a program and wait for it: its exit code; 128 + N for signal N. */
int program_run(char *const argv[], const char *log);

/* Wait for a process for at most `limit_ms`: its exit code as above, or -1 when it still runs. */
int program_wait(pid_t pid, int limit_ms);

#endif
