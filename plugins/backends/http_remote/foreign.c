/* SPDX-License-Identifier: Apache-2.0 */
#include "foreign.h"

#include "json.h"

#include <string.h>

static const char *const known[] = {"timeout",
                                    "tools_config",
                                    "working_dir",
                                    "env_vars",
                                    "resource_limits",
                                    "image",
                                    "command",
                                    "volumes",
                                    "ports",
                                    "network",
                                    "network_enabled",
                                    "extra_hosts",
                                    "platform",
                                    "memory_limit",
                                    "cpu_limit",
                                    "privileged",
                                    "remove_on_exit",
                                    "pull_progress",
                                    "pull_progress_interval"};

static int is_known(const char *field)
{
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(field, known[i]) == 0) {
            return 1;
        }
    }
    return 0;
}

/* What it does anyway: nothing for a field that is null, and a root that can be written. */
static int holds_anyway(const char *field, json_object *value)
{
    return !value || (strcmp(field, "read_only_root") == 0 && !json_object_get_boolean(value));
}

static int32_t check_requested(json_object *requested, struct enclave_error *err)
{
    if (!json_object_is_type(requested, json_type_object)) {
        return 0;
    }
    json_object_object_foreach(requested, field, value)
    {
        if (!is_known(field) && !holds_anyway(field, value)) {
            return enclave_error_set(err, ENCLAVE_EUNENFORCED,
                                     "create a sandbox: the server is not one of Enclave's and "
                                     "does not know '%.80s', which was asked for",
                                     field);
        }
    }
    return 0;
}

static int32_t select_known(json_object *config, struct buffer *to, struct enclave_error *err)
{
    int32_t r = buffer_append(to, "{", 1);

    for (size_t i = 0; r == 0 && i < sizeof known / sizeof *known; i++) {
        json_object *value = json_member(config, known[i]);
        const char *text =
            value ? json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN) : NULL;

        if (text) {
            r = buffer_append_text(to, to->length > 1 ? ",\"" : "\"");
            r = r == 0 ? buffer_append_text(to, known[i]) : r;
            r = r == 0 ? buffer_append_text(to, "\":") : r;
            r = r == 0 ? buffer_append_text(to, text) : r;
        }
    }
    r = r == 0 ? buffer_append(to, "}", 1) : r;
    return r == 0 ? 0
                  : enclave_error_set(err, r, "create a sandbox: its configuration is too long");
}

int32_t foreign_config(const struct enclave_sandbox_spec *spec, struct buffer *to,
                       struct enclave_error *err)
{
    json_object *config = NULL, *requested = NULL;
    int32_t r = json_parse(spec->config, strlen(spec->config), &config);

    if (r == 0 && spec->requested) {
        r = json_parse(spec->requested, strlen(spec->requested), &requested);
    }
    r = r == 0 ? check_requested(requested, err)
               : enclave_error_set(err, r, "create a sandbox: its configuration cannot be read");
    if (r == 0) {
        r = select_known(config, to, err);
    }
    json_object_put(config);
    json_object_put(requested);
    return r;
}
