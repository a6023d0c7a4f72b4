/*
 * obstacles.h - why bwrap could not make a sandbox, and what to do about it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_BUBBLEWRAP_OBSTACLES_H
#define ENCLAVE_BUBBLEWRAP_OBSTACLES_H

#include <enclave/error.h>

/* Make an error of what bwrap, the launcher or the agent said ("": nothing). Returns its code. */
int32_t obstacles_explain(const char *said, struct enclave_error *err);

#endif
