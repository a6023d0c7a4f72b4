/*
 * delegate.c - sandboxes of another manager: making them, executing in them, stopping them; see delegate.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "delegate.h"

#include "buffer.h"
#include "cancel.h"
#include "clock.h"
#include "execute.h"
#include "fields.h"
#include "id.h"
#include "json.h"
#include "plugin_call.h"
#include "result.h"

#include <stdlib.h>
#include <string.h>

struct plugin *delegate_configured(const struct enclave_manager *manager)
{
    struct plugin *backend =
        registry_find(&manager->registry, ENCLAVE_PLUGIN_BACKEND, manager->config.backend);
    return backend && backend_delegates(backend) ? backend : NULL;
}

static const struct enclave_backend_ops *ops_of(const struct sandbox *sandbox)
{
    return &sandbox->backend->loaded.ops.backend;
}

/* ---------------------------------------------------------------------------------------- making */

/* What the INI file and the caller say, without our defaults. It has been checked before. NULL without memory. */
static char *requested_text(const struct enclave_manager *manager, const char *config_json)
{
    uint64_t bits = 0;
    JSON_AUTO requested = json_object_new_object();
    JSON_AUTO ini = json_copy(manager->config.sandbox);
    JSON_AUTO given = json_parse_object(config_json, "configuration", NULL);

    return requested && ini && given && fields_apply(requested, ini, &bits, NULL) == 0 &&
                   fields_apply(requested, given, &bits, NULL) == 0
               ? json_text(requested)
               : NULL;
}

/* NULL: the other manager's own choice. */
static const char *foreign_type(const struct sandbox *sandbox, const char *type)
{
    return !type || strcmp(type, "auto") == 0 || strcmp(type, sandbox->backend->name) == 0 ? NULL
                                                                                           : type;
}

/* In the map, in place of one that was looked up with its id meanwhile. */
static int32_t add_entry(struct enclave_manager *manager, struct sandbox *sandbox)
{
    int replaceable = 1;
    int32_t r;
    while ((r = sandbox_map_add(&manager->sandboxes, sandbox)) < 0 && replaceable) {
        struct sandbox *other = sandbox_map_find(&manager->sandboxes, sandbox->id);
        if (!other) { /* it has just gone */
            continue;
        }
        pthread_mutex_lock(&other->lock);
        replaceable = other->borrowed;
        pthread_mutex_unlock(&other->lock);
        if (replaceable) {
            delegate_drop(manager, other);
        }
        sandbox_unref(other);
    }
    return r;
}

/* The entry gets the id that the sandbox has. */
static int32_t take_id(struct enclave_manager *manager, struct sandbox **sandbox, const char *id,
                       struct enclave_error *err)
{
    struct sandbox *old = *sandbox;

    if (!id[0] || strcmp(id, old->id) == 0) {
        return 0;
    }
    if (!id_valid(id)) {
        return enclave_error_set(
            err, ENCLAVE_EPROTOCOL,
            "create a sandbox: backend '%s' gave it an id that is none: '%.80s'",
            old->backend->name, id);
    }
    struct sandbox *renamed = sandbox_renamed(old, id);
    if (!renamed) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "create a sandbox: out of memory");
    }
    if (sandbox_map_remove(&manager->sandboxes, old)) {
        sandbox_unref(old);
    }
    sandbox_unref(old);
    *sandbox = renamed;
    int32_t r = add_entry(manager, renamed);
    return r < 0
               ? enclave_error_set(err, r, "create a sandbox: there is a sandbox '%s' already", id)
               : 0;
}

/* It was made for nothing; one that a key stands for may be somebody else's too. */
static void undo(struct sandbox *sandbox, const struct enclave_create_options *options)
{
    const struct enclave_backend_ops *ops = ops_of(sandbox);
    struct enclave_error why = ENCLAVE_ERROR_INIT;
    if (options->request_key) {
        (void)ops->detach(sandbox->handle, &why);
    }
    (void)ops->destroy(sandbox->handle, &why);
    sandbox->handle = NULL;
}

int32_t delegate_make(struct enclave_manager *manager, struct sandbox **sandbox, const char *type,
                      const char *config_json, const struct enclave_create_options *options,
                      struct enclave_error *err)
{
    struct plugin *backend = (*sandbox)->backend;
    char *requested = requested_text(manager, config_json);
    struct buffer metadata = BUFFER_INIT(64 * 1024);
    struct enclave_sink sink = {sizeof sink, 0, &metadata, buffer_write};
    struct enclave_sandbox_facts facts = {.size = sizeof facts, .metadata = &sink};
    struct enclave_sandbox_spec spec = {
        .size = sizeof spec,
        .cancel_fd = cancel_descriptor(options->cancel),
        .id = (*sandbox)->id,
        .config = (*sandbox)->config_text,
        .progress = options->progress,
        .progress_ctx = options->progress_ctx,
        .requested = requested,
        .type = foreign_type(*sandbox, type),
        .request_key = options->request_key,
    };
    void *handle = NULL;
    struct enclave_error why = ENCLAVE_ERROR_INIT;

    if (!requested) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "create a sandbox: out of memory");
    }
    int32_t r = backend->loaded.ops.backend.create(backend->backend, &spec, &facts, &handle, &why);
    r = plugin_result(r, &why, backend->name, "create", err);
    if (r == 0) {
        facts.id[sizeof facts.id - 1] = '\0';
        (*sandbox)->handle = handle;
        r = take_id(manager, sandbox, facts.id, err);
        if (r < 0) {
            undo(*sandbox, options);
        }
    }
    buffer_free(&metadata); /* its info is asked for each time */
    free(requested);
    return r;
}

/* ------------------------------------------------------------------------------------- executing */

struct telling {
    const struct enclave_execute_options *options;
    const char *tool;
    char execution_id[EXECUTION_ID_SIZE];
    struct enclave_result *result;
    struct enclave_error err; /* that there is none */
};

static int32_t take_output(void *ctx, uint32_t stream, const void *data, uint64_t length)
{
    const struct enclave_execute_options *options = ((struct telling *)ctx)->options;
    return options->output(options->output_ctx, stream, data, length);
}

static int32_t take_result(void *ctx, const struct enclave_tool_result *theirs)
{
    struct telling *telling = ctx;
    struct enclave_tool_result told = {0};

    if (telling->result) {
        return enclave_error_set(&telling->err, ENCLAVE_EINTERNAL, "it told two results");
    }
    memcpy(&told, theirs, theirs->size < sizeof told ? theirs->size : sizeof told);
    return result_take(telling->tool, telling->execution_id, &told, &telling->result,
                       &telling->err);
}

static int32_t call_there(struct sandbox *sandbox, const char *params, struct telling *telling,
                          struct enclave_error *err)
{
    const struct enclave_execute_options *options = telling->options;
    struct enclave_error why = ENCLAVE_ERROR_INIT;
    struct enclave_tool_call call = {
        .size = sizeof call,
        .cancel_fd = cancel_descriptor(options->cancel),
        .tool = telling->tool,
        .params = params && *params ? params : "{}",
        .execution_id = telling->execution_id,
        .timeout_ms =
            options->timeout_ms < CLOCK_MS_MAX ? options->timeout_ms : (int64_t)CLOCK_MS_MAX,
        .stdin_data = options->stdin_data,
        .stdin_length = options->stdin_data ? options->stdin_length : 0,
        .ctx = telling,
        .output = options->output ? take_output : NULL,
        .result = take_result,
    };
    int32_t r = ops_of(sandbox)->execute_tool(sandbox->handle, &call, &why);

    r = plugin_result(r, &why, sandbox->backend->name, "execute_tool", &why);
    if (telling->err.code < 0) { /* of our own making, and the cause */
        r = enclave_error_set(&why, telling->err.code, "tool '%s': %s", telling->tool,
                              telling->err.message);
    } else if (r == 0 && !telling->result) {
        r = enclave_error_set(&why, ENCLAVE_EINTERNAL, "tool '%s': backend '%s' told no result",
                              telling->tool, sandbox->backend->name);
    }
    if (r < 0 && err) {
        *err = why;
    }
    return r;
}

int32_t delegate_execute(struct enclave_manager *manager, struct sandbox *sandbox, const char *tool,
                         const char *params_json, const struct enclave_execute_options *options,
                         struct enclave_result **ret_result, struct enclave_error *err)
{
    struct telling telling = {.options = options, .tool = tool, .err = ENCLAVE_ERROR_INIT};
    struct enclave_error why = ENCLAVE_ERROR_INIT;
    JSON_AUTO params = json_parse_object(params_json, "parameters", &why);
    /* Tools that are not here too count under the backend. */
    struct plugin *known = registry_find(&manager->registry, ENCLAVE_PLUGIN_TOOL, tool);

    int32_t r = params ? execute_take_id(options, telling.execution_id, &why) : why.code;
    if (r < 0) {
        r = enclave_error_prefix(&why, r, "tool '%s': ", tool);
    } else {
        r = call_there(sandbox, params_json, &telling, &why);
    }
    if (r < 0) {
        enclave_result_free(telling.result);
        telling.result = NULL;
    } else {
        stats_record(manager->stats, STATS_EXECUTE, telling.result->wall_us);
        *ret_result = telling.result;
    }
    stats_execution(manager->stats, known ? known->number : sandbox->backend->number,
                    telling.result ? telling.result->cause : 0);
    if (r < 0 && err) {
        *err = why;
    }
    return r;
}

/* ---------------------------------------------------------------------------------------- others */

int32_t delegate_stop(struct enclave_manager *manager, struct sandbox *sandbox,
                      struct enclave_error *err)
{
    struct enclave_error why = ENCLAVE_ERROR_INIT;

    if (!sandbox_hold(sandbox)) {
        return enclave_error_set(err, ENCLAVE_ENOTFOUND, "stop a sandbox: no sandbox '%s'",
                                 sandbox->id);
    }
    int32_t r = ops_of(sandbox)->stop(sandbox->handle, &why);
    r = plugin_result(r, &why, sandbox->backend->name, "stop", err);
    if (r == 0) {
        pthread_mutex_lock(&sandbox->lock);
        sandbox_set_status(sandbox, ENCLAVE_STATUS_STOPPED, manager_now_s(manager));
        pthread_mutex_unlock(&sandbox->lock);
    }
    sandbox_leave(sandbox, manager_now_s(manager));
    (void)delegate_notice(manager, sandbox, r);
    return r;
}

int32_t delegate_keep_alive(struct enclave_manager *manager, struct sandbox *sandbox,
                            int64_t seconds, struct enclave_error *err)
{
    struct enclave_error why = ENCLAVE_ERROR_INIT;

    if (!ops_of(sandbox)->keep_alive) {
        return enclave_error_set(err, ENCLAVE_ENOTSUP,
                                 "keep sandbox '%s' alive: backend '%s' cannot do it", sandbox->id,
                                 sandbox->backend->name);
    }
    if (!sandbox_hold(sandbox)) {
        return enclave_error_set(err, ENCLAVE_ENOTFOUND, "keep a sandbox alive: no sandbox '%s'",
                                 sandbox->id);
    }
    int32_t r = ops_of(sandbox)->keep_alive(sandbox->handle, seconds, &why);
    r = plugin_result(r, &why, sandbox->backend->name, "keep_alive", err);
    sandbox_leave(sandbox, manager_now_s(manager));
    (void)delegate_notice(manager, sandbox, r);
    return r;
}
