/*
 * enforce.h - what a sandbox asked for against what an engine can enforce.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_DOCKER_ENFORCE_H
#define ENCLAVE_DOCKER_ENFORCE_H

#include "config.h"

/*
 * Of the ENCLAVE_CAN_... bits that `config` makes use of, those not in `capable`: an error when one
 * is explicit, else they are `*ret_unenforced`. Errors: UNENFORCED, NOTSUP (privileged).
 */
int32_t enforce_check(const struct sandbox_config *config, uint64_t capable, uint64_t explicit_bits,
                      uint64_t *ret_unenforced, struct enclave_error *err);

#endif
