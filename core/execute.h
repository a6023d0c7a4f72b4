/*
 * execute.h - one execution of a tool, for those who found its sandbox already.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CORE_EXECUTE_H
#define CORE_EXECUTE_H

#include "manager.h"

/* Options of an older or newer caller, as far as we know them; `from` may be NULL. INVALID. */
int32_t execute_take_options(struct enclave_execute_options *to,
                             const struct enclave_execute_options *from, struct enclave_error *err);

enum { EXECUTION_ID_SIZE = 128 };

/* The execution id that was given, or a new one. INVALID, IO. */
int32_t execute_take_id(const struct enclave_execute_options *options,
                        char ret_id[EXECUTION_ID_SIZE], struct enclave_error *err);

/* enclave_manager_execute_tool() in a sandbox that the caller has entered. Blocks. */
int32_t execute_entered(struct enclave_manager *manager, struct sandbox *sandbox, const char *tool,
                        const char *params, const struct enclave_execute_options *options,
                        struct enclave_result **ret_result, struct enclave_error *err);
/* The same, entered and left by this, in one that the caller has a reference of. */
int32_t execute_in(struct enclave_manager *manager, struct sandbox *sandbox, const char *tool,
                   const char *params, const struct enclave_execute_options *options,
                   struct enclave_result **ret_result, struct enclave_error *err);

#endif
