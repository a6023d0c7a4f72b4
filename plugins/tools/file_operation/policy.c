/*
 * policy.c - see policy.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "policy.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const struct enclave_option policy_options[] = {
    ENCLAVE_OPTION("allowed_paths", ENCLAVE_OPTION_LIST, NULL,
                   "absolute folders; what a path really leads to must lie in one of them"),
    ENCLAVE_OPTION("blocked_paths", ENCLAVE_OPTION_LIST, NULL,
                   "absolute folders; what a path really leads to must lie in none of them"),
    ENCLAVE_OPTION("max_file_size", ENCLAVE_OPTION_SIZE, "10m",
                   "bytes of the largest file that is read or written, at most 256m"),
    ENCLAVE_OPTION("allowed_extensions", ENCLAVE_OPTION_LIST, NULL,
                   "such as .txt; names of files that may be read, written, created or deleted"),
    ENCLAVE_OPTION("timeout", ENCLAVE_OPTION_SECONDS, NULL,
                   "seconds, for calls that come with no timeout; 0: none; unset: the sandbox's"),
    ENCLAVE_OPTION_END,
};

static int32_t read_paths(struct json_object *options, const char *key, const char ***ret,
                          struct enclave_error *err)
{
    int32_t rc = tool_json_list(options, key, ret, err);

    for (size_t i = 0; rc == 0 && *ret && (*ret)[i]; i++) {
        if ((*ret)[i][0] != '/') {
            rc = enclave_error_set(err, ENCLAVE_EINVALID, "option %s: '%s' is not an absolute path",
                                   key, (*ret)[i]);
        }
    }
    return rc;
}

static int32_t read_extensions(struct json_object *options, const char ***ret,
                               struct enclave_error *err)
{
    int32_t rc = tool_json_list(options, "allowed_extensions", ret, err);

    for (size_t i = 0; rc == 0 && *ret && (*ret)[i]; i++) {
        const char *extension = (*ret)[i] + ((*ret)[i][0] == '.');

        if (!*extension || strchr(extension, '/')) {
            rc = enclave_error_set(err, ENCLAVE_EINVALID,
                                   "option allowed_extensions: '%s' is not an extension; expected "
                                   "one such as .txt",
                                   (*ret)[i]);
        }
    }
    return rc;
}

int32_t policy_read(const char *options, struct policy *ret, struct enclave_error *err)
{
    int32_t rc;

    ret->options = tool_json_parse(options, "options of file_operation", err);
    if (!ret->options) {
        return ENCLAVE_EINVALID;
    }
    rc = read_paths(ret->options, "allowed_paths", &ret->allowed_paths, err);
    if (rc == 0) {
        rc = read_paths(ret->options, "blocked_paths", &ret->blocked_paths, err);
    }
    if (rc == 0) {
        rc = read_extensions(ret->options, &ret->extensions, err);
    }
    if (rc < 0) {
        return rc;
    }
    ret->max_file_size = tool_json_size(ret->options, "max_file_size", UINT64_C(10) << 20);
    if (ret->max_file_size < 1 || ret->max_file_size > POLICY_LARGEST_FILE) {
        return enclave_error_set(err, ENCLAVE_EINVALID,
                                 "option max_file_size is %" PRIu64 "; expected 1 to 256m",
                                 ret->max_file_size);
    }
    return 0;
}

void policy_clear(struct policy *policy)
{
    free(policy->allowed_paths);
    free(policy->blocked_paths);
    free(policy->extensions);
    json_object_put(policy->options);
    memset(policy, 0, sizeof *policy);
}

/* "a.tar.gz" has the extensions "gz" and "tar.gz"; ".profile" has none. */
static bool has_extension(const char *name, const char *extension)
{
    size_t length = strlen(name);
    size_t tail;

    extension += *extension == '.';
    tail = strlen(extension) + 1;
    return length > tail && name[length - tail] == '.' &&
           strcasecmp(name + length - tail + 1, extension) == 0;
}

int32_t policy_check_extension(const struct policy *policy, const char *path,
                               struct enclave_error *err)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;

    if (!policy->extensions) {
        return 0;
    }
    for (size_t i = 0; policy->extensions[i]; i++) {
        if (has_extension(name, policy->extensions[i])) {
            return 0;
        }
    }
    return enclave_error_set(err, ENCLAVE_EDENIED,
                             "'%s': the extension is not one of allowed_extensions of "
                             "file_operation, of which the first is '%s'",
                             path, policy->extensions[0]);
}
