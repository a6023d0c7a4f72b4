/*
 * plugin_call.h - what a plugin's function returned, made into a code that callers can trust.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CORE_PLUGIN_CALL_H
#define CORE_PLUGIN_CALL_H

#include <enclave/enclave.h>

/*
 * `r` is what `op` of the plugin `name` returned, and `why` the error that it was given, initialised
 * before. 0 stays 0. A code of the table stays, with the message that the plugin left or else the code's
 * own text; anything else becomes INTERNAL. `why` then holds it, and `err` (NULL, or `why` itself: fine) too.
 */
static inline int32_t plugin_result(int32_t r, struct enclave_error *why, const char *name,
                                    const char *op, struct enclave_error *err)
{
    if (r == 0) {
        return 0;
    }
    if (r > 0 || r < ENCLAVE_ERROR_LAST_) {
        r = enclave_error_set(why, ENCLAVE_EINTERNAL,
                              "plugin '%s': its %s returned %d, which is no error code", name, op,
                              (int)r);
    } else if (!why->message[0]) {
        enclave_error_set(why, r, "plugin '%s': %s: %s", name, op, enclave_error_text(r));
    }
    why->code = r;
    if (err && err != why) {
        *err = *why;
    }
    return r;
}

#endif
