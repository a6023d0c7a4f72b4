/*
 * options.h - typed values: from INI text to JSON, and the option tables of plugins.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CORE_OPTIONS_H
#define CORE_OPTIONS_H

#include <enclave/plugin.h>

#include <json-c/json.h>

/* An INI text as the JSON value of a type (ENCLAVE_OPTION_...). NULL with INVALID: what was expected. */
json_object *option_from_text(uint32_t type, const char *text, struct enclave_error *err);

/* A JSON value checked, and where there is another form (a size as "1m") brought into the one form. A
 * new reference; NULL with INVALID. */
json_object *option_from_json(uint32_t type, json_object *value, struct enclave_error *err);

/* "512m" -> bytes; ^\d+[kmgKMG]?$. 0 or ENCLAVE_EINVALID. */
int32_t option_parse_size(const char *text, uint64_t *ret_bytes);

/* One entry by name; NULL when there is none. `table` may be NULL. */
const struct enclave_option *option_find(const struct enclave_option *table, const char *name);
/* The entry behind one, by the size that the plugin was compiled with. */
const struct enclave_option *option_next(const struct enclave_option *table,
                                         const struct enclave_option *option);

/* A new object with the default of each option of the table that has one. NULL with an error. */
json_object *option_defaults(const struct enclave_option *table, struct enclave_error *err);

/* Put the members of `given` (JSON) over `values`. INVALID names a member that is unknown or wrong. */
int32_t option_apply(const struct enclave_option *table, json_object *given, json_object *values,
                     struct enclave_error *err);

/* The nearest of the table's names to a misspelt one, or NULL. */
const char *option_suggest(const struct enclave_option *table, const char *name);

/* Small edit distance, for "did you mean": 1 when `a` and `b` are at most 2 apart. */
int option_similar(const char *a, const char *b);

#endif
