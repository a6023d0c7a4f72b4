/*
 * schemas.h - the JSON schemas of bodies and answers, for /openapi.json.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_SERVE_SCHEMAS_H
#define ENCLAVE_SERVE_SCHEMAS_H

/* Name and schema, as JSON text; a NULL name ends the list. Routes refer to them by name. */
struct schema {
    const char *name;
    const char *json;
};

extern const struct schema schemas[];

#endif
