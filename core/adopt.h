/*
 * adopt.h - sandboxes without their manager: those of our instance that are taken back, those of owners that died
 * which backends remove, those that we leave to the next.
 *
 * Owns: the state that passes from one manager to the next with a sandbox. Does not own: the lock that says who
 * is the manager (instance.h), how a backend finds and keeps sandboxes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CORE_ADOPT_H
#define CORE_ADOPT_H

#include "manager.h"

/* When the manager starts: adopt, where that is configured, and have backends tidy up. */
void adopt_begin(struct enclave_manager *manager);
/* At each sweep: what could not be done before. Waits for no engine: that happens in manager->adoptions. */
void adopt_go_on(struct enclave_manager *manager);
/* Until the next sweep, which comes early while a backend that could not be asked may have something to adopt. The
 * manager's lock is held. */
int64_t adopt_interval_us(const struct enclave_manager *manager);
/* When it ends, with on_free = keep: let go of all that run. */
void adopt_leave(struct enclave_manager *manager);

/* How long the sandbox outlives the manager; 0: it ends with it. */
uint32_t adopt_lease_ms(const struct enclave_manager *manager, const struct sandbox *sandbox);

/* Give the backend what the next manager needs of this sandbox: once it is made, and after each change. Nothing
 * is done where nobody can adopt it. The caller uses the handle. */
int32_t adopt_save(struct enclave_manager *manager, struct sandbox *sandbox,
                   struct enclave_error *err);

#endif
