/*
 * policy.h - what a remote caller may ask for.
 *
 * Owns: which fields of a configuration need which allow_... key of [server], the longest time, and other names for
 * backends. Does not own: whether a configuration is valid, which the manager says.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_SERVE_POLICY_H
#define ENCLAVE_SERVE_POLICY_H

#include "settings.h"

#include <json-c/json.h>

/* DENIED, naming the key to set. Times longer than the longest become that. */
int32_t policy_apply(const struct settings *settings, struct json_object *config,
                     struct enclave_error *err);

/* The same for a caller's timeout in seconds; 0, which means none, too. */
double policy_timeout(const struct settings *settings, double seconds);
/* The member `timeout` of an object, if it has one. */
void policy_limit_timeout(const struct settings *settings, struct json_object *object);

/* The backend that a caller's type stands for: the type itself unless type_alias says otherwise. Borrowed. */
const char *policy_type(const struct settings *settings, const char *type);

/* CONFIG when type_alias is not a list of NAME = BACKEND. */
int32_t policy_check_aliases(const struct settings *settings, struct enclave_error *err);

#endif
