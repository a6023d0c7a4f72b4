/*
 * openapi.h - GET /openapi.json (OpenAPI 3.1), made from the table of routes, so that the two cannot differ.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_SERVE_OPENAPI_H
#define ENCLAVE_SERVE_OPENAPI_H

#include <json-c/json.h>

/* NULL: out of memory. */
struct json_object *openapi_make(void);

#endif
