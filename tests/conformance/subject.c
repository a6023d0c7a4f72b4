/*
 * subject.c - see subject.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "subject.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

int32_t subject_manager(const struct subject *subject, struct enclave_manager **ret_manager,
                        struct enclave_error *err)
{
    struct enclave_manager_options options = ENCLAVE_MANAGER_OPTIONS_INIT;
    char backend[128];
    const char *overrides[] = {backend, NULL};

    (void)snprintf(backend, sizeof backend, "enclave.backend=%s", subject->backend);
    options.config_path = subject->config;
    options.overrides = overrides;
    return enclave_manager_new(&options, ret_manager, err);
}

static void keep_names(struct subject *subject, json_object *can)
{
    size_t n = 1;

    subject->can[0] = ',';
    for (size_t i = 0; i < json_object_array_length(can) && n < sizeof subject->can; i++) {
        n += (size_t)snprintf(subject->can + n, sizeof subject->can - n, "%s,",
                              json_object_get_string(json_object_array_get_idx(can, i)));
    }
}

/* What the manager says of this backend when it has asked each. */
static enum subject_state judge(struct subject *subject, json_object *rows,
                                struct enclave_error *err)
{
    for (size_t i = 0; i < json_object_array_length(rows); i++) {
        json_object *row = json_object_array_get_idx(rows, i);
        const char *name = json_object_get_string(json_object_object_get(row, "backend"));
        if (!name || strcmp(name, subject->backend) != 0) {
            continue;
        }
        if (!json_object_get_boolean(json_object_object_get(row, "works"))) {
            enclave_error_set(err, ENCLAVE_EUNREACHABLE, "%s",
                              json_object_get_string(json_object_object_get(row, "error")));
            return SUBJECT_ABSENT;
        }
        keep_names(subject, json_object_object_get(row, "can"));
        return SUBJECT_READY;
    }
    enclave_error_set(
        err, ENCLAVE_ENOTFOUND,
        "no backend '%.80s' is loaded; 'enclave plugins' shows which are, and why not",
        subject->backend);
    return SUBJECT_UNUSABLE;
}

static enum subject_state probe(struct subject *subject, struct enclave_error *err)
{
    char *text = NULL;
    enum subject_state state = SUBJECT_UNUSABLE;

    if (enclave_manager_probe(subject->manager, &text, err) == 0) {
        json_object *rows = json_tokener_parse(text);
        state = judge(subject, rows, err);
        json_object_put(rows);
    }
    enclave_free(text);
    return state;
}

static int delegates(struct enclave_manager *manager)
{
    char *text = NULL;
    json_object *stats =
        enclave_manager_get_stats(manager, &text, NULL) == 0 ? json_tokener_parse(text) : NULL;
    const char *type = json_object_get_string(json_object_object_get(stats, "manager_type"));
    int found = type && strcmp(type, "http") == 0;

    json_object_put(stats);
    enclave_free(text);
    return found;
}

int32_t subject_share(struct subject *subject, struct enclave_error *err)
{
    return enclave_manager_create_sandbox(subject->manager, NULL,
                                          "{\"tools_config\": " SUBJECT_TOOLS "}", NULL,
                                          subject->shared, err);
}

enum subject_state subject_open(struct subject *subject, struct enclave_error *err)
{
    enum subject_state state = SUBJECT_UNUSABLE;

    if (subject_manager(subject, &subject->manager, err) == 0) {
        state = probe(subject, err);
        subject->delegates = delegates(subject->manager);
    }
    if (state == SUBJECT_READY && subject_share(subject, err) < 0) {
        state = SUBJECT_BROKEN;
    }
    return state;
}

void subject_close(struct subject *subject)
{
    enclave_manager_free(subject->manager);
    subject->manager = NULL;
}

int subject_declares(const struct subject *subject, const char *name)
{
    char quoted[64];

    (void)snprintf(quoted, sizeof quoted, ",%s,", name);
    return strstr(subject->can, quoted) != NULL;
}
