/*
 * delegate_info.c - what another manager tells: of one sandbox, of all, of what it swept and counted.
 *
 * Not believed blindly: each answer is parsed. What is ours is put over it: whose a sandbox is here, and the pool.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "buffer.h"
#include "delegate.h"
#include "json.h"
#include "plugin_call.h"

#include <string.h>

/* Of one answer. */
enum { ANSWER_MAX = 256 << 20 };

int delegate_has(struct sandbox *sandbox)
{
    pthread_mutex_lock(&sandbox->lock);
    int made = sandbox->status != ENCLAVE_STATUS_INITIALIZING;
    pthread_mutex_unlock(&sandbox->lock);
    return made && backend_delegates(sandbox->backend);
}

/* The text that an op wrote, which came to `r`, as JSON of a type. Frees the text. */
static int32_t take_answer(struct buffer *text, int32_t r, struct enclave_error *why,
                           const struct plugin *backend, const char *op, json_type type,
                           json_object **ret_value, struct enclave_error *err)
{
    r = plugin_result(r, why, backend->name, op, err);
    json_object *value =
        r == 0 && text->data ? json_parse(text->data, text->length, "its answer", NULL) : NULL;
    buffer_free(text);
    if (r == 0 && !json_object_is_type(value, type)) {
        json_object_put(value);
        return enclave_error_set(err, ENCLAVE_EPROTOCOL, "%s: backend '%s' gave no JSON %s", op,
                                 backend->name, json_type_to_name(type));
    }
    *ret_value = r == 0 ? value : *ret_value;
    return r;
}

/* ----------------------------------------------------------------------------------------- ours */

/* `owner` is whose it is for us; what the other manager calls its owner are we. */
static int32_t take_owner(json_object *metadata, const char *owner)
{
    json_object *theirs = json_object_get(json_object_object_get(metadata, "owner"));
    json_object_object_del(metadata, "owner");
    if (theirs && json_set(metadata, "remote_owner", theirs) < 0) {
        return ENCLAVE_ENOMEM;
    }
    return owner ? json_set_string(metadata, "owner", owner) : 0;
}

/* A pool here is nothing that the other manager knows of. */
static int32_t take_pool(json_object *info, json_object *metadata, struct sandbox *sandbox)
{
    char pool[ENCLAVE_ID_SIZE] = "";
    pthread_mutex_lock(&sandbox->lock);
    uint32_t status = sandbox->status;
    if (sandbox->pool) {
        memcpy(pool, sandbox->pool->name, sizeof pool);
    }
    pthread_mutex_unlock(&sandbox->lock);
    json_object *theirs = json_object_object_get(info, "status");
    int runs = json_object_is_type(theirs, json_type_string) &&
               strcmp(json_object_get_string(theirs), "running") == 0;
    int32_t r = pool[0] ? json_set_string(metadata, "pool", pool) : 0;
    if (r == 0 && runs && (status == ENCLAVE_STATUS_IDLE || status == ENCLAVE_STATUS_BUSY)) {
        r = json_set_string(info, "status", enclave_status_name(status));
    }
    return r;
}

/* `sandbox` is its entry here; NULL: none. */
static int32_t make_ours(json_object *info, struct sandbox *sandbox)
{
    json_object *metadata = json_object_object_get(info, "metadata");
    if (!json_object_is_type(metadata, json_type_object)) {
        metadata = json_object_new_object();
        if (json_set(info, "metadata", metadata) < 0) {
            return ENCLAVE_ENOMEM;
        }
    }
    int32_t r = take_owner(metadata, sandbox ? sandbox->owner : NULL);
    return r == 0 && sandbox ? take_pool(info, metadata, sandbox) : r;
}

/* ------------------------------------------------------------------------------------ of one */

int32_t delegate_info(struct enclave_manager *manager, struct sandbox *sandbox,
                      json_object **ret_object, struct enclave_error *err)
{
    struct buffer text = BUFFER_INIT(ANSWER_MAX);
    struct enclave_sink sink = {sizeof sink, 0, &text, buffer_write};
    struct enclave_error why = ENCLAVE_ERROR_INIT;
    json_object *info = NULL;

    if (!sandbox_hold(sandbox)) {
        return enclave_error_set(err, ENCLAVE_ENOTFOUND, "get sandbox info: no sandbox '%s'",
                                 sandbox->id);
    }
    int32_t r = sandbox->backend->loaded.ops.backend.info(sandbox->handle, &sink, &why);
    r = take_answer(&text, r, &why, sandbox->backend, "info", json_type_object, &info, err);
    sandbox_leave(sandbox, manager_now_s(manager));
    if (r == ENCLAVE_ENOTFOUND) {
        delegate_drop(manager, sandbox);
    } else if (r == 0 && make_ours(info, sandbox) < 0) {
        json_object_put(info);
        r = enclave_error_set(err, ENCLAVE_ENOMEM, "get sandbox info: out of memory");
    }
    *ret_object = r == 0 ? info : *ret_object;
    return r;
}

int32_t delegate_tools(struct enclave_manager *manager, struct sandbox *sandbox,
                       json_object **ret_object, struct enclave_error *err)
{
    struct buffer text = BUFFER_INIT(ANSWER_MAX);
    struct enclave_sink sink = {sizeof sink, 0, &text, buffer_write};
    struct enclave_error why = ENCLAVE_ERROR_INIT;

    if (!sandbox_hold(sandbox)) {
        return enclave_error_set(err, ENCLAVE_ENOTFOUND, "get sandbox tools: no sandbox '%s'",
                                 sandbox->id);
    }
    int32_t r = sandbox->backend->loaded.ops.backend.list_tools(sandbox->handle, &sink, &why);
    r = take_answer(&text, r, &why, sandbox->backend, "list_tools", json_type_object, ret_object,
                    err);
    sandbox_leave(sandbox, manager_now_s(manager));
    (void)delegate_notice(manager, sandbox, r);
    return r;
}

/* ------------------------------------------------------------------------------------ of all */

static const char *text_of(json_object *row, const char *key)
{
    json_object *text = json_object_object_get(row, key);
    return json_object_is_type(text, json_type_string) ? json_object_get_string(text) : "";
}

/* Ours differ from theirs in these: a member of a pool of ours runs for them. */
static int is_ours(uint32_t status)
{
    return status == ENCLAVE_STATUS_RUNNING || status == ENCLAVE_STATUS_IDLE ||
           status == ENCLAVE_STATUS_BUSY;
}

/* Add the row, made ours, if it has the status. */
static int32_t add_row(struct enclave_manager *manager, json_object *rows, json_object *row,
                       uint32_t wanted)
{
    if (!json_object_is_type(row, json_type_object)) {
        return 0;
    }
    struct sandbox *sandbox = sandbox_map_find(&manager->sandboxes, text_of(row, "id"));
    int32_t r = make_ours(row, sandbox && delegate_has(sandbox) ? sandbox : NULL);
    sandbox_unref(sandbox);
    if (r < 0 || (wanted && strcmp(text_of(row, "status"), enclave_status_name(wanted)) != 0)) {
        return r;
    }
    if (json_object_array_add(rows, json_object_get(row)) != 0) {
        json_object_put(row);
        return ENCLAVE_ENOMEM;
    }
    return 0;
}

int32_t delegate_list(struct enclave_manager *manager, uint32_t wanted, json_object **ret_rows,
                      struct enclave_error *err)
{
    struct plugin *backend = manager->delegate;
    struct buffer text = BUFFER_INIT(ANSWER_MAX);
    struct enclave_sink sink = {sizeof sink, 0, &text, buffer_write};
    struct enclave_error why = ENCLAVE_ERROR_INIT;
    JSON_AUTO theirs = NULL;

    int32_t r = backend->loaded.ops.backend.list(backend->backend, is_ours(wanted) ? 0 : wanted,
                                                 &sink, &why);
    r = take_answer(&text, r, &why, backend, "list", json_type_array, &theirs, err);
    if (r < 0) {
        return r;
    }
    json_object *rows = json_object_new_array();
    r = rows ? 0 : ENCLAVE_ENOMEM;
    for (size_t i = 0; r == 0 && i < json_object_array_length(theirs); i++) {
        r = add_row(manager, rows, json_object_array_get_idx(theirs, i), wanted);
    }
    if (r < 0) {
        json_object_put(rows);
        return enclave_error_set(err, r, "list sandboxes: out of memory");
    }
    *ret_rows = rows;
    return 0;
}

int32_t delegate_sweep(struct enclave_manager *manager, json_object *rows,
                       struct enclave_error *err)
{
    struct plugin *backend = manager->delegate;
    const struct enclave_backend_ops *ops = &backend->loaded.ops.backend;
    struct buffer text = BUFFER_INIT(ANSWER_MAX);
    struct enclave_sink sink = {sizeof sink, 0, &text, buffer_write};
    struct enclave_error why = ENCLAVE_ERROR_INIT;
    JSON_AUTO theirs = NULL;

    if (!ops->sweep) {
        return 0;
    }
    int32_t r = ops->sweep(backend->backend, &sink, &why);
    r = take_answer(&text, r, &why, backend, "sweep", json_type_array, &theirs, err);
    for (size_t i = 0; r == 0 && i < json_object_array_length(theirs); i++) {
        json_object *row = json_object_array_get_idx(theirs, i);
        struct sandbox *sandbox = sandbox_map_find(&manager->sandboxes, text_of(row, "id"));
        if (sandbox && delegate_has(sandbox)) {
            delegate_drop(manager, sandbox);
        }
        sandbox_unref(sandbox);
        if (json_object_array_add(rows, json_object_get(row)) != 0) {
            json_object_put(row);
            r = enclave_error_set(err, ENCLAVE_ENOMEM, "sweep: out of memory");
        }
    }
    return r;
}

json_object *delegate_stats(struct enclave_manager *manager)
{
    struct plugin *backend = manager->delegate;
    const struct enclave_backend_ops *ops = &backend->loaded.ops.backend;
    struct buffer text = BUFFER_INIT(ANSWER_MAX);
    struct enclave_sink sink = {sizeof sink, 0, &text, buffer_write};
    struct enclave_error why = ENCLAVE_ERROR_INIT;
    json_object *stats = NULL;

    if (ops->stats) {
        int32_t r = ops->stats(backend->backend, &sink, &why);
        (void)take_answer(&text, r, &why, backend, "stats", json_type_object, &stats, NULL);
    }
    return stats;
}
