/*
 * plugin_call.h - what a plugin's function returned, made into a code that callers can trust.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CORE_PLUGIN_CALL_H
#define CORE_PLUGIN_CALL_H

#include <enclave/enclave.h>

/*
 * `r` is what `op` of the plugin `name` returned, and `why` the error that it was given, initialised before. 0 stays 0. A
 * code of the table is returned with its message put into `err`, or with the code's own text when the plugin left
 * none; anything else is INTERNAL.
 */
static inline int32_t plugin_result(int32_t r, const struct enclave_error *why, const char *name,
                                    const char *op, struct enclave_error *err)
{
    if (r == 0) {
        return 0;
    }
    if (r > 0 || r < ENCLAVE_ERROR_LAST_) {
        return enclave_error_set(err, ENCLAVE_EINTERNAL,
                                 "plugin '%s': its %s returned %d, which is no error code", name,
                                 op, (int)r);
    }
    if (!why->message[0]) {
        return enclave_error_set(err, r, "plugin '%s': %s: %s", name, op, enclave_error_text(r));
    }
    return enclave_error_set(err, r, "%s", why->message);
}

#endif
