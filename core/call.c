/*
 * call.c - see call.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "call.h"

#include "cancel.h"
#include "clock.h"
#include "exec.h"
#include "json.h"
#include "plugin_call.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Copy a struct of the plugin's that begins with its size into a zeroed one of ours. */
#define COPY_SIZED(to, from)                                                                       \
    do {                                                                                           \
        memset(&(to), 0, sizeof(to));                                                              \
        memcpy(&(to), (from), (from)->size < sizeof(to) ? (from)->size : sizeof(to));              \
    } while (0)

/* Milliseconds that are left of the call; 0: no limit; at least 1 otherwise. */
static int64_t time_left_ms(const struct enclave_call *call)
{
    if (call->deadline_us == INT64_MAX) {
        return 0;
    }
    int64_t left = (call->deadline_us - clock_monotonic_us()) / 1000;
    return left > 0 ? left : 1;
}

int32_t call_get_info(struct enclave_call *call, struct enclave_call_info *ret,
                      struct enclave_error *err)
{
    if (!call || !ret || ret->size < sizeof ret->size) {
        return enclave_error_set(err, ENCLAVE_EINVALID,
                                 "get_call_info: call or ret is NULL, or ret->size not set");
    }
    uint32_t size = ret->size;
    struct enclave_call_info info = {.size = size < sizeof info ? size : (uint32_t)sizeof info,
                                     .sandbox_id = call->sandbox->id,
                                     .working_dir = call->sandbox->working_dir,
                                     .config = call->sandbox->config_text,
                                     .execution_id = call->execution_id,
                                     .timeout_ms = time_left_ms(call),
                                     .max_output = CALL_OUTPUT_DEFAULT};
    memcpy(ret, &info, info.size);
    return 0;
}

/* -------------------------------------------------------------------------------------- running */

static int32_t check_fork_server(const struct enclave_fork_server *server,
                                 struct enclave_error *err)
{
    if (server->size < sizeof *server || !server->argv || !server->argv[0] || !server->env) {
        return enclave_error_set(err, ENCLAVE_EINVALID,
                                 "run a command: the fork server's size, argv or env is not set");
    }
    return 0;
}

static int32_t check_command(const struct enclave_command *command, struct enclave_error *err)
{
    if (!command->argv || !command->argv[0] || !command->argv[0][0]) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "run a command: argv is empty");
    }
    if (command->script_name) {
        size_t length = strlen(command->script_name), argc = 0;
        while (command->argv[argc]) {
            argc++;
        }
        if (length == 0 || length > 64 || command->script_name[0] == '.' ||
            strspn(command->script_name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                         "0123456789._-") != length) {
            return enclave_error_set(err, ENCLAVE_EINVALID,
                                     "run a command: bad script name '%.80s'",
                                     command->script_name);
        }
        if (command->script_index >= argc) {
            return enclave_error_set(err, ENCLAVE_EINVALID,
                                     "run a command: script_index %u is beyond argv",
                                     (unsigned)command->script_index);
        }
    }
    return command->fork_server ? check_fork_server(command->fork_server, err) : 0;
}

/* The command's own time, within what the call has. */
static void set_deadline(struct enclave_call *call, struct exec *exec, int64_t timeout_ms)
{
    exec->deadline_us = call->deadline_us;
    call->run_timeout_ms = call->timeout_ms;
    if (timeout_ms > 0 && timeout_ms < INT64_MAX / 2000) {
        int64_t own = clock_monotonic_us() + timeout_ms * 1000;
        if (own < exec->deadline_us) {
            exec->deadline_us = own;
            call->run_timeout_ms = timeout_ms;
        }
    }
}

static void set_stdin(const struct enclave_call *call, struct exec *exec,
                      const struct enclave_command *command)
{
    int own = command->stdin_data != NULL;
    exec->stdin_data = own ? command->stdin_data : call->options->stdin_data;
    exec->stdin_length = own                         ? command->stdin_length
                         : call->options->stdin_data ? call->options->stdin_length
                                                     : 0;
}

static void set_streams(struct enclave_call *call, struct exec *exec,
                        const struct enclave_command *command)
{
    uint64_t limit = command->max_output ? command->max_output : CALL_OUTPUT_DEFAULT;
    limit = limit > CALL_OUTPUT_MAX ? CALL_OUTPUT_MAX : limit;
    buffer_free(&call->output);
    buffer_free(&call->error);
    call->output.limit = call->error.limit = (size_t)limit;
    exec->out = (struct exec_stream){.sink = command->stdout_sink,
                                     .keep = command->stdout_sink ? NULL : &call->output};
    exec->err = (struct exec_stream){.sink = command->stderr_sink,
                                     .keep = command->stderr_sink ? NULL : &call->error};
    exec->kill_on_limit = (command->flags & ENCLAVE_COMMAND_KILL_ON_LIMIT) != 0;
    if (!command->stdout_sink || !command->stderr_sink) {
        exec->output = call->options->output;
        exec->output_ctx = call->options->output_ctx;
    }
}

static void fill_spawn(struct enclave_spawn *spawn, const struct enclave_command *command)
{
    *spawn = (struct enclave_spawn){
        .argv = command->argv,
        .env = command->env,
        .cwd = command->cwd,
        .script_name = command->script_name,
        .script_data = command->script_data,
        .script_length = command->script_length,
        .script_index = command->script_index,
        .fork_server = command->fork_server,
    };
}

/* A command that had no turn in its time, or was cancelled before, has ended like one that had. */
static int32_t run_in_turn(struct enclave_call *call, struct exec *exec, struct enclave_error *err)
{
    struct turns *turns = &call->sandbox->turns;
    int32_t r = turn_take(turns, exec->deadline_us, exec->cancel);
    if (r == ENCLAVE_ENOMEM) {
        return enclave_error_set(err, r, "run a command: out of memory");
    }
    if (r < 0) {
        exec->outcome = (struct enclave_outcome){
            .size = sizeof exec->outcome,
            .cause = r == ENCLAVE_ECANCELLED ? ENCLAVE_CAUSE_CANCELLED : ENCLAVE_CAUSE_TIMEOUT,
            .exit_code = -1,
        };
        return 0;
    }
    r = exec_run(exec, err);
    turn_give(turns);
    return r;
}

int32_t call_run(struct enclave_call *call, const struct enclave_command *theirs,
                 struct enclave_outcome *ret, struct enclave_error *err)
{
    struct enclave_command command;
    struct exec exec = {0};

    if (!call || !theirs || theirs->size < sizeof theirs->size ||
        (ret && ret->size < sizeof ret->size)) {
        return enclave_error_set(err, ENCLAVE_EINVALID,
                                 "run a command: call or command is NULL, or a size is not set");
    }
    COPY_SIZED(command, theirs);
    int32_t r = check_command(&command, err);
    if (r < 0) {
        return r;
    }
    pthread_mutex_lock(&call->lock); /* one command at a time: their output makes one result */
    exec.ops = &call->sandbox->backend->loaded.ops.backend;
    exec.backend = call->sandbox->backend->name;
    exec.sandbox = call->sandbox->handle;
    exec.cancel = call->options->cancel;
    fill_spawn(&exec.spawn, &command);
    set_stdin(call, &exec, &command);
    set_streams(call, &exec, &command);
    set_deadline(call, &exec, command.timeout_ms);
    r = run_in_turn(call, &exec, err);
    if (r == 0) {
        call->outcome = exec.outcome;
        memcpy(call->reason, exec.reason, sizeof call->reason);
        call->outlived = exec.outlived;
        (void)snprintf(call->program, sizeof call->program, "%s", command.argv[0]);
        if (ret) {
            uint32_t size = ret->size < sizeof *ret ? ret->size : (uint32_t)sizeof *ret;
            memcpy(ret, &exec.outcome, size);
            ret->size = size;
        }
    }
    pthread_mutex_unlock(&call->lock);
    return r;
}

/* ---------------------------------------------------------------------------------------- files */

/* The plugin's request with the time that the call has left. */
static int32_t take_request(struct enclave_call *call, const struct enclave_file_request *theirs,
                            int present, const void *other, struct enclave_file_request *ret,
                            struct enclave_error *err)
{
    if (!call || !theirs || !other || theirs->size < sizeof theirs->size) {
        return enclave_error_set(
            err, ENCLAVE_EINVALID,
            "file operation: an argument is NULL, or request->size is not set");
    }
    COPY_SIZED(*ret, theirs);
    if (!ret->path || !ret->path[0]) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "file operation: the path is empty");
    }
    if (!present) {
        return enclave_error_set(err, ENCLAVE_ENOTSUP, "'%s': backend '%s' has no file operations",
                                 ret->path, call->sandbox->backend->name);
    }
    if (cancel_triggered(call->options->cancel)) {
        return enclave_error_set(err, ENCLAVE_ECANCELLED, "'%s': cancelled", ret->path);
    }
    int64_t left = time_left_ms(call);
    if (left > 0 && (ret->timeout_ms == 0 || left < ret->timeout_ms)) {
        ret->timeout_ms = left;
    }
    ret->size = sizeof *ret;
    return 0;
}

/* Each differs in what goes in or out; the rest is the same. */
#define FILE_CALL(op, argument)                                                                    \
    struct enclave_error why = ENCLAVE_ERROR_INIT;                                                 \
    const struct enclave_backend_ops *ops =                                                        \
        call ? &call->sandbox->backend->loaded.ops.backend : NULL;                                 \
    struct enclave_file_request request;                                                           \
    int32_t r = take_request(call, theirs, ops && ops->op, argument, &request, err);               \
    if (r < 0) {                                                                                   \
        return r;                                                                                  \
    }                                                                                              \
    r = ops->op(call->sandbox->handle, &request, cancel_descriptor(call->options->cancel),         \
                argument, &why);                                                                   \
    return plugin_result(r, &why, call->sandbox->backend->name, #op, err)

int32_t call_file_read(struct enclave_call *call, const struct enclave_file_request *theirs,
                       const struct enclave_sink *to, struct enclave_error *err)
{
    FILE_CALL(file_read, to);
}

int32_t call_file_write(struct enclave_call *call, const struct enclave_file_request *theirs,
                        const struct enclave_source *from, struct enclave_error *err)
{
    FILE_CALL(file_write, from);
}

int32_t call_file_stat(struct enclave_call *call, const struct enclave_file_request *theirs,
                       const struct enclave_entry_sink *to, struct enclave_error *err)
{
    FILE_CALL(file_stat, to);
}

int32_t call_file_list(struct enclave_call *call, const struct enclave_file_request *theirs,
                       const struct enclave_entry_sink *to, struct enclave_error *err)
{
    FILE_CALL(file_list, to);
}

int32_t call_file_remove(struct enclave_call *call, const struct enclave_file_request *theirs,
                         struct enclave_error *err)
{
    struct enclave_error why = ENCLAVE_ERROR_INIT;
    const struct enclave_backend_ops *ops =
        call ? &call->sandbox->backend->loaded.ops.backend : NULL;
    struct enclave_file_request request;
    int32_t r = take_request(call, theirs, ops && ops->file_remove, theirs, &request, err);
    if (r < 0) {
        return r;
    }
    r = ops->file_remove(call->sandbox->handle, &request, cancel_descriptor(call->options->cancel),
                         &why);
    return plugin_result(r, &why, call->sandbox->backend->name, "file_remove", err);
}

/* --------------------------------------------------------------------------------------- result */

int32_t call_set_output(struct enclave_call *call, const void *data, uint64_t length,
                        struct enclave_error *err)
{
    if (!call || (!data && length > 0)) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "set_output: call or data is NULL");
    }
    size_t kept = 0;
    pthread_mutex_lock(&call->lock);
    if (call->output.limit == 0) {
        call->output.limit = CALL_OUTPUT_DEFAULT;
    }
    buffer_clear(&call->output);
    int32_t r = buffer_append_some(&call->output, data, (size_t)length, &kept);
    call->outcome.stdout_bytes = length;
    call->outcome.truncated = kept < length;
    pthread_mutex_unlock(&call->lock);
    if (r < 0) {
        return enclave_error_set(err, r, "set_output: out of memory");
    }
    if (call->options->output && length > 0 &&
        call->options->output(call->options->output_ctx, ENCLAVE_STDOUT, data, length) != 0) {
        return enclave_error_set(err, ENCLAVE_ECANCELLED, "set_output: cancelled by the caller");
    }
    return 0;
}

int32_t call_set_error(struct enclave_call *call, const char *text, struct enclave_error *err)
{
    char *copy = call && text ? strdup(text) : NULL;
    if (!copy) {
        return enclave_error_set(err, call && text ? ENCLAVE_ENOMEM : ENCLAVE_EINVALID,
                                 "set_error: call or text is NULL, or out of memory");
    }
    pthread_mutex_lock(&call->lock);
    free(call->tool_error);
    call->tool_error = copy;
    pthread_mutex_unlock(&call->lock);
    return 0;
}

int32_t call_set_metadata(struct enclave_call *call, const char *key, const char *value,
                          struct enclave_error *err)
{
    if (!call || !key || !value) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "set_metadata: an argument is NULL");
    }
    struct enclave_error why = ENCLAVE_ERROR_INIT;
    json_object *parsed = json_parse(value, strlen(value), "set_metadata", &why);
    if (why.code != 0) {
        return enclave_error_set(err, why.code, "%s", why.message);
    }
    pthread_mutex_lock(&call->lock);
    if (!call->metadata) {
        call->metadata = json_object_new_object();
    }
    int32_t r = call->metadata && json_object_object_length(call->metadata) < 64 &&
                        json_object_object_add(call->metadata, key, parsed) == 0
                    ? 0
                    : ENCLAVE_ENOMEM;
    pthread_mutex_unlock(&call->lock);
    if (r < 0) {
        json_object_put(parsed);
        return enclave_error_set(err, r, "set_metadata '%.80s': out of memory, or over 64 members",
                                 key);
    }
    return 0;
}
