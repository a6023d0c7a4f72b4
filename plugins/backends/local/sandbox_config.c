/*
 * sandbox_config.c - see sandbox_config.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sandbox_config.h"

#include "json_build.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_VOLUMES 256
#define MAX_TEXT 4096
#define MIN_PIDS (SANDBOX_AGENT_PIDS + 2)
#define MIN_CPU 0.01 /* the kernel's smallest quota, 1 ms of 100 */
#define MAX_CPU 65536.0

/* -------------------------------------------------------------------------------- single values */

/* Text that may reach an engine: some UTF-8 without control characters. */
static int is_clean(const char *text, size_t length, size_t max)
{
    if (strlen(text) != length || length > max) {
        return 0;
    }
    for (const char *p = text; *p; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f) {
            return 0;
        }
    }
    return 1;
}

static int is_clean_value(json_object *value)
{
    return is_clean(json_object_get_string(value), (size_t)json_object_get_string_len(value),
                    MAX_TEXT);
}

/* A string member. `fallback` NULL: it may be absent. */
static int32_t get_text(json_object *root, const char *key, const char *fallback,
                        const char **ret_text, struct enclave_error *err)
{
    json_object *value = json_member(root, key);

    if (!value) {
        *ret_text = fallback;
        return 0;
    }
    if (!json_object_is_type(value, json_type_string)) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "%s must be a string", key);
    }
    if (json_object_get_string_len(value) == 0 || !is_clean_value(value)) {
        return enclave_error_set(err, ENCLAVE_EINVALID,
                                 "%s must be a text of 1 to %d bytes without control characters",
                                 key, MAX_TEXT);
    }
    *ret_text = json_object_get_string(value);
    return 0;
}

static int32_t get_bool(json_object *root, const char *key, int fallback, int *ret_value,
                        struct enclave_error *err)
{
    json_object *value = json_member(root, key);

    if (value && !json_object_is_type(value, json_type_boolean)) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "%s must be true or false", key);
    }
    *ret_value = value ? json_object_get_boolean(value) : fallback;
    return 0;
}

static int32_t get_count(json_object *root, const char *key, uint64_t fallback, uint64_t min,
                         uint64_t max, uint64_t *ret_value, struct enclave_error *err)
{
    json_object *value = json_member(root, key);
    int64_t number;

    if (!value) {
        *ret_value = fallback;
        return 0;
    }
    number = json_object_get_int64(value);
    if (!json_object_is_type(value, json_type_int) || number < (int64_t)min ||
        number > (int64_t)max) {
        return enclave_error_set(err, ENCLAVE_EINVALID,
                                 "%s must be an integer from %" PRIu64 " to %" PRIu64, key, min,
                                 max);
    }
    *ret_value = (uint64_t)number;
    return 0;
}

static int32_t get_object(json_object *root, const char *key, json_object **ret_object,
                          struct enclave_error *err)
{
    json_object *value = json_member(root, key);

    if (value && !json_object_is_type(value, json_type_object)) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "%s must be an object", key);
    }
    *ret_object = value;
    return 0;
}

int sandbox_parse_size(const char *text, uint64_t *ret_bytes)
{
    static const char units[] = "kKmMgG";
    uint64_t bytes;
    unsigned shift = 0;
    char *end;

    if (*text < '0' || *text > '9') {
        return -1;
    }
    errno = 0;
    bytes = strtoull(text, &end, 10);
    if (errno) {
        return -1;
    }
    if (*end) {
        const char *unit = strchr(units, *end);

        if (!unit || end[1]) {
            return -1;
        }
        shift = 10u * (unsigned)((unit - units) / 2 + 1);
    }
    /* 0 would mean "no limit" to engines and to tmpfs. */
    if (bytes == 0 || bytes > (uint64_t)INT64_MAX >> shift) {
        return -1;
    }
    *ret_bytes = bytes << shift;
    return 0;
}

static int32_t get_size(json_object *root, const char *key, const char *fallback,
                        uint64_t *ret_bytes, struct enclave_error *err)
{
    const char *text = NULL;
    int32_t rc = get_text(root, key, fallback, &text, err);

    if (rc) {
        return rc;
    }
    if (sandbox_parse_size(text, ret_bytes) != 0) {
        return enclave_error_set(err, ENCLAVE_EINVALID,
                                 "%s must be a size greater than 0 like \"512m\", not \"%s\"", key,
                                 text);
    }
    return 0;
}

static int32_t get_cpu(json_object *root, uint64_t *ret_quota_us, struct enclave_error *err)
{
    json_object *value = json_member(root, "cpu_limit");
    double cpus = 1;

    if (value) {
        if (!json_object_is_type(value, json_type_double) &&
            !json_object_is_type(value, json_type_int)) {
            return enclave_error_set(err, ENCLAVE_EINVALID, "cpu_limit must be a number");
        }
        cpus = json_object_get_double(value);
    }
    if (!(cpus >= MIN_CPU && cpus <= MAX_CPU)) { /* also refuses NaN */
        return enclave_error_set(err, ENCLAVE_EINVALID,
                                 "cpu_limit must be between %.2f and %.0f, not %g", MIN_CPU,
                                 MAX_CPU, cpus);
    }
    *ret_quota_us = (uint64_t)llround(cpus * SANDBOX_CPU_PERIOD_US);
    return 0;
}

/* "uid" or "uid:gid", decimal. */
static int32_t get_user(json_object *root, struct sandbox_config *config, struct enclave_error *err)
{
    const char *text;
    char *end;
    unsigned long uid;
    unsigned long gid;
    int32_t rc = get_text(root, "user", NULL, &text, err);

    if (rc || !text) {
        return rc;
    }
    errno = 0;
    uid = gid = strtoul(text, &end, 10);
    if (*end == ':' && end != text && end[1] >= '0' && end[1] <= '9') {
        gid = strtoul(end + 1, &end, 10);
    }
    /* 2^32-1 means "unchanged" to setuid(2). */
    if (errno || *end || *text < '0' || *text > '9' || uid >= UINT32_MAX || gid >= UINT32_MAX) {
        return enclave_error_set(err, ENCLAVE_EINVALID,
                                 "user must be numeric, \"uid\" or \"uid:gid\", not \"%s\"", text);
    }
    config->has_user = 1;
    config->uid = (uint32_t)uid;
    config->gid = (uint32_t)gid;
    return 0;
}

/* ---------------------------------------------------------------------------------------- paths */

/* Absolute, no empty, "." or ".." part, no trailing slash, no colon or comma (they separate in the
 * engines' forms). */
static int is_plain_path(const char *path)
{
    if (path[0] != '/' || strpbrk(path, ":,")) {
        return 0;
    }
    for (const char *part = path; *part;) {
        size_t length = strcspn(++part, "/");

        if (length == 0 || (length == 1 && part[0] == '.') ||
            (length == 2 && part[0] == '.' && part[1] == '.')) {
            return 0;
        }
        part += length;
    }
    return 1;
}

/* 1 when `path` is `folder` or below it. */
static int is_within(const char *path, const char *folder)
{
    size_t length = strlen(folder);

    return strncmp(path, folder, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

/* Mounting there would take away what the sandbox stands on. */
static int is_reserved(const char *path)
{
    static const char *const reserved[] = {
        "/proc", "/sys", "/dev", SANDBOX_SCRATCH_DIR, SANDBOX_PRIVATE_DIR, SANDBOX_AGENT_DIR};

    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++) {
        if (is_within(path, reserved[i])) {
            return 1;
        }
    }
    return strcmp(path, "/run") == 0;
}

static int32_t check_mount_point(const char *what, const char *path, struct enclave_error *err)
{
    if (!is_plain_path(path)) {
        return enclave_error_set(err, ENCLAVE_EINVALID,
                                 "%s '%s' must be an absolute path other than /, without '.', '..',"
                                 " ':', ',' or empty parts",
                                 what, path);
    }
    if (is_reserved(path)) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "%s '%s' is reserved: choose another", what,
                                 path);
    }
    return 0;
}

int sandbox_config_in_volume(const struct sandbox_config *config, const char *path)
{
    for (size_t i = 0; i < config->volume_count; i++) {
        if (is_within(path, config->volumes[i].target)) {
            return 1;
        }
    }
    return 0;
}

/* -------------------------------------------------------------------------------------- objects */

static int32_t read_volume(const char *source, json_object *value, struct sandbox_volume *volume,
                           struct enclave_error *err)
{
    const char *mode = json_text(value, "mode", "rw");

    volume->source = source;
    volume->target = json_text(value, "bind", NULL);
    if (source[0] != '/' || !is_clean(source, strlen(source), MAX_TEXT)) {
        return enclave_error_set(
            err, ENCLAVE_EINVALID,
            "volumes: '%s' must be an absolute path without control characters", source);
    }
    if (!volume->target || !is_clean_value(json_member(value, "bind"))) {
        return enclave_error_set(
            err, ENCLAVE_EINVALID,
            "volumes: '%s' needs {\"bind\": path in the sandbox, \"mode\": \"ro\" or \"rw\"}",
            source);
    }
    if (strcmp(mode, "rw") != 0 && strcmp(mode, "ro") != 0) {
        return enclave_error_set(err, ENCLAVE_EINVALID,
                                 "volumes: mode of '%s' must be \"ro\" or \"rw\", not \"%s\"",
                                 source, mode);
    }
    volume->read_only = mode[1] == 'o';
    return check_mount_point("volumes: bind", volume->target, err);
}

static int32_t get_volumes(json_object *root, struct sandbox_config *config,
                           struct enclave_error *err)
{
    json_object *volumes = NULL;
    int32_t rc = get_object(root, "volumes", &volumes, err);
    int count;

    if (rc || !volumes || (count = json_object_object_length(volumes)) == 0) {
        return rc;
    }
    if (count > MAX_VOLUMES) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "volumes: at most %d", MAX_VOLUMES);
    }
    config->volumes = calloc((size_t)count, sizeof *config->volumes);
    if (!config->volumes) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
    }
    json_object_object_foreach(volumes, source, value)
    {
        rc = read_volume(source, value, &config->volumes[config->volume_count], err);
        if (rc) {
            return rc;
        }
        config->volume_count++;
    }
    return 0;
}

/* Each name and text of `object` is clean. Names that hold one of `forbidden`, or none, are
 * refused.
 */
static int32_t check_texts(const char *what, json_object *object, const char *forbidden,
                           struct enclave_error *err)
{
    if (!object) {
        return 0;
    }
    json_object_object_foreach(object, name, value)
    {
        if (!*name || !is_clean(name, strlen(name), MAX_TEXT) || strpbrk(name, forbidden)) {
            return enclave_error_set(err, ENCLAVE_EINVALID, "%s: '%s' is not a name", what, name);
        }
        if (!json_object_is_type(value, json_type_string) ||
            !is_clean(json_object_get_string(value), (size_t)json_object_get_string_len(value),
                      SIZE_MAX)) {
            return enclave_error_set(err, ENCLAVE_EINVALID,
                                     "%s: the value of '%s' must be a string without control"
                                     " characters",
                                     what, name);
        }
    }
    return 0;
}

static int32_t check_labels(json_object *labels, struct enclave_error *err)
{
    if (labels) {
        json_object_object_foreach(labels, name, value)
        {
            (void)value;
            if (strncmp(name, "io.enclave.", 11) == 0) {
                return enclave_error_set(err, ENCLAVE_EINVALID,
                                         "labels: '%s': names with io.enclave. are reserved", name);
            }
        }
    }
    return check_texts("labels", labels, "", err);
}

static int32_t get_objects(json_object *root, struct sandbox_config *config,
                           struct enclave_error *err)
{
    int32_t rc = 0;

    (void)((rc = get_object(root, "env_vars", &config->env_vars, err)) ||
           (rc = check_texts("env_vars", config->env_vars, "=", err)) ||
           (rc = get_object(root, "extra_hosts", &config->extra_hosts, err)) ||
           (rc = check_texts("extra_hosts", config->extra_hosts, ": /", err)) ||
           (rc = get_object(root, "labels", &config->labels, err)) ||
           (rc = check_labels(config->labels, err)) ||
           (rc = get_object(root, "ports", &config->ports, err)) ||
           (rc = get_volumes(root, config, err)));
    return rc;
}

/* ------------------------------------------------------------------------------------ the whole */

static int32_t get_scalars(json_object *root, struct sandbox_config *config,
                           struct enclave_error *err)
{
    int32_t rc = 0;

    (void)((rc = get_text(root, "image", "python:3.11-slim", &config->image, err)) ||
           (rc = get_text(root, "working_dir", "/sandbox", &config->working_dir, err)) ||
           (rc = get_text(root, "network", "bridge", &config->network, err)) ||
           (rc = get_text(root, "platform", NULL, &config->platform, err)) ||
           (rc = get_text(root, "runtime", NULL, &config->runtime, err)) ||
           (rc = get_bool(root, "network_enabled", 0, &config->network_enabled, err)) ||
           (rc = get_bool(root, "privileged", 0, &config->privileged, err)) ||
           (rc = get_bool(root, "read_only_root", 1, &config->read_only_root, err)) ||
           (rc = get_bool(root, "remove_on_exit", 1, &config->remove_on_exit, err)) ||
           (rc = get_size(root, "memory_limit", "512m", &config->memory, err)) ||
           (rc = get_size(root, "workdir_size", "256m", &config->workdir_size, err)) ||
           (rc = get_size(root, "tmp_size", "256m", &config->tmp_size, err)) ||
           (rc = get_size(root, "shm_size", "64m", &config->shm_size, err)) ||
           (rc = get_count(root, "pids_limit", 256, MIN_PIDS, 1 << 22, &config->pids, err)) ||
           (rc = get_count(root, "nofile_limit", 1024, 16, 1 << 30, &config->nofile, err)) ||
           (rc = get_cpu(root, &config->cpu_quota_us, err)) || (rc = get_user(root, config, err)));
    return rc;
}

/* A name of the engine's. "container:ID" and paths, which other forms of NetworkMode allow, would
 * join somebody else's namespace. */
static int is_network_name(const char *name)
{
    for (const char *p = name; *p; p++) {
        int alnum =
            (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9');

        if (!alnum && (p == name || !strchr("_.-", *p))) {
            return 0;
        }
    }
    return 1;
}

static int32_t check_whole(const struct sandbox_config *config, struct enclave_error *err)
{
    if (strchr(config->image, ' ')) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "image '%s' must not have spaces",
                                 config->image);
    }
    if (!is_network_name(config->network)) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "network '%s' is not a network's name",
                                 config->network);
    }
    if (!config->network_enabled && config->ports && json_object_object_length(config->ports) > 0) {
        return enclave_error_set(err, ENCLAVE_EINVALID,
                                 "ports need a network: set network_enabled = true");
    }
    return check_mount_point("working_dir", config->working_dir, err);
}

int32_t sandbox_config_parse(const char *text, struct sandbox_config *ret_config,
                             struct enclave_error *err)
{
    struct sandbox_config config = {.root = json_tokener_parse(text)};
    int32_t rc;

    if (!json_object_is_type(config.root, json_type_object)) {
        json_object_put(config.root);
        return enclave_error_set(err, ENCLAVE_EINVALID,
                                 "the sandbox's configuration must be a JSON object");
    }
    rc = get_scalars(config.root, &config, err);
    if (!rc) {
        rc = get_objects(config.root, &config, err);
    }
    if (!rc) {
        rc = check_whole(&config, err);
    }
    if (rc) {
        sandbox_config_clear(&config);
        return rc;
    }
    *ret_config = config;
    return 0;
}

void sandbox_config_clear(struct sandbox_config *config)
{
    free(config->volumes);
    json_object_put(config->root);
    *config = (struct sandbox_config){0};
}
