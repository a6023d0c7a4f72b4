/*
 * outcome.h - what a result means to the shell: an exit code, and a word on stderr where the
 * program itself cannot have said it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_APP_OUTCOME_H
#define ENCLAVE_APP_OUTCOME_H

#include <enclave/enclave.h>

/* For who was not interrupted: who was has the exit code of the signal, and needs no word about what it cancelled. */
int outcome_exit_code(const struct enclave_result *result);

/* Report an end that was not the program's own. `timeout_ms` as asked for (below 1: not known),
 * `memory` the sandbox's limit (NULL: not known). */
void outcome_report(const struct enclave_result *result, int64_t timeout_ms, const char *memory);

#endif
