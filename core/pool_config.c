/*
 * pool_config.c - see pool_config.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "pool_config.h"

#include "fields.h"
#include "id.h"
#include "json.h"
#include "options.h"

#include <stdlib.h>
#include <string.h>

/* No field of a sandbox has one of these names. */
static const struct enclave_option keys[] = {
    ENCLAVE_OPTION("size", ENCLAVE_OPTION_INTEGER, "0", "sandboxes in the pool"),
    ENCLAVE_OPTION("type", ENCLAVE_OPTION_STRING, NULL, "backend of its sandboxes"),
    ENCLAVE_OPTION("reuse", ENCLAVE_OPTION_STRING, "reset",
                   "how a sandbox is given back: reset, fresh or dirty"),
    ENCLAVE_OPTION_END,
};

int pool_config_is_section(const char *section)
{
    return strncmp(section, "pool ", 5) == 0 && id_valid(section + 5);
}

static int32_t check_value(const struct setting *s, struct enclave_error *err)
{
    const struct enclave_option *option = option_find(keys, s->key);
    const struct field *field = option ? NULL : field_find(s->key);

    JSON_AUTO value = option ? option_from_text(option->type, s->value, err)
                             : field_from_text(field, s->value, err);
    if (!value) {
        return ENCLAVE_ECONFIG;
    }
    if (strcmp(s->key, "reuse") == 0 && !pool_reuse_by_name(s->value)) {
        return enclave_error_set(err, ENCLAVE_ECONFIG,
                                 "expected reset, fresh or dirty, got '%.80s'", s->value);
    }
    if (strcmp(s->key, "size") == 0 &&
        (json_object_get_int64(value) < 0 || json_object_get_int64(value) > POOL_SIZE_MAX)) {
        return enclave_error_set(err, ENCLAVE_ECONFIG, "expected 0 to %d sandboxes, got '%.80s'",
                                 POOL_SIZE_MAX, s->value);
    }
    return 0;
}

int32_t pool_config_check(const struct setting *s, struct enclave_error *err)
{
    if (!s->key[0]) {
        return 0;
    }
    if (!option_find(keys, s->key) && !field_find(s->key)) {
        const char *near = option_suggest(keys, s->key);
        return config_unknown_key(s, near ? near : field_suggest(s->key), err);
    }
    return check_value(s, err) < 0 ? config_bad_value(s, err) : 0;
}

/* A checked setting into the spec. */
static int32_t take(struct pool_spec *spec, json_object *fields, const struct setting *s)
{
    if (strcmp(s->key, "size") == 0) {
        spec->size = strtoll(s->value, NULL, 10);
    } else if (strcmp(s->key, "reuse") == 0) {
        spec->reuse = pool_reuse_by_name(s->value);
    } else if (strcmp(s->key, "type") == 0) {
        spec->type = strdup(s->value);
        return spec->type ? 0 : ENCLAVE_ENOMEM;
    } else if (s->key[0]) {
        return json_set(fields, s->key, field_from_text(field_find(s->key), s->value, NULL));
    }
    return 0;
}

int32_t pool_config_read(const struct config *config, const char *name, struct pool_spec *spec,
                         int *ret_declared, struct enclave_error *err)
{
    char section[ENCLAVE_ID_SIZE + 8];
    JSON_AUTO fields = json_object_new_object();
    int32_t r = fields ? 0 : ENCLAVE_ENOMEM;

    *ret_declared = 0;
    (void)snprintf(section, sizeof section, "pool %s", name);
    for (size_t i = 0; r == 0 && i < config->settings.count; i++) {
        const struct setting *s = &config->settings.items[i];
        if (strcmp(s->section, section) == 0) {
            *ret_declared = 1;
            r = take(spec, fields, s);
        }
    }
    if (r == 0 && *ret_declared && !(spec->config = json_text(fields))) {
        r = ENCLAVE_ENOMEM;
    }
    if (r < 0) {
        pool_spec_clear(spec);
        return enclave_error_set(err, r, "pool '%s': out of memory", name);
    }
    return 0;
}

int pool_config_any(const struct config *config)
{
    for (size_t i = 0; i < config->settings.count; i++) {
        const struct setting *s = &config->settings.items[i];
        if (pool_config_is_section(s->section) && strcmp(s->key, "size") == 0 &&
            strtoll(s->value, NULL, 10) > 0) {
            return 1;
        }
    }
    return 0;
}

static int32_t describe_one(const struct setting *s, json_object *rows)
{
    const struct enclave_option *option = option_find(keys, s->key);
    return config_add_row(rows, s->section, s->key, s->value, s->source,
                          option ? option->help : field_find(s->key)->help);
}

int32_t pool_config_describe(const struct config *config, json_object *rows)
{
    int32_t r = 0;
    for (size_t i = 0; r == 0 && i < config->settings.count; i++) {
        const struct setting *s = &config->settings.items[i];
        r = pool_config_is_section(s->section) && s->key[0] ? describe_one(s, rows) : 0;
    }
    return r;
}
