/*
 * automatic.h - `backend = auto`: which backend that is here.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CORE_AUTOMATIC_H
#define CORE_AUTOMATIC_H

#include "manager.h"

/*
 * The first that works, in the order of their ranks, with the reasons against those before it in the log. The
 * last is not asked: a proof may cost as much as the sandbox that is wanted. Errors: NOTFOUND (none is loaded).
 */
int32_t automatic_backend(struct enclave_manager *manager, struct plugin **ret_backend,
                          struct enclave_error *err);

/*
 * What came (`r`) of making a sandbox with it, which decides about the last; each manager decides once, and
 * tells its log. Returns `r`; UNREACHABLE of the last is told as that none works here.
 */
int32_t automatic_tried(struct enclave_manager *manager, struct plugin *backend, int32_t r,
                        struct enclave_error *err);

#endif
