/*
 * run_request.h - from the options of `enclave run`, `create` and `exec` to the JSON that the library takes.
 *
 * Owns: the sandbox's config and the tool's parameters. Does not own: their rules, which the
 * library checks; here only what the command line leaves open is decided (types, paths).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_APP_RUN_REQUEST_H
#define ENCLAVE_APP_RUN_REQUEST_H

#include "run_options.h"

#include <json-c/json.h>

/* The config of the sandbox, with these tools; NULL ends them. NULL after reporting an error. */
struct json_object *run_request_config(const struct run_options *options, const char *const *tools);

/* Does building the parameters need the tool's schema? Asking for it may take a request. */
bool run_request_needs_schema(const struct run_options *options);

/* The parameters of the tool. `tools` is the answer of enclave_manager_get_sandbox_tools(), or
 * NULL when not needed. NULL after reporting an error. */
struct json_object *run_request_params(const struct run_options *options,
                                       struct json_object *tools);

#endif
