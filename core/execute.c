/*
 * execute.c - one execution of a tool: from the caller's parameters to the result.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "execute.h"

#include "call.h"
#include "clock.h"
#include "delegate.h"
#include "id.h"
#include "json.h"
#include "manager.h"
#include "plugin_call.h"
#include "result.h"
#include "schema.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const struct enclave_execute_options no_options = ENCLAVE_EXECUTE_OPTIONS_INIT;

enum { DEFAULT_TIMEOUT_MS = 30000 };

int32_t execute_take_options(struct enclave_execute_options *to,
                             const struct enclave_execute_options *from, struct enclave_error *err)
{
    *to = no_options;
    if (from && from->size < sizeof from->size) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "execute a tool: options->size is not set");
    }
    if (from) {
        memcpy(to, from, from->size < sizeof *to ? from->size : sizeof *to);
        to->size = sizeof *to;
    }
    if (to->flags & ~ENCLAVE_EXECUTE_LEND) {
        return enclave_error_set(err, ENCLAVE_EINVALID,
                                 "execute a tool: flags %#x; expected 0 or ENCLAVE_EXECUTE_LEND",
                                 to->flags);
    }
    if (to->timeout_ms < -1) {
        return enclave_error_set(err, ENCLAVE_EINVALID,
                                 "execute a tool: timeout_ms is %lld; expected -1, 0 or more",
                                 (long long)to->timeout_ms);
    }
    return 0;
}

/* The first that is given: the parameter, the request, the tool's option, the sandbox's, 30 s. */
static int64_t choose_timeout_ms(const struct plugin *plugin, json_object *params,
                                 const struct enclave_execute_options *options,
                                 const struct sandbox_tool *tool, const struct sandbox *sandbox)
{
    json_object *timeout = NULL, *properties = NULL;
    if (json_object_object_get_ex(plugin->schema, "properties", &properties) &&
        json_object_object_get_ex(properties, "timeout", NULL) &&
        json_object_object_get_ex(params, "timeout", &timeout) && timeout) {
        return clock_seconds_to_ms(json_object_get_double(timeout));
    }
    if (options->timeout_ms >= 0) {
        return options->timeout_ms < CLOCK_MS_MAX ? options->timeout_ms : CLOCK_MS_MAX;
    }
    if (tool->timeout_ms >= 0) {
        return tool->timeout_ms;
    }
    return sandbox->timeout_ms >= 0 ? sandbox->timeout_ms : DEFAULT_TIMEOUT_MS;
}

/* Not with %g: the locale of the program might put a comma into the number. */
static void say_timeout(const struct enclave_call *call, char *text, size_t size)
{
    char number[40];
    int n = snprintf(number, sizeof number, "%" PRId64 ".%03d", call->run_timeout_ms / 1000,
                     (int)(call->run_timeout_ms % 1000));
    while (number[n - 1] == '0') {
        number[--n] = '\0';
    }
    if (number[n - 1] == '.') {
        number[--n] = '\0';
    }
    (void)snprintf(text, size, "Command timed out after %s seconds%s", number,
                   call->outlived ? ": it had ended, but a process that it left behind held its "
                                    "output; send that one's output elsewhere to leave it running"
                                  : "");
}

/* What to say about an end when the program said nothing on stderr. */
static const char *sentence_for(const struct enclave_call *call, char *text, size_t size)
{
    const struct enclave_outcome *o = &call->outcome;
    switch (o->cause) {
    case ENCLAVE_CAUSE_TIMEOUT:
        say_timeout(call, text, size);
        break;
    case ENCLAVE_CAUSE_CANCELLED:
        (void)snprintf(text, size, "Command was cancelled");
        break;
    case ENCLAVE_CAUSE_OOM:
        (void)snprintf(text, size, "Command was killed: the sandbox was out of memory");
        break;
    case ENCLAVE_CAUSE_SIGNALED:
        (void)snprintf(text, size, "Command was ended by signal %d (%s)", (int)o->signal,
                       sigabbrev_np(o->signal) ? sigabbrev_np(o->signal) : "unknown");
        break;
    case ENCLAVE_CAUSE_OUTPUT_LIMIT:
        (void)snprintf(text, size, "Command wrote more than its output limit");
        break;
    case ENCLAVE_CAUSE_BACKEND_LOST:
        (void)snprintf(text, size, "The sandbox went away: %s",
                       call->reason[0] ? call->reason : "its end is not known");
        break;
    default:
        if (o->exit_code <= 0) {
            return NULL;
        }
        if (call->reason[0]) {
            (void)snprintf(text, size, "Cannot start '%s': %s", call->program, call->reason);
            break;
        }
        (void)snprintf(text, size, "Command failed with exit code %d", (int)o->exit_code);
        break;
    }
    return text;
}

static int32_t make_result(struct enclave_call *call, const char *tool_name, int64_t started_utc,
                           int64_t started_us, struct enclave_result **ret_result,
                           struct enclave_error *err)
{
    char sentence[512];
    if (call->outcome.cause == 0) { /* no command was run: the tool came to its own end */
        call->outcome.cause = ENCLAVE_CAUSE_EXITED;
        call->outcome.exit_code = -1;
    }
    struct result_facts facts = {
        .tool_name = tool_name,
        .execution_id = call->execution_id,
        .output = &call->output,
        .error = &call->error,
        .tool_error = call->tool_error,
        .sentence = sentence_for(call, sentence, sizeof sentence),
        .outcome = call->outcome,
        .metadata = call->metadata,
        .started_at_us = started_utc,
        .wall_us = clock_monotonic_us() - started_us,
    };
    return result_make(&facts, ret_result, err);
}

static void call_end(struct enclave_call *call)
{
    buffer_free(&call->output);
    buffer_free(&call->error);
    free(call->tool_error);
    json_object_put(call->metadata);
    (void)pthread_mutex_destroy(&call->lock);
}

int32_t execute_take_id(const struct enclave_execute_options *options,
                        char ret_id[EXECUTION_ID_SIZE], struct enclave_error *err)
{
    if (!options->execution_id) {
        return id_random(ret_id, 16) < 0
                   ? enclave_error_set(err, ENCLAVE_EIO, "no random numbers for an execution id")
                   : 0;
    }
    if (strlen(options->execution_id) >= EXECUTION_ID_SIZE) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "the execution id is longer than %d bytes",
                                 EXECUTION_ID_SIZE - 1);
    }
    (void)snprintf(ret_id, EXECUTION_ID_SIZE, "%s", options->execution_id);
    return 0;
}

static int32_t call_begin(struct enclave_call *call, struct sandbox *sandbox,
                          const struct enclave_execute_options *options, int64_t timeout_ms,
                          int64_t now_us, struct enclave_error *err)
{
    *call = (struct enclave_call){
        .sandbox = sandbox,
        .options = options,
        .timeout_ms = timeout_ms,
        .deadline_us = timeout_ms > 0 ? now_us + timeout_ms * 1000 : INT64_MAX,
        .lock = PTHREAD_MUTEX_INITIALIZER,
    };
    return execute_take_id(options, call->execution_id, err);
}

/* A file operation that was cut short is an end of the execution, not a failure of the call. */
static int32_t cut_short(struct enclave_call *call, int32_t code)
{
    if (code == ENCLAVE_ETIMEOUT) {
        call->outcome.cause = ENCLAVE_CAUSE_TIMEOUT;
        call->run_timeout_ms = call->timeout_ms;
    } else if (code == ENCLAVE_ECANCELLED) {
        call->outcome.cause = ENCLAVE_CAUSE_CANCELLED;
    } else {
        return code;
    }
    call->outcome.exit_code = -1;
    free(call->tool_error);
    call->tool_error = NULL;
    return 0;
}

static int32_t run_tool(struct sandbox *sandbox, struct sandbox_tool *tool, json_object *params,
                        const struct enclave_execute_options *options,
                        struct enclave_result **ret_result, struct enclave_error *err)
{
    struct enclave_call call;
    struct enclave_error why = ENCLAVE_ERROR_INIT;
    int64_t started_utc = clock_utc_us(), started_us = clock_monotonic_us();
    int64_t timeout = choose_timeout_ms(tool->plugin, params, options, tool, sandbox);
    char *text = json_text(params);

    if (!text) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "execute tool: out of memory");
    }
    int32_t r = call_begin(&call, sandbox, options, timeout, started_us, &why);
    if (r == 0) {
        struct enclave_error told = ENCLAVE_ERROR_INIT;
        r = tool->plugin->loaded.ops.tool.execute(tool->tool, &call, text, &told);
        r = plugin_result(r, &told, tool->plugin->name, "execute", &why);
    }
    if (r < 0) {
        r = cut_short(&call, r);
    }
    if (r == 0) {
        r = make_result(&call, tool->plugin->name, started_utc, started_us, ret_result, &why);
    }
    if (r < 0 && err) {
        *err = why;
    }
    call_end(&call);
    free(text);
    return r;
}

static int32_t no_such_tool(const struct sandbox *sandbox, const char *name,
                            struct enclave_error *err)
{
    char enabled[256] = "none";
    size_t n = 0;
    for (size_t i = 0; i < sandbox->tool_count && n < sizeof enabled; i++) {
        n += (size_t)snprintf(enabled + n, sizeof enabled - n, "%s%s", i ? ", " : "",
                              sandbox->tools[i].plugin->name);
    }
    return enclave_error_set(err, ENCLAVE_ENOTFOUND,
                             "tool '%.80s' is not enabled in sandbox '%s'; enabled: %s", name,
                             sandbox->id, enabled);
}

static void count(struct stats *stats, const struct plugin *tool,
                  const struct enclave_result *result)
{
    stats_execution(stats, tool->number, result ? result->cause : 0);
    if (result) {
        stats_record(stats, STATS_EXECUTE, result->wall_us);
    }
}

int32_t execute_entered(struct enclave_manager *manager, struct sandbox *sandbox, const char *name,
                        const char *params_json, const struct enclave_execute_options *options,
                        struct enclave_result **ret_result, struct enclave_error *err)
{
    if (backend_delegates(sandbox->backend)) {
        return delegate_execute(manager, sandbox, name, params_json, options, ret_result, err);
    }
    struct sandbox_tool *tool = sandbox_find_tool(sandbox, name);
    if (!tool) {
        return no_such_tool(sandbox, name, err);
    }
    struct enclave_error why = ENCLAVE_ERROR_INIT;
    JSON_AUTO params = json_parse_object(params_json, "parameters", &why);
    int32_t r = params ? schema_check(tool->plugin->schema, params, err)
                       : enclave_error_set(err, why.code, "%s", why.message);
    if (r == 0) {
        r = run_tool(sandbox, tool, params, options, ret_result, err);
    }
    count(manager->stats, tool->plugin, r == 0 ? *ret_result : NULL);
    return r < 0 ? enclave_error_prefix(err, r, "tool '%s': ", name) : 0;
}

int32_t execute_in(struct enclave_manager *manager, struct sandbox *sandbox, const char *tool,
                   const char *params, const struct enclave_execute_options *options,
                   struct enclave_result **ret_result, struct enclave_error *err)
{
    int32_t r = sandbox_enter(sandbox, "execute a tool", manager_now_s(manager), err);
    if (r == 0) {
        r = execute_entered(manager, sandbox, tool, params, options, ret_result, err);
        sandbox_leave(sandbox, manager_now_s(manager));
        (void)delegate_notice(manager, sandbox, r);
    }
    return r;
}

int32_t enclave_manager_execute_tool(struct enclave_manager *manager, const char *id,
                                     const char *tool, const char *params,
                                     const struct enclave_execute_options *given,
                                     struct enclave_result **ret_result, struct enclave_error *err)
{
    struct enclave_execute_options options;

    if (!manager || !tool || !ret_result) {
        return enclave_error_set(err, ENCLAVE_EINVALID,
                                 "execute a tool: manager, tool or ret_result is NULL");
    }
    int32_t r = execute_take_options(&options, given, err);
    if (r < 0) {
        return r;
    }
    manager_begin(manager);
    struct sandbox *sandbox = NULL;
    r = manager_find(manager, id, "execute a tool", &sandbox, err);
    if (r == 0) {
        r = execute_in(manager, sandbox, tool, params, &options, ret_result, err);
        sandbox_unref(sandbox);
    }
    manager_end(manager); /* the last touch: the manager may be freed from here on */
    return r;
}
