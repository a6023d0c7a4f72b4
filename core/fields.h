/*
 * fields.h - the configuration of a sandbox: its fields, their defaults and checks, and which of a
 * backend's capabilities each asks for.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CORE_FIELDS_H
#define CORE_FIELDS_H

#include <enclave/error.h>
#include <enclave/types.h>

#include <json-c/json.h>
#include <stddef.h>

struct field {
    const char *name;
    const char *default_json;
    const char *help; /* one line for people */
    /* Checks a value, and may put it into its one form (a new reference). NULL with INVALID. */
    json_object *(*check)(json_object *value, struct enclave_error *err);
    /* The capability bits that a value asks for. NULL: none. */
    uint64_t (*asks)(json_object *value);
    int merges; /* an object whose members are put over the defaults' members */
};

const struct field *field_find(const char *name);
/* The name of a field that a misspelt one may mean, or NULL. */
const char *field_suggest(const char *name);
size_t field_count(void);
const struct field *field_at(size_t index);

/* The INI text of a field as JSON: JSON when it looks so, else by the type of the field. */
json_object *field_from_text(const struct field *field, const char *text,
                             struct enclave_error *err);

/* All fields with their built-in defaults. NULL with NOMEM. */
json_object *fields_defaults(struct enclave_error *err);

/*
 * Put the members of `given` over `config`, checked. `*explicit_bits` gains the bits that they ask for. INVALID names
 * the field.
 */
int32_t fields_apply(json_object *config, json_object *given, uint64_t *explicit_bits,
                     struct enclave_error *err);

/* The bits that a complete configuration asks for, by default or explicitly. */
uint64_t fields_wanted(json_object *config);

/* Names of bits as a JSON array of fields or features: ["memory_limit", ...]. NULL without memory. */
json_object *fields_bit_names(uint64_t bits);

#endif
