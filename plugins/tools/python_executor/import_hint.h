/*
 * import_hint.h - the options allowed_modules and blocked_modules of python_executor.
 *
 * Owns: checking the two lists and the small Python program through which a script is run while
 * one of them is set. It is a hint to well-meaning code and no wall: a Python program can undo
 * whatever another Python program in the same process has done. The wall is the sandbox.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef IMPORT_HINT_H
#define IMPORT_HINT_H

#include "tool_json.h"

struct import_hint {
    char *allowed; /* names joined by commas; NULL: neither list is set */
    char *blocked; /* likewise */
};

/* To be run as `python -c PROGRAM SCRIPT ALLOWED BLOCKED`. */
extern const char import_hint_program[];

/* ENCLAVE_EINVALID for what is not the name of a module. On failure there is nothing to clear. */
int32_t import_hint_read(struct json_object *options, struct import_hint *ret,
                         struct enclave_error *err);
void import_hint_clear(struct import_hint *hint);

#endif
