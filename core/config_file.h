/*
 * config_file.h - an INI file read into settings, each with its place. Knows no key.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CORE_CONFIG_FILE_H
#define CORE_CONFIG_FILE_H

#include <enclave/error.h>

#include <stddef.h>

struct setting {
    char *section; /* "enclave", "backend docker", with single spaces */
    char *key;     /* "": the section itself, which may have no other setting */
    char *value;
    char *source; /* "FILE:LINE", "option", "environment" */
};

struct settings {
    struct setting *items;
    size_t count;
};

/* Copies its arguments. Replaces an earlier setting of the same section and key when `replace`, else
 * that is an error (CONFIG: duplicate). */
int32_t settings_add(struct settings *settings, const char *section, const char *key,
                     const char *value, const char *source, int replace, struct enclave_error *err);
const struct setting *settings_find(const struct settings *settings, const char *section,
                                    const char *key);
void settings_free(struct settings *settings);

/* CONFIG for what cannot be read or is not INI: file, line, what was expected. */
int32_t settings_read_file(struct settings *settings, const char *path, struct enclave_error *err);

#endif
