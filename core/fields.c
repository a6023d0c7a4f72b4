/*
 * fields.c - see fields.h. docs/configuration.md describes the fields for people.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fields.h"

#include "json.h"
#include "options.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------------------------- checks */

static json_object *refuse(json_object *value, const char *expected, struct enclave_error *err)
{
    enclave_error_set(err, ENCLAVE_EINVALID, "expected %s, got %.120s", expected,
                      value ? json_object_to_json_string(value) : "null");
    return NULL;
}

/* Text that may reach an engine: no control characters, so that no header or line can be forged. */
static int plain_text(json_object *value)
{
    if (!json_object_is_type(value, json_type_string)) {
        return 0;
    }
    const char *text = json_object_get_string(value);
    size_t length = (size_t)json_object_get_string_len(value);
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f) {
            return 0;
        }
    }
    return length <= 4096;
}

static json_object *check_text(json_object *value, struct enclave_error *err)
{
    if (!plain_text(value) || json_object_get_string_len(value) == 0) {
        return refuse(value, "a string without control characters", err);
    }
    return json_object_get(value);
}

static json_object *check_boolean(json_object *value, struct enclave_error *err)
{
    return json_object_is_type(value, json_type_boolean) ? json_object_get(value)
                                                         : refuse(value, "true or false", err);
}

static int is_number(json_object *value)
{
    return (json_object_is_type(value, json_type_int) ||
            json_object_is_type(value, json_type_double)) &&
           isfinite(json_object_get_double(value));
}

static json_object *check_seconds(json_object *value, struct enclave_error *err)
{
    if (!is_number(value) || json_object_get_double(value) < 0 ||
        json_object_get_double(value) > 1e9) {
        return refuse(value, "a number of seconds, 0 for no limit", err);
    }
    return json_object_get(value);
}

static json_object *check_cpus(json_object *value, struct enclave_error *err)
{
    if (!is_number(value) || json_object_get_double(value) < 0.01 ||
        json_object_get_double(value) > 4096) {
        return refuse(value, "a number of CPUs of at least 0.01", err);
    }
    return json_object_get(value);
}

static json_object *check_count(json_object *value, struct enclave_error *err)
{
    if (!json_object_is_type(value, json_type_int) || json_object_get_int64(value) < 1 ||
        json_object_get_int64(value) > 1 << 22) {
        return refuse(value, "a whole number of at least 1", err);
    }
    return json_object_get(value);
}

static json_object *check_pids(json_object *value, struct enclave_error *err)
{
    if (!json_object_is_type(value, json_type_int) || json_object_get_int64(value) < 32) {
        return refuse(value, "a whole number of at least 32", err); /* 16 are kept for the agent */
    }
    return check_count(value, err);
}

static json_object *check_size(json_object *value, struct enclave_error *err)
{
    uint64_t bytes = 0;
    int number = json_object_is_type(value, json_type_int);
    if ((!number && !plain_text(value)) ||
        option_parse_size(json_object_get_string(value), &bytes) < 0 || bytes == 0) {
        return refuse(value, "a size such as \"512m\"", err);
    }
    return number ? json_object_new_string(json_object_get_string(value)) : json_object_get(value);
}

/* Less is not enough for the sandbox's own first process and one of the payload. */
static json_object *check_memory(json_object *value, struct enclave_error *err)
{
    uint64_t bytes = 0;
    json_object *checked = check_size(value, err);
    if (checked && option_parse_size(json_object_get_string(checked), &bytes) == 0 &&
        bytes < 8u << 20) {
        json_object_put(checked);
        return refuse(value, "at least \"8m\"", err);
    }
    return checked;
}

static int ends_with(const char *text, size_t length, const char *end)
{
    size_t n = strlen(end);
    return length >= n && strcmp(text + length - n, end) == 0;
}

static json_object *check_directory(json_object *value, struct enclave_error *err)
{
    if (plain_text(value)) {
        const char *path = json_object_get_string(value);
        size_t length = strlen(path);
        if (path[0] == '/' && length > 1 && path[length - 1] != '/' && !strstr(path, "//") &&
            !strstr(path, "/../") && !strstr(path, "/./") && !ends_with(path, length, "/..") &&
            !ends_with(path, length, "/.")) {
            return json_object_get(value);
        }
    }
    return refuse(value, "an absolute path such as \"/sandbox\"", err);
}

static int environment_name(const char *name)
{
    return *name && !strchr(name, '=');
}

static json_object *check_environment(json_object *value, struct enclave_error *err)
{
    if (!json_object_is_type(value, json_type_object)) {
        return refuse(value, "an object of strings", err);
    }
    json_object_object_foreach(value, name, text)
    {
        if (!environment_name(name) || !json_object_is_type(text, json_type_string) ||
            strlen(json_object_get_string(text)) != (size_t)json_object_get_string_len(text)) {
            return refuse(text, "names and values that are strings", err);
        }
    }
    return json_object_get(value);
}

static json_object *check_text_map(json_object *value, struct enclave_error *err)
{
    if (!json_object_is_type(value, json_type_object)) {
        return refuse(value, "an object of strings", err);
    }
    json_object_object_foreach(value, name, text)
    {
        JSON_AUTO key = json_object_new_string(name);
        if (!plain_text(key) || !plain_text(text)) {
            return refuse(text, "strings without control characters", err);
        }
    }
    return json_object_get(value);
}

/* A misspelt `mode` must not make a folder writable. */
static int volume_members_known(json_object *volume)
{
    json_object_object_foreach(volume, name, unused)
    {
        (void)unused;
        if (strcmp(name, "bind") != 0 && strcmp(name, "mode") != 0) {
            return 0;
        }
    }
    return 1;
}

static json_object *check_volumes(json_object *value, struct enclave_error *err)
{
    static const char shape[] = "{\"/host/folder\": {\"bind\": \"/path\", \"mode\": \"ro\"}}";
    if (!json_object_is_type(value, json_type_object)) {
        return refuse(value, shape, err);
    }
    json_object_object_foreach(value, host, volume)
    {
        json_object *bind = NULL, *mode = NULL;
        JSON_AUTO source = json_object_new_string(host);
        if (host[0] != '/' || !plain_text(source) ||
            !json_object_object_get_ex(volume, "bind", &bind) || !volume_members_known(volume)) {
            return refuse(value, shape, err);
        }
        JSON_AUTO checked = check_directory(bind, err);
        if (!checked) {
            return NULL;
        }
        if (json_object_object_get_ex(volume, "mode", &mode) &&
            (!json_object_is_type(mode, json_type_string) ||
             (strcmp(json_object_get_string(mode), "ro") != 0 &&
              strcmp(json_object_get_string(mode), "rw") != 0))) {
            return refuse(mode, "mode \"ro\" or \"rw\"", err);
        }
    }
    return json_object_get(value);
}

/* "8888", "8888/tcp", "53/udp" */
static int port_name(const char *name)
{
    size_t digits = strspn(name, "0123456789");
    if (digits == 0 || digits > 5 || atoi(name) < 1 || atoi(name) > 65535) {
        return 0;
    }
    return !name[digits] || strcmp(name + digits, "/tcp") == 0 ||
           strcmp(name + digits, "/udp") == 0;
}

static json_object *check_ports(json_object *value, struct enclave_error *err)
{
    static const char shape[] = "{\"8888/tcp\": 8888} or {\"8888/tcp\": [\"127.0.0.1\", 8888]}";
    if (!json_object_is_type(value, json_type_object)) {
        return refuse(value, shape, err);
    }
    json_object_object_foreach(value, name, target)
    {
        json_object *port = target;
        if (json_object_is_type(target, json_type_array)) {
            if (json_object_array_length(target) != 2 ||
                !plain_text(json_object_array_get_idx(target, 0))) {
                return refuse(value, shape, err);
            }
            port = json_object_array_get_idx(target, 1);
        }
        if (!port_name(name) || !json_object_is_type(port, json_type_int) ||
            json_object_get_int64(port) < 0 || json_object_get_int64(port) > 65535) {
            return refuse(value, shape, err);
        }
    }
    return json_object_get(value);
}

/* A string that reaches a program whole: without a NUL. */
static int c_string(json_object *value)
{
    return json_object_is_type(value, json_type_string) &&
           strlen(json_object_get_string(value)) == (size_t)json_object_get_string_len(value);
}

static json_object *check_command(json_object *value, struct enclave_error *err)
{
    int good = c_string(value) && json_object_get_string_len(value) > 0;
    if (json_object_is_type(value, json_type_array)) {
        good = json_object_array_length(value) > 0 &&
               json_object_get_string_len(json_object_array_get_idx(value, 0)) > 0;
        for (size_t i = 0; good && i < json_object_array_length(value); i++) {
            good = c_string(json_object_array_get_idx(value, i));
        }
    }
    return good ? json_object_get(value) : refuse(value, "a string or an array of strings", err);
}

static json_object *check_user(json_object *value, struct enclave_error *err)
{
    if (plain_text(value)) {
        const char *text = json_object_get_string(value);
        size_t uid = strspn(text, "0123456789");
        size_t gid = text[uid] == ':' ? strspn(text + uid + 1, "0123456789") : 0;
        if (uid > 0 && uid < 11 && (!text[uid] || (gid > 0 && gid < 11 && !text[uid + 1 + gid]))) {
            return json_object_get(value);
        }
    }
    return refuse(value, "\"UID\" or \"UID:GID\", in numbers", err);
}

static json_object *check_resource_limits(json_object *value, struct enclave_error *err)
{
    if (!json_object_is_type(value, json_type_object) || json_object_object_length(value) > 0) {
        return refuse(value, "{}: set memory_limit, cpu_limit, pids_limit instead", err);
    }
    return json_object_get(value);
}

/* An array of names becomes an object of names with empty options. */
static json_object *check_tools(json_object *value, struct enclave_error *err)
{
    if (json_object_is_type(value, json_type_object)) {
        json_object_object_foreach(value, name, options)
        {
            if (options && !json_object_is_type(options, json_type_object)) {
                enclave_error_set(err, ENCLAVE_EINVALID,
                                  "'%s': expected an object of options, got %s", name,
                                  json_type_word(options));
                return NULL;
            }
        }
        return json_object_get(value);
    }
    if (!json_object_is_type(value, json_type_array)) {
        return refuse(value, "an object of tools or an array of their names", err);
    }
    JSON_AUTO tools = json_object_new_object();
    for (size_t i = 0; i < json_object_array_length(value); i++) {
        json_object *name = json_object_array_get_idx(value, i);
        if (!json_object_is_type(name, json_type_string)) {
            return refuse(value, "an array of names", err);
        }
        if (json_set(tools, json_object_get_string(name), json_object_new_object()) < 0) {
            enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
            return NULL;
        }
    }
    return json_object_get(tools);
}

/* --------------------------------------------------------------------------- capabilities asked */

#define ASKS(name, bits)                                                                           \
    static uint64_t asks_##name(json_object *value)                                                \
    {                                                                                              \
        (void)value;                                                                               \
        return (bits);                                                                             \
    }
ASKS(memory, ENCLAVE_CAN_MEMORY)
ASKS(cpu, ENCLAVE_CAN_CPU)
ASKS(pids, ENCLAVE_CAN_PIDS)
ASKS(tmpfs, ENCLAVE_CAN_SIZED_TMPFS)
ASKS(image, ENCLAVE_CAN_IMAGE)
ASKS(user, ENCLAVE_CAN_USER)
ASKS(platform, ENCLAVE_CAN_PLATFORM)
ASKS(runtime, ENCLAVE_CAN_RUNTIME)

static uint64_t asks_network(json_object *value)
{
    return json_object_get_boolean(value) ? ENCLAVE_CAN_NETWORK : ENCLAVE_CAN_NETWORK_OFF;
}

static uint64_t asks_read_only(json_object *value)
{
    return json_object_get_boolean(value) ? ENCLAVE_CAN_READ_ONLY_ROOT : 0;
}

static uint64_t asks_privileged(json_object *value)
{
    return json_object_get_boolean(value) ? ENCLAVE_CAN_PRIVILEGED
                                          : ENCLAVE_CAN_SECCOMP | ENCLAVE_CAN_NO_NEW_PRIVS;
}

static uint64_t when_not_empty(json_object *value, uint64_t bits)
{
    return value && json_object_object_length(value) > 0 ? bits : 0;
}

static uint64_t asks_volumes(json_object *value)
{
    return when_not_empty(value, ENCLAVE_CAN_VOLUMES);
}

static uint64_t asks_ports(json_object *value)
{
    return when_not_empty(value, ENCLAVE_CAN_PORTS);
}

static uint64_t asks_hosts(json_object *value)
{
    return when_not_empty(value, ENCLAVE_CAN_EXTRA_HOSTS);
}

/* -------------------------------------------------------------------------------------- table */

static const struct field fields[] = {
    {"timeout", "30", "seconds an execution may take; 0: no limit", check_seconds, NULL, 0},
    {"ttl", "0", "seconds that it may live; 0: no limit of its own", check_seconds, NULL, 0},
    {"tools_config", "{}", "tools to enable, with their options", check_tools, NULL, 0},
    {"working_dir", "\"/sandbox\"", "directory in which tools start", check_directory, NULL, 0},
    {"env_vars", "{}", "environment variables", check_environment, NULL, 1},
    {"resource_limits", "{}", "accepted only empty", check_resource_limits, NULL, 0},
    {"image", "\"python:3.11-slim\"", "image of the root filesystem", check_text, asks_image, 0},
    {"command", "null", "started once, when the sandbox starts", check_command, NULL, 0},
    {"user", "null", "UID[:GID] of what runs in it; null: one of its own", check_user, asks_user,
     0},
    {"volumes", "{}", "host folders: {HOST: {bind, mode}}", check_volumes, asks_volumes, 0},
    {"ports", "{}", "published ports: {\"8888/tcp\": 8888}", check_ports, asks_ports, 0},
    {"network", "\"bridge\"", "network to join when network_enabled", check_text, NULL, 0},
    {"network_enabled", "false", "false: no network at all", check_boolean, asks_network, 0},
    {"extra_hosts", "{}", "names for addresses: {NAME: IP}", check_text_map, asks_hosts, 1},
    {"platform", "null", "platform of the image, as linux/amd64", check_text, asks_platform, 0},
    {"memory_limit", "\"512m\"", "memory, with no swap beyond it; at least 8m", check_memory,
     asks_memory, 0},
    {"cpu_limit", "1", "CPUs", check_cpus, asks_cpu, 0},
    {"pids_limit", "256", "processes and threads", check_pids, asks_pids, 0},
    {"nofile_limit", "1024", "open files of one process", check_count, NULL, 0},
    {"privileged", "false", "true gives up the security boundary", check_boolean, asks_privileged,
     0},
    {"read_only_root", "true", "root filesystem cannot be written", check_boolean, asks_read_only,
     0},
    {"workdir_size", "\"256m\"", "space in working_dir, counted as memory", check_size, asks_tmpfs,
     0},
    {"tmp_size", "\"256m\"", "space in /tmp, counted as memory", check_size, asks_tmpfs, 0},
    {"shm_size", "\"64m\"", "space in /dev/shm, counted as memory", check_size, asks_tmpfs, 0},
    {"remove_on_exit", "true", "false: a stopped sandbox is kept until it is deleted",
     check_boolean, NULL, 0},
    {"runtime", "null", "container runtime, as runc or runsc", check_text, asks_runtime, 0},
    {"labels", "{}", "labels for the backend to attach", check_text_map, NULL, 1},
    {"pull_progress", "false", "log the progress of an image pull", check_boolean, NULL, 0},
    {"pull_progress_interval", "3.0", "seconds between two such lines", check_seconds, NULL, 0},
};

enum { FIELD_COUNT = sizeof fields / sizeof *fields };

/* Fields of the reference system that mean nothing here; its clients send them. */
static const char *const ignored[] = {"docker_executor_workers"};

size_t field_count(void)
{
    return FIELD_COUNT;
}

const struct field *field_at(size_t index)
{
    return &fields[index];
}

const struct field *field_find(const char *name)
{
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (strcmp(fields[i].name, name) == 0) {
            return &fields[i];
        }
    }
    return NULL;
}

static int is_ignored(const char *name)
{
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++) {
        if (strcmp(ignored[i], name) == 0) {
            return 1;
        }
    }
    return 0;
}

json_object *field_from_text(const struct field *field, const char *text, struct enclave_error *err)
{
    JSON_AUTO value = NULL;
    struct enclave_error local = ENCLAVE_ERROR_INIT;

    if (strcmp(field->name, "tools_config") == 0 && text[0] != '{' && text[0] != '[') {
        value = option_from_text(ENCLAVE_OPTION_LIST, text, err);
    } else if (strchr("{[\"", text[0]) || field->check == check_boolean ||
               field->check == check_seconds || field->check == check_cpus ||
               field->check == check_count || field->check == check_pids) {
        value = json_parse(text, strlen(text), "value", &local);
    }
    if (!value) {
        value = json_object_new_string(text);
    }
    return value ? field->check(value, err) : NULL;
}

json_object *fields_defaults(struct enclave_error *err)
{
    json_object *config = json_object_new_object();
    for (size_t i = 0; config && i < FIELD_COUNT; i++) {
        json_object *value = json_tokener_parse(fields[i].default_json);
        if (json_object_object_add(config, fields[i].name, value) != 0) {
            json_object_put(value);
            json_object_put(config);
            config = NULL;
        }
    }
    if (!config) {
        enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
    }
    return config;
}

const char *field_suggest(const char *name)
{
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (option_similar(name, fields[i].name)) {
            return fields[i].name;
        }
    }
    return NULL;
}

/* `value` over the members of what `config` has; a new object, since the old may be shared. */
static int32_t merge_member(json_object *config, const struct field *field, json_object *value)
{
    json_object *merged = json_object_new_object();
    json_object *old = json_object_object_get(config, field->name);
    json_object *both[] = {old, value};

    for (size_t i = 0; merged && i < 2; i++) {
        if (!both[i]) {
            continue;
        }
        json_object_object_foreach(both[i], key, member)
        {
            if (json_set(merged, key, json_object_get(member)) < 0) {
                json_object_put(merged);
                return ENCLAVE_ENOMEM;
            }
        }
    }
    return json_set(config, field->name, merged);
}

static int32_t apply_field(json_object *config, const struct field *field, json_object *value,
                           uint64_t *explicit_bits, struct enclave_error *err)
{
    if (!value) { /* null: as not given */
        return 0;
    }
    json_object *checked = field->check(value, err);
    if (!checked) {
        return enclave_error_prefix(err, ENCLAVE_EINVALID, "field '%s': ", field->name);
    }
    if (field->asks) {
        *explicit_bits |= field->asks(checked);
    }
    int32_t r;
    if (field->merges) {
        r = merge_member(config, field, checked);
        json_object_put(checked);
    } else {
        r = json_set(config, field->name, checked);
    }
    return r < 0 ? enclave_error_set(err, r, "out of memory") : 0;
}

int32_t fields_apply(json_object *config, json_object *given, uint64_t *explicit_bits,
                     struct enclave_error *err)
{
    json_object_object_foreach(given, name, value)
    {
        const struct field *field = field_find(name);
        if (!field) {
            if (is_ignored(name)) {
                continue;
            }
            const char *near = field_suggest(name);
            return enclave_error_set(err, ENCLAVE_EINVALID, "unknown field '%.80s'%s%s%s", name,
                                     near ? "; did you mean '" : "", near ? near : "",
                                     near ? "'?" : "");
        }
        int32_t r = apply_field(config, field, value, explicit_bits, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

uint64_t fields_wanted(json_object *config)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        json_object *value = json_object_object_get(config, fields[i].name);
        if (fields[i].asks && value) {
            bits |= fields[i].asks(value);
        }
    }
    if (!json_object_object_get(config, "user")) {
        bits |= ENCLAVE_CAN_OWN_UID;
    }
    return bits | ENCLAVE_CAN_OWN_FILES | ENCLAVE_CAN_KILL_TREE; /* what a sandbox is */
}

json_object *fields_bit_names(uint64_t bits)
{
    static const char *const names[] = {
        "memory_limit",   "cpu_limit",   "pids_limit", "network_off",       "network",
        "read_only_root", "tmpfs_sizes", "seccomp",    "no_new_privileges", "own_uid",
        "image",          "volumes",     "ports",      "extra_hosts",       "privileged",
        "platform",       "runtime",     "user",       "own_files",         "kill_tree"};
    json_object *list = json_object_new_array();
    for (size_t i = 0; list && i < sizeof names / sizeof *names; i++) {
        if (bits >> i & 1) {
            json_object *name = json_object_new_string(names[i]);
            if (!name || json_object_array_add(list, name) != 0) {
                json_object_put(name);
                json_object_put(list);
                return NULL;
            }
        }
    }
    return list;
}
