/*
 * fake_host.c - see fake_host.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fake_host.h"

#include <dlfcn.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

static char *copy(const void *data, uint64_t length)
{
    char *text = malloc(length + 1);

    assert_non_null(text);
    if (length > 0) {
        memcpy(text, data, length);
    }
    text[length] = '\0';
    return text;
}

static void forget(struct enclave_call *call)
{
    for (int i = 0; i < call->argc; i++) {
        free(call->argv[i]);
    }
    free(call->script);
    free(call->output);
    free(call->error);
    free(call->written);
    *call = (struct enclave_call){
        .config = call->config,
        .code = call->code,
        .stat_code = call->stat_code,
        .message = call->message,
        .content = call->content,
        .content_length = call->content_length,
        .entries = call->entries,
        .entry_count = call->entry_count,
    };
}

static int32_t answer(const struct enclave_call *call, int32_t code, struct enclave_error *err)
{
    return code < 0 ? enclave_error_set(err, code, "%s", call->message ? call->message : "?") : 0;
}

static int32_t fake_run(struct enclave_call *call, const struct enclave_command *command,
                        struct enclave_outcome *ret, struct enclave_error *err)
{
    (void)ret;
    assert_int_equal(command->size, sizeof *command);
    assert_int_equal(++call->runs, 1);
    for (; command->argv[call->argc]; call->argc++) {
        assert_true(call->argc < FAKE_ARGS);
        call->argv[call->argc] = strdup(command->argv[call->argc]);
    }
    if (command->script_name) {
        assert_true(command->script_index < (uint32_t)call->argc);
        call->script = copy(command->script_data, command->script_length);
        (void)snprintf(call->script_name, sizeof call->script_name, "%s", command->script_name);
    }
    call->script_length = command->script_length;
    call->script_index = command->script_index;
    call->flags = command->flags;
    call->timeout_ms = command->timeout_ms;
    call->max_output = command->max_output;
    if (command->env) {
        (void)snprintf(call->env, sizeof call->env, "%s", command->env[0]);
        assert_null(command->env[1]);
    }
    assert_null(command->cwd);
    return answer(call, call->code, err);
}

static int32_t fake_info(struct enclave_call *call, struct enclave_call_info *ret,
                         struct enclave_error *err)
{
    (void)err;
    *ret = (struct enclave_call_info){
        .size = ret->size,
        .sandbox_id = "s",
        .working_dir = "/work",
        .config = call->config ? call->config : "{}",
        .execution_id = "e",
    };
    return 0;
}

static void join(const char *const *list, char *text, size_t size)
{
    if (!list) {
        (void)snprintf(text, size, "-");
        return;
    }
    for (text[0] = '\0'; *list; list++) {
        size_t length = strlen(text);

        (void)snprintf(text + length, size - length, "%s%s", length ? ":" : "", *list);
    }
}

static void record(struct enclave_call *call, const char *operation,
                   const struct enclave_file_request *request)
{
    struct fake_request *entry = &call->request[call->requests];

    assert_int_equal(request->size, sizeof *request);
    assert_true(call->requests++ < FAKE_REQUESTS);
    (void)snprintf(entry->operation, sizeof entry->operation, "%s", operation);
    (void)snprintf(entry->path, sizeof entry->path, "%s", request->path);
    entry->flags = request->flags;
    entry->max_bytes = request->max_bytes;
    join(request->allowed, entry->allowed, sizeof entry->allowed);
    join(request->blocked, entry->blocked, sizeof entry->blocked);
}

static int32_t fake_read(struct enclave_call *call, const struct enclave_file_request *request,
                         const struct enclave_sink *to, struct enclave_error *err)
{
    const char *content = call->content;
    uint64_t half = call->content_length / 2;
    int32_t rc;

    record(call, "read", request);
    if (call->code < 0) {
        return answer(call, call->code, err);
    }
    /* In two pieces, as a stream comes. */
    rc = to->write(to->ctx, content, half);
    return rc < 0 ? rc : to->write(to->ctx, content + half, call->content_length - half);
}

static int32_t fake_write(struct enclave_call *call, const struct enclave_file_request *request,
                          const struct enclave_source *from, struct enclave_error *err)
{
    char *data = copy("", 0);
    char chunk[7];
    int64_t n;

    record(call, "write", request);
    while ((n = from->read(from->ctx, chunk, sizeof chunk)) > 0) {
        data = realloc(data, call->written_length + (uint64_t)n + 1);
        assert_non_null(data);
        memcpy(data + call->written_length, chunk, (size_t)n);
        call->written_length += (uint64_t)n;
    }
    data[call->written_length] = '\0';
    call->written = data;
    assert_int_equal(n, 0);
    return answer(call, call->code, err);
}

static int32_t fake_stat(struct enclave_call *call, const struct enclave_file_request *request,
                         const struct enclave_entry_sink *to, struct enclave_error *err)
{
    record(call, "stat", request);
    if (call->stat_code < 0) {
        return answer(call, call->stat_code, err);
    }
    return call->entry_count > 0 ? to->entry(to->ctx, &call->entries[0]) : 0;
}

static int32_t fake_list(struct enclave_call *call, const struct enclave_file_request *request,
                         const struct enclave_entry_sink *to, struct enclave_error *err)
{
    int32_t rc = 0;

    record(call, "list", request);
    for (int i = 0; rc == 0 && i < call->entry_count; i++) {
        rc = to->entry(to->ctx, &call->entries[i]);
    }
    return rc < 0 ? rc : answer(call, call->code, err);
}

static int32_t fake_remove(struct enclave_call *call, const struct enclave_file_request *request,
                           struct enclave_error *err)
{
    record(call, "remove", request);
    return answer(call, call->code, err);
}

static int32_t fake_set_output(struct enclave_call *call, const void *data, uint64_t length,
                               struct enclave_error *err)
{
    (void)err;
    free(call->output);
    call->output = copy(data, length);
    call->output_length = length;
    return 0;
}

static int32_t fake_set_error(struct enclave_call *call, const char *text,
                              struct enclave_error *err)
{
    (void)err;
    free(call->error);
    call->error = copy(text, strlen(text));
    return 0;
}

int fake_setup(void **state)
{
    struct fake *fake = calloc(1, sizeof *fake);

    assert_non_null(fake);
    fake->handle = dlopen(TOOL_PLUGIN, RTLD_NOW | RTLD_LOCAL);
    if (!fake->handle) {
        fail_msg("%s", dlerror());
    }
    fake->plugin = dlsym(fake->handle, "enclave_plugin");
    assert_non_null(fake->plugin);
    assert_int_equal(fake->plugin->kind, ENCLAVE_PLUGIN_TOOL);
    fake->ops = fake->plugin->ops;
    fake->host = (struct enclave_host){
        .size = sizeof fake->host,
        .abi_minor = ENCLAVE_ABI_MINOR,
        .get_call_info = fake_info,
        .run = fake_run,
        .file_read = fake_read,
        .file_write = fake_write,
        .file_stat = fake_stat,
        .file_list = fake_list,
        .file_remove = fake_remove,
        .set_output = fake_set_output,
        .set_error = fake_set_error,
    };
    fake->err = (struct enclave_error)ENCLAVE_ERROR_INIT;
    *state = fake;
    return 0;
}

int fake_teardown(void **state)
{
    struct fake *fake = *state;

    forget(&fake->call);
    fake->ops->close(fake->tool);
    dlclose(fake->handle);
    free(fake);
    return 0;
}

int32_t fake_open(struct fake *fake, const char *options)
{
    fake->ops->close(fake->tool);
    fake->tool = NULL;
    return fake->ops->open(&fake->host, options, &fake->tool, &fake->err);
}

int32_t fake_execute(struct fake *fake, const char *params)
{
    forget(&fake->call);
    return fake->ops->execute(fake->tool, &fake->call, params, &fake->err);
}

void fake_assert_open_refused(struct fake *fake, const char *options, const char *part)
{
    assert_int_equal(fake_open(fake, options), ENCLAVE_EINVALID);
    assert_null(fake->tool);
    if (!strstr(fake->err.message, part)) {
        fail_msg("'%s' does not mention '%s'", fake->err.message, part);
    }
}

static void assert_required(struct json_object *schema, const char *const *required)
{
    struct json_object *list = json_object_object_get(schema, "required");
    struct json_object *properties = json_object_object_get(schema, "properties");
    size_t i;

    for (i = 0; required[i]; i++) {
        assert_string_equal(json_object_get_string(json_object_array_get_idx(list, i)),
                            required[i]);
        assert_non_null(json_object_object_get(properties, required[i]));
    }
    assert_int_equal(json_object_array_length(list), i);
    json_object_object_foreach(properties, name, property)
    {
        if (!json_object_object_get(property, "description")) {
            fail_msg("parameter '%s' has no description", name);
        }
    }
}

void fake_assert_schema(const struct fake *fake, const char *const *required)
{
    struct json_object *schema = json_tokener_parse(fake->ops->parameters);
    struct json_object *extra = json_object_object_get(schema, "additionalProperties");

    assert_true(json_object_is_type(schema, json_type_object));
    assert_true(json_object_is_type(extra, json_type_boolean));
    assert_false(json_object_get_boolean(extra));
    assert_required(schema, required);
    json_object_put(schema);
    assert_true(strlen(fake->ops->description) > 20);
    for (const struct enclave_option *option = fake->plugin->options; option->name; option++) {
        assert_int_equal(option->size, sizeof *option);
        assert_true(strlen(option->help) > 10);
    }
}
