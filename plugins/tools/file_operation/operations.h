/*
 * operations.h - the six operations of file_operation.
 *
 * Owns: what each does, through the host table, and the text of its result. Not here: options
 * (policy.h), parameters and what a failure becomes (plugin.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OPERATIONS_H
#define OPERATIONS_H

#include "encoding.h"
#include "policy.h"

struct operation_call {
    const struct enclave_host *host;
    struct enclave_call *call;
    const struct policy *policy;
    const char *path; /* not blank */
    struct tool_text content;
    enum encoding encoding;
};

/* `err` is never NULL: its message is what the caller will read. */
typedef int32_t (*operation_fn)(const struct operation_call *op, struct enclave_error *err);

/* NULL when there is none of that name. */
operation_fn operation_find(const char *name);

#endif
