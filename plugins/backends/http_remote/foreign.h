/*
 * foreign.h - creates for a server that is not one of Enclave's: ms-enclave's, which ignores fields that it does not know and
 * has loose defaults.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HTTP_REMOTE_FOREIGN_H
#define HTTP_REMOTE_FOREIGN_H

#include "buffer.h"

#include <enclave/backend.h>

/*
 * The configuration to send: all fields of spec->config that it knows, so that our defaults hold there too. UNENFORCED when
 * something was asked for that it would ignore.
 */
int32_t foreign_config(const struct enclave_sandbox_spec *spec, struct buffer *to,
                       struct enclave_error *err);

/* ENCLAVE_CAN_... bits that such a server does not enforce. */
#define FOREIGN_UNENFORCED                                                                         \
    (ENCLAVE_CAN_PIDS | ENCLAVE_CAN_READ_ONLY_ROOT | ENCLAVE_CAN_SIZED_TMPFS |                     \
     ENCLAVE_CAN_NO_NEW_PRIVS | ENCLAVE_CAN_OWN_UID | ENCLAVE_CAN_RUNTIME | ENCLAVE_CAN_USER |     \
     ENCLAVE_CAN_KILL_TREE)

#endif
