/*
 * module_names.h - options that are lists of Python modules. Owns no state.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PYTHON_MODULE_NAMES_H
#define PYTHON_MODULE_NAMES_H

#include "tool_json.h"

/* The option `key` as names with commas in between, each checked to be one; "" when it is not set.
 * `*ret` is the caller's, freed with free(). */
int32_t module_names_read(struct json_object *options, const char *key, char **ret,
                          struct enclave_error *err);

#endif
