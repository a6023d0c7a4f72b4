/*
 * info.c - what the manager tells about its sandboxes: info, list, tools. Written as text from parts that are
 * text already: a list of 10,000 would take a second as a tree.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "buffer.h"
#include "delegate.h"
#include "json.h"
#include "manager.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* What others wrote, as a JSON string. */
static int32_t append_quoted(struct buffer *to, const char *text)
{
    JSON_AUTO string = json_string_lossy(text, strlen(text));
    char *quoted = string ? json_text(string) : NULL;
    int32_t r = quoted ? buffer_append_text(to, quoted) : ENCLAVE_ENOMEM;
    free(quoted);
    return r;
}

/* All in turn, up to a NULL. */
static int32_t append_texts(struct buffer *to, ...)
{
    int32_t r = 0;
    va_list texts;
    va_start(texts, to);
    for (const char *text; r == 0 && (text = va_arg(texts, const char *));) {
        r = buffer_append_text(to, text);
    }
    va_end(texts);
    return r;
}

static int32_t append_tools(struct buffer *to, const struct sandbox *sandbox)
{
    int32_t r = buffer_append_text(to, "{");
    for (size_t i = 0; r == 0 && i < sandbox->tool_count; i++) {
        const struct plugin *plugin = sandbox->tools[i].plugin;
        r = append_texts(to, i ? ",\"" : "\"", plugin->name, "\":", plugin->described, NULL);
    }
    return r == 0 ? buffer_append_text(to, "}") : r;
}

/* How the startup command fares; the sandbox's lock is held. */
static int32_t append_command(struct buffer *to, const struct startup_command *command)
{
    char end[64] = "";
    if (command->exited && command->end.how == ENCLAVE_EXIT_EXITED) {
        (void)snprintf(end, sizeof end, ",\"exit_code\":%d", (int)command->end.code);
    } else if (command->exited && command->end.how == ENCLAVE_EXIT_SIGNALED) {
        (void)snprintf(end, sizeof end, ",\"signal\":%d", (int)command->end.signal);
    }
    int32_t r = append_texts(to, ",\"command\":{\"running\":", command->exited ? "false" : "true",
                             end, NULL);
    if (r == 0 && command->exited && command->reason[0]) {
        r = buffer_append_text(to, ",\"reason\":");
        r = r == 0 ? append_quoted(to, command->reason) : r;
    }
    return r == 0 ? buffer_append_text(to, "}") : r;
}

/* The lock is held. */
static int32_t append_metadata(struct buffer *to, const struct sandbox *sandbox)
{
    int32_t r = buffer_append(to, sandbox->metadata, strlen(sandbox->metadata) - 1);
    if (r == 0 && sandbox->command.process) {
        r = append_command(to, &sandbox->command);
    }
    if (r == 0 && sandbox->owner) {
        r = buffer_append_text(to, ",\"owner\":");
        r = r == 0 ? append_quoted(to, sandbox->owner) : r;
    }
    if (r == 0 && sandbox->pool) {
        r = append_texts(to, ",\"pool\":\"", sandbox->pool->name, "\"", NULL);
    }
    if (r == 0 && sandbox->reason[0]) {
        r = buffer_append_text(to, ",\"reason\":");
        r = r == 0 ? append_quoted(to, sandbox->reason) : r;
    }
    return r == 0 ? buffer_append_text(to, "}") : r;
}

/* Of one that is still being made, most is still being written, by another thread. The lock is held. */
static int32_t append_fields(struct buffer *to, const struct sandbox *sandbox)
{
    int made = sandbox->status != ENCLAVE_STATUS_INITIALIZING;
    int32_t r = append_texts(to, "{\"id\":\"", sandbox->id, "\",\"status\":\"",
                             enclave_status_name(sandbox->status), "\",\"type\":", NULL);
    if (r == 0) {
        r = made ? append_texts(to, "\"", sandbox->backend->name, "\"", NULL)
                 : append_quoted(to, sandbox->type);
    }
    if (r == 0) {
        r = append_texts(to, ",\"config\":", made ? sandbox->config_text : "{}", NULL);
    }
    if (r == 0) {
        r = append_texts(to, ",\"created_at\":\"", sandbox->created, "\",\"updated_at\":\"",
                         sandbox->updated, "\",\"metadata\":", NULL);
    }
    if (r == 0) {
        r = made ? append_metadata(to, sandbox) : buffer_append_text(to, "{}");
    }
    if (r == 0) {
        r = buffer_append_text(to, ",\"available_tools\":");
    }
    if (r == 0) {
        r = made ? append_tools(to, sandbox) : buffer_append_text(to, "{}");
    }
    return r == 0 ? buffer_append_text(to, "}") : r;
}

/* Only when it has the status that is wanted, or for 0; `before` comes first. */
static int32_t append_info(struct buffer *to, const char *before, struct enclave_manager *manager,
                           struct sandbox *sandbox, uint32_t wanted)
{
    int32_t r = 0;
    pthread_mutex_lock(&sandbox->lock);
    uint32_t status = sandbox_refresh(sandbox, manager_now_s(manager));
    if (!wanted || status == wanted) {
        r = buffer_append_text(to, before);
        r = r == 0 ? append_fields(to, sandbox) : r;
    }
    pthread_mutex_unlock(&sandbox->lock);
    return r;
}

/* Frees the text, or gives it to the caller when `r` is 0. */
static int32_t hand_out(struct buffer *text, int32_t r, const char *what, char **ret_json,
                        struct enclave_error *err)
{
    if (r < 0) {
        buffer_free(text);
        return enclave_error_set(err, r, "%s: out of memory", what);
    }
    *ret_json = buffer_steal(text);
    return 0;
}

int32_t enclave_manager_get_sandbox_info(struct enclave_manager *manager, const char *id,
                                         char **ret_json, struct enclave_error *err)
{
    struct buffer text = BUFFER_INIT(SIZE_MAX / 2);
    if (!ret_json) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "get sandbox info: ret_json is NULL");
    }
    struct sandbox *sandbox = NULL;
    int32_t r = manager_find(manager, id, "get sandbox info", &sandbox, err);
    if (r < 0) {
        return r;
    }
    if (delegate_has(sandbox)) {
        JSON_AUTO info = NULL;
        r = delegate_info(manager, sandbox, &info, err);
        sandbox_unref(sandbox);
        return r == 0 ? json_hand_out(info, "get sandbox info", ret_json, err) : r;
    }
    r = append_info(&text, "", manager, sandbox, 0);
    sandbox_unref(sandbox);
    return hand_out(&text, r, "get sandbox info", ret_json, err);
}

/* A value in its text form. */
static int32_t append_value(struct buffer *to, const char *before, json_object *value)
{
    char *text = json_text(value);
    int32_t r = text ? append_texts(to, before, text, NULL) : ENCLAVE_ENOMEM;
    free(text);
    return r;
}

/* In a list, where the rows that the other manager gave follow. */
static int is_among(json_object *rows, const struct sandbox *sandbox)
{
    for (size_t i = 0; rows && i < json_object_array_length(rows); i++) {
        json_object *id = json_object_object_get(json_object_array_get_idx(rows, i), "id");
        if (json_object_is_type(id, json_type_string) &&
            strcmp(json_object_get_string(id), sandbox->id) == 0) {
            return 1;
        }
    }
    return 0;
}

/* One that another manager has, but not that of the configured backend. What went wrong with it is its own. */
static int32_t append_delegated(struct buffer *to, struct enclave_manager *manager,
                                struct sandbox *sandbox, uint32_t wanted)
{
    JSON_AUTO info = NULL;
    if (delegate_info(manager, sandbox, &info, NULL) < 0) {
        return 0;
    }
    json_object *status = json_object_object_get(info, "status");
    int has = json_object_is_type(status, json_type_string) &&
              strcmp(json_object_get_string(status), enclave_status_name(wanted)) == 0;
    return !wanted || has ? append_value(to, to->length > 1 ? "," : "", info) : 0;
}

/* A row of the list. `theirs` has those of the configured backend. */
static int32_t append_row(struct buffer *to, struct enclave_manager *manager,
                          struct sandbox *sandbox, uint32_t wanted, json_object *theirs)
{
    if (!delegate_has(sandbox)) {
        return is_among(theirs, sandbox)
                   ? 0
                   : append_info(to, to->length > 1 ? "," : "", manager, sandbox, wanted);
    }
    return sandbox->backend == manager->delegate ? 0
                                                 : append_delegated(to, manager, sandbox, wanted);
}

int32_t enclave_manager_list_sandboxes(struct enclave_manager *manager, uint32_t wanted,
                                       char **ret_json, struct enclave_error *err)
{
    struct buffer text = BUFFER_INIT(SIZE_MAX / 2);
    size_t count = 0;

    if (!manager || !ret_json) {
        return enclave_error_set(err, ENCLAVE_EINVALID,
                                 "list sandboxes: manager or ret_json is NULL");
    }
    if (wanted > ENCLAVE_STATUS_ERROR) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "list sandboxes: unknown status %u",
                                 (unsigned)wanted);
    }
    JSON_AUTO theirs = NULL;
    int32_t r = manager->delegate ? delegate_list(manager, wanted, &theirs, err) : 0;
    if (r < 0) {
        return r;
    }
    struct sandbox **all = sandbox_map_snapshot(&manager->sandboxes, &count);
    r = all ? buffer_append_text(&text, "[") : ENCLAVE_ENOMEM;
    for (size_t i = 0; r == 0 && i < count; i++) {
        r = append_row(&text, manager, all[i], wanted, theirs);
    }
    for (size_t i = 0; r == 0 && theirs && i < json_object_array_length(theirs); i++) {
        r = append_value(&text, text.length > 1 ? "," : "", json_object_array_get_idx(theirs, i));
    }
    r = r == 0 ? buffer_append_text(&text, "]") : r;
    sandbox_snapshot_free(all, count);
    return hand_out(&text, r, "list sandboxes", ret_json, err);
}

int32_t enclave_manager_get_sandbox_tools(struct enclave_manager *manager, const char *id,
                                          char **ret_json, struct enclave_error *err)
{
    struct buffer text = BUFFER_INIT(SIZE_MAX / 2);
    if (!ret_json) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "get sandbox tools: ret_json is NULL");
    }
    struct sandbox *sandbox = NULL;
    int32_t r = manager_find(manager, id, "get sandbox tools", &sandbox, err);
    if (r < 0) {
        return r;
    }
    if (delegate_has(sandbox)) {
        JSON_AUTO tools = NULL;
        r = delegate_tools(manager, sandbox, &tools, err);
        sandbox_unref(sandbox);
        return r == 0 ? json_hand_out(tools, "get sandbox tools", ret_json, err) : r;
    }
    pthread_mutex_lock(&sandbox->lock);
    r = sandbox->status == ENCLAVE_STATUS_INITIALIZING ? buffer_append_text(&text, "{}")
                                                       : append_tools(&text, sandbox);
    pthread_mutex_unlock(&sandbox->lock);
    sandbox_unref(sandbox);
    return hand_out(&text, r, "get sandbox tools", ret_json, err);
}
