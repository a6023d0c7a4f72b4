/*
 * module_names.c - see module_names.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "module_names.h"

#include <stdlib.h>
#include <string.h>

static int32_t check_name(const char *name, const char *key, struct enclave_error *err)
{
    const char *p = name;

    /* Bytes above 0x7f: identifiers of Python may hold any letters. */
    while (*p && (strchr("._", *p) || (*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'z') ||
                  (*p >= 'A' && *p <= 'Z') || (unsigned char)*p > 0x7f)) {
        p++;
    }
    if (*p || p == name) {
        return enclave_error_set(err, ENCLAVE_EINVALID,
                                 "option %s: '%s' is not the name of a Python module", key, name);
    }
    return 0;
}

static char *join(const char *const *names)
{
    size_t length = 1;
    char *joined;
    char *end;

    for (size_t i = 0; names && names[i]; i++) {
        length += strlen(names[i]) + 1;
    }
    joined = malloc(length);
    if (!joined) {
        return NULL;
    }
    end = joined;
    for (size_t i = 0; names && names[i]; i++) {
        if (i > 0) {
            *end++ = ',';
        }
        end = stpcpy(end, names[i]);
    }
    *end = '\0';
    return joined;
}

int32_t module_names_read(struct json_object *options, const char *key, char **ret,
                          struct enclave_error *err)
{
    const char **names = NULL;
    int32_t rc = tool_json_list(options, key, &names, err);

    for (size_t i = 0; rc == 0 && names && names[i]; i++) {
        rc = check_name(names[i], key, err);
    }
    if (rc == 0) {
        *ret = join(names);
        if (!*ret) {
            rc = enclave_error_set(err, ENCLAVE_ENOMEM, "read option %s: out of memory", key);
        }
    }
    free(names);
    return rc;
}
