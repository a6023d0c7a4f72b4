/*
 * schema.h - parameters of a call against the schema of its tool.
 *
 * A subset of JSON Schema (https://json-schema.org/draft/2020-12): type, enum, properties, required,
 * additionalProperties (absent means false), items, minimum, maximum, minLength. Other keywords are
 * for the reader of the schema and are not checked.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CORE_SCHEMA_H
#define CORE_SCHEMA_H

#include <enclave/error.h>

#include <json-c/json.h>

/* Is it one that can be checked against? INVALID: the keyword that is not of its form. */
int32_t schema_validate(json_object *schema, struct enclave_error *err);

/* The schema must be valid; it is only read, so threads may share it. 0, or INVALID: "parameter 'code': expected a string, got an integer". */
int32_t schema_check(json_object *schema, json_object *params, struct enclave_error *err);

#endif
