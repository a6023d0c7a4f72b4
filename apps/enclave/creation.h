/*
 * creation.h - a sandbox as the command line asks for it, created.
 *
 * Does not own: the request (run_request.h), what becomes of the sandbox.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_APP_CREATION_H
#define ENCLAVE_APP_CREATION_H

#include "execution.h"

/* Create it, with these tools; NULL ends them. Its id is in `execution` then. Returns 0, or the exit code after
 * reporting why not. */
int creation_run(struct execution *execution, const char *const *tools);

/* Seconds, for how long things took. */
double creation_now_s(void);

#endif
