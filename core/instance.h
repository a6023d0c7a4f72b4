/*
 * instance.h - the lock by which a manager is the only one of its instance: it alone says whether that lives.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CORE_INSTANCE_H
#define CORE_INSTANCE_H

#include "config.h"

/*
 * Lock the file of config->instance in the state folder, which is made when missing. BUSY when another manager
 * has it, in this process or another: the error names the file and the process. The lock goes with the
 * descriptor, so also with the process.
 */
int32_t instance_lock(const struct config *config, int *ret_fd, struct enclave_error *err);
/* -1: there is nothing to do. */
void instance_unlock(int fd);

#endif
