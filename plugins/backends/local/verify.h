/*
 * verify.h - is what was asked for really so? Compares the facts that the agent read inside a
 * sandbox with the plan of its container.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_LOCAL_VERIFY_H
#define ENCLAVE_LOCAL_VERIFY_H

#include "plan.h"

/* Paths whose mounts the agent is to report: a NULL-terminated list for struct agent_config. */
#define VERIFY_MAX_CHECKS 4
void verify_checks(const struct sandbox_config *config, const char *checks[VERIFY_MAX_CHECKS]);

/* What must be so, or is among `explicit_bits` (ENCLAVE_CAN_...), and is not, is an error:
 * UNENFORCED, which names the limit, what was wanted and what was read. `*ret_unenforced` are the
 * other bits that cannot be shown to be enforced. */
int32_t verify_facts(const struct sandbox_plan *plan, const char *facts, uint64_t explicit_bits,
                     uint64_t *ret_unenforced, struct enclave_error *err);

#endif
