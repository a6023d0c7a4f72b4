/*
 * policy.h - what the options of file_operation allow.
 *
 * Owns: the options, read and checked, and the decision on a file's extension. Not here: whether a
 * path lies in allowed_paths and in none of blocked_paths. That is decided in the sandbox, on the
 * opened file, where no link can be exchanged in between; these lists go into each request.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef POLICY_H
#define POLICY_H

#include "tool_json.h"

/* A file is held in memory whole, so that there has to be some limit. */
#define POLICY_LARGEST_FILE (UINT64_C(256) << 20)

struct policy {
    struct json_object *options; /* what the lists' strings are borrowed from */
    const char **allowed_paths;  /* NULL: anywhere */
    const char **blocked_paths;  /* NULL: none */
    const char **extensions;     /* NULL: all */
    uint64_t max_file_size;      /* bytes, 1 to POLICY_LARGEST_FILE */
};

extern const struct enclave_option policy_options[];

/* Whether it fails or not, policy_clear() frees what it has made. `ret` is zeroed. */
int32_t policy_read(const char *options, struct policy *ret, struct enclave_error *err);
void policy_clear(struct policy *policy);

/* ENCLAVE_EDENIED when the path's extension is not one of allowed_extensions. */
int32_t policy_check_extension(const struct policy *policy, const char *path,
                               struct enclave_error *err);

#endif
