/*
 * session.c - see session.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "session.h"

#include "report.h"
#include "text.h"
#include "verbs.h"

#include <stdio.h>
#include <stdlib.h>

void json_put(struct json_object **object)
{
    json_object_put(*object);
}

void session_free_text(char **text)
{
    enclave_free(*text);
}

void session_close(struct enclave_manager **manager)
{
    enclave_manager_free(*manager);
}

const char *json_text(struct json_object *object, const char *key, const char *fallback)
{
    struct json_object *value = NULL;
    const char *text;

    if (!json_object_is_type(object, json_type_object) ||
        !json_object_object_get_ex(object, key, &value) || !value) {
        return fallback;
    }
    text = json_object_get_string(value);
    return text && text[0] != '\0' ? text : fallback;
}

int32_t session_open(const struct globals *globals, struct enclave_manager **ret_manager,
                     struct enclave_error *err)
{
    struct enclave_manager_options options = ENCLAVE_MANAGER_OPTIONS_INIT;
    const char *overrides[2] = {NULL};
    AUTO_FREE char *backend = NULL;

    options.config_path = globals->config;
    options.log = report_log;
    if (globals->backend) {
        if (asprintf(&backend, "enclave.backend=%s", globals->backend) < 0) {
            backend = NULL;
            return enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
        }
        overrides[0] = backend;
        options.overrides = overrides;
    }
    return enclave_manager_new(&options, ret_manager, err);
}

int session_ask(const struct globals *globals, session_question question,
                void (*show)(struct json_object *answer))
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    AUTO_MANAGER struct enclave_manager *manager = NULL;
    AUTO_TEXT char *text = NULL;
    AUTO_JSON struct json_object *answer = NULL;

    if (session_open(globals, &manager, &err) != 0 || question(manager, &text, &err) != 0) {
        report_error("%s", err.message);
        return EXIT_ENCLAVE;
    }
    if (globals->json) {
        puts(text);
        return verb_finish(EXIT_OK);
    }
    answer = json_tokener_parse(text);
    if (!json_object_is_type(answer, json_type_array)) {
        report_error("the library's answer is not the JSON array that was expected");
        return EXIT_ENCLAVE;
    }
    show(answer);
    return verb_finish(EXIT_OK);
}
