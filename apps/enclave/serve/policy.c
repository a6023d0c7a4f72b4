/*
 * policy.c - see policy.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "policy.h"

#include "../session.h"

#include <string.h>

static bool is_true(struct json_object *value)
{
    return json_object_is_type(value, json_type_boolean) && json_object_get_boolean(value);
}

static bool is_false(struct json_object *value)
{
    return json_object_is_type(value, json_type_boolean) && !json_object_get_boolean(value);
}

/* Anything but null, {}, [] and "". */
static bool is_given(struct json_object *value)
{
    switch (json_object_get_type(value)) {
    case json_type_null:
        return false;
    case json_type_object:
        return json_object_object_length(value) > 0;
    case json_type_array:
        return json_object_array_length(value) > 0;
    case json_type_string:
        return json_object_get_string_len(value) > 0;
    case json_type_boolean:
    case json_type_double:
    case json_type_int:
    default:
        return true;
    }
}

/* The host's network, another container's, and networks with options, which may open the way to the host. */
static bool is_host_network(struct json_object *value)
{
    const char *name =
        json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";

    return strcasecmp(name, "host") == 0 || strchr(name, ':');
}

struct rule {
    const char *field;
    bool (*asks)(struct json_object *value);
    unsigned allow;
};

static const struct rule rules[] = {
    {"network_enabled", is_true, ALLOW_NETWORK},
    {"network", is_host_network, ALLOW_HOST_NETWORK},
    {"extra_hosts", is_given, ALLOW_EXTRA_HOSTS},
    {"ports", is_given, ALLOW_PORTS},
    {"volumes", is_given, ALLOW_VOLUMES},
    {"privileged", is_true, ALLOW_PRIVILEGED},
    {"user", is_given, ALLOW_USER},
    {"runtime", is_given, ALLOW_RUNTIME},
    {"read_only_root", is_false, ALLOW_WRITABLE_ROOT},
};

static void limit_times(const struct settings *settings, struct json_object *config)
{
    struct json_object *tools = NULL, *unused;

    if (!settings->default_timeout_fits && !json_object_object_get_ex(config, "timeout", &unused)) {
        json_object_object_add(config, "timeout",
                               json_object_new_double((double)settings->max_timeout_ms / 1000));
    }
    policy_limit_timeout(settings, config);
    if (json_object_object_get_ex(config, "tools_config", &tools) &&
        json_object_is_type(tools, json_type_object)) {
        json_object_object_foreach(tools, name, options)
        {
            (void)name;
            policy_limit_timeout(settings, options);
        }
    }
}

int32_t policy_apply(const struct settings *settings, struct json_object *config,
                     struct enclave_error *err)
{
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        struct json_object *value = NULL;
        if (json_object_object_get_ex(config, rules[i].field, &value) && rules[i].asks(value) &&
            !(settings->allowed & 1U << rules[i].allow)) {
            return enclave_error_set(
                err, ENCLAVE_EDENIED,
                "%s: not for remote callers; set %s = true in [server] to allow it", rules[i].field,
                settings_allow_keys[rules[i].allow]);
        }
    }
    limit_times(settings, config);
    return 0;
}

double policy_timeout(const struct settings *settings, double seconds)
{
    double longest = (double)settings->max_timeout_ms / 1000;

    return seconds <= 0 || seconds > longest ? longest : seconds;
}

void policy_limit_timeout(const struct settings *settings, struct json_object *object)
{
    struct json_object *value = NULL;
    double seconds;

    if (!json_object_is_type(object, json_type_object) ||
        !json_object_object_get_ex(object, "timeout", &value) ||
        (!json_object_is_type(value, json_type_int) &&
         !json_object_is_type(value, json_type_double))) {
        return; /* the manager says what is wrong with it */
    }
    seconds = json_object_get_double(value);
    if (seconds >= 0 && policy_timeout(settings, seconds) != seconds) {
        int64_t longest = settings->max_timeout_ms / 1000;
        json_object_object_add(
            object, "timeout",
            settings->max_timeout_ms % 1000 == 0
                ? json_object_new_int64(longest)
                : json_object_new_double((double)settings->max_timeout_ms / 1000));
    }
}

/* "docker = bubblewrap": the length of the name, and where the backend's begins. */
static const char *alias_parts(const char *alias, size_t *ret_length)
{
    size_t length = strcspn(alias, "= \t");
    const char *at = alias + length + strspn(alias + length, " \t");

    *ret_length = length;
    return length > 0 && *at == '=' && at[1 + strspn(at + 1, " \t")]
               ? at + 1 + strspn(at + 1, " \t")
               : NULL;
}

const char *policy_type(const struct settings *settings, const char *type)
{
    for (char *const *alias = settings->type_alias; alias && *alias; alias++) {
        size_t length;
        const char *backend = alias_parts(*alias, &length);
        if (backend && strlen(type) == length && strncmp(*alias, type, length) == 0) {
            return backend;
        }
    }
    return type;
}

int32_t policy_check_aliases(const struct settings *settings, struct enclave_error *err)
{
    for (char *const *alias = settings->type_alias; alias && *alias; alias++) {
        size_t length;
        if (!alias_parts(*alias, &length)) {
            return enclave_error_set(
                err, ENCLAVE_ECONFIG,
                "[server] type_alias = %.80s: expected NAME = BACKEND, as in docker = bubblewrap",
                *alias);
        }
    }
    return 0;
}
