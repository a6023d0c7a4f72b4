/*
 * enforce.h - what a sandbox asked for against what an engine can enforce.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_LOCAL_ENFORCE_H
#define ENCLAVE_LOCAL_ENFORCE_H

#include "plan.h"

/*
 * Of the ENCLAVE_CAN_... bits that `config` makes use of, those not in `capable`: an error when one
 * is explicit, else they are `*ret_unenforced`. Errors: UNENFORCED, NOTSUP (privileged).
 */
int32_t enforce_check(const struct sandbox_config *config, uint64_t capable, uint64_t explicit_bits,
                      uint64_t *ret_unenforced, struct enclave_error *err);

/*
 * Memory that is limited and swap that is not: on a host with swap, payloads have more than they
 * should. Known of an engine on this host only (`is_local`); elsewhere it is taken to have none.
 * `*unenforced` gains the bit of memory. Errors: UNENFORCED.
 */
int32_t enforce_check_swap(const struct sandbox_limits *limits, int is_local,
                           uint64_t explicit_bits, uint64_t *unenforced, struct enclave_error *err);

#endif
