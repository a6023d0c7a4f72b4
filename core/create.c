/*
 * create.c - making a sandbox. What is another manager's is delegate.c's.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "adopt.h"
#include "automatic.h"
#include "buffer.h"
#include "cancel.h"
#include "clock.h"
#include "delegate.h"
#include "fields.h"
#include "id.h"
#include "json.h"
#include "manager.h"
#include "options.h"
#include "plugin_call.h"
#include "request.h"

#include <stdlib.h>
#include <string.h>

static const struct enclave_create_options no_options = ENCLAVE_CREATE_OPTIONS_INIT;

enum { OWNER_MAX = 63 };

/* ----------------------------------------------------------------------------- choosing a backend */

static const char *effective_type(const struct enclave_manager *manager, const char *type)
{
    return !type || strcmp(type, "auto") == 0 ? manager->config.backend : type;
}

static int is_automatic(const struct enclave_manager *manager, const char *type)
{
    return strcmp(effective_type(manager, type), "auto") == 0;
}

static int32_t choose_backend(struct enclave_manager *manager, const char *type,
                              struct plugin **ret_backend, struct enclave_error *err)
{
    char loaded[256];

    if (manager->delegate) { /* the types are the other manager's */
        *ret_backend = manager->delegate;
        return 0;
    }
    if (is_automatic(manager, type)) {
        return automatic_backend(manager, ret_backend, err);
    }
    type = effective_type(manager, type);
    struct plugin *backend = registry_find(&manager->registry, ENCLAVE_PLUGIN_BACKEND, type);
    if (!backend) {
        registry_names(&manager->registry, ENCLAVE_PLUGIN_BACKEND, loaded, sizeof loaded);
        return enclave_error_set(err, ENCLAVE_ENOTFOUND, "no backend '%.80s' is loaded; loaded: %s",
                                 type, loaded);
    }
    *ret_backend = backend;
    return 0;
}

/* ------------------------------------------------------------------------------ configuration */

static int32_t take_config(struct enclave_manager *manager, struct sandbox *sandbox,
                           const char *config_json, uint64_t *ret_bits, struct enclave_error *err)
{
    struct enclave_error why = ENCLAVE_ERROR_INIT;
    JSON_AUTO given = json_parse_object(config_json, "configuration", &why);
    if (!given) {
        return enclave_error_set(err, why.code, "%s", why.message);
    }
    /* A copy, since what is applied shares its values with what it is applied to. */
    JSON_AUTO ini = json_copy(manager->config.sandbox);
    sandbox->config = fields_defaults(err);
    if (!ini || !sandbox->config) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
    }
    *ret_bits = manager->config.sandbox_bits;
    int32_t r = fields_apply(sandbox->config, ini, ret_bits, err);
    if (r == 0) {
        r = fields_apply(sandbox->config, given, ret_bits, err);
    }
    return r;
}

static void join_names(uint64_t bits, char *text, size_t size)
{
    JSON_AUTO names = fields_bit_names(bits);
    size_t n = 0;
    text[0] = '\0';
    for (size_t i = 0; names && i < json_object_array_length(names) && n < size; i++) {
        n += (size_t)snprintf(text + n, size - n, "%s%s", i ? ", " : "",
                              json_object_get_string(json_object_array_get_idx(names, i)));
    }
}

/* Explicit and not enforceable: an error. By default and not enforceable: told. */
static int32_t check_capabilities(struct enclave_manager *manager, struct sandbox *sandbox,
                                  uint64_t explicit_bits, struct enclave_error *err)
{
    struct plugin *backend = sandbox->backend;
    uint64_t can = 0, wanted = sandbox->wanted;
    char names[256];
    struct enclave_error why = ENCLAVE_ERROR_INIT;
    int32_t r = backend->loaded.ops.backend.capabilities(backend->backend, &can, &why);

    r = plugin_result(r, &why, backend->name, "capabilities", err);
    if (r < 0) {
        return r;
    }
    /* What was set and then set otherwise (by the create, over the INI file) is no longer asked for. */
    uint64_t refused = explicit_bits & wanted & ~can;
    if (refused) {
        join_names(refused, names, sizeof names);
        return enclave_error_set(err, ENCLAVE_EUNENFORCED,
                                 "backend '%s' cannot enforce here what was asked for: %s; leave it"
                                 " out, take another backend, or see in this one's README what it"
                                 " needs",
                                 backend->name, names);
    }
    sandbox->unenforced = wanted & ~can;
    if (sandbox->unenforced) {
        join_names(sandbox->unenforced, names, sizeof names);
        manager_log(manager, ENCLAVE_LOG_WARNING, "sandbox '%s': backend '%s' does not enforce %s",
                    sandbox->id, backend->name, names);
    }
    return 0;
}

/* ------------------------------------------------------------------------------------------ tools */

static int64_t timeout_option_ms(json_object *options)
{
    json_object *timeout = NULL;
    if (!json_object_object_get_ex(options, "timeout", &timeout) || !timeout) {
        return -1;
    }
    return clock_seconds_to_ms(json_object_get_double(timeout));
}

static int32_t open_tool(struct plugin *plugin, json_object *given, struct sandbox_tool *tool,
                         struct enclave_error *err)
{
    JSON_AUTO options = json_copy(plugin->options); /* other threads open the same tool */
    if (!options) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
    }
    int32_t r = given ? option_apply(plugin->loaded.plugin.options, given, options, err) : 0;
    char *text = r == 0 ? json_text(options) : NULL;
    if (r == 0 && !text) {
        r = enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
    }
    if (r == 0) {
        struct enclave_error why = ENCLAVE_ERROR_INIT;
        r = plugin->loaded.ops.tool.open(&plugin->host, text, &tool->tool, &why);
        r = plugin_result(r, &why, plugin->name, "open", err);
    }
    free(text);
    if (r == 0) {
        tool->plugin = plugin;
        tool->timeout_ms = timeout_option_ms(options);
    }
    return r;
}

static int32_t open_tools(struct enclave_manager *manager, struct sandbox *sandbox,
                          struct enclave_error *err)
{
    json_object *wanted = json_object_object_get(sandbox->config, "tools_config");
    char loaded[256];

    sandbox->tools = calloc((size_t)json_object_object_length(wanted) + 1, sizeof *sandbox->tools);
    if (!sandbox->tools) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
    }
    json_object_object_foreach(wanted, name, options)
    {
        struct plugin *plugin = registry_find(&manager->registry, ENCLAVE_PLUGIN_TOOL, name);
        if (!plugin) {
            registry_names(&manager->registry, ENCLAVE_PLUGIN_TOOL, loaded, sizeof loaded);
            return enclave_error_set(err, ENCLAVE_ENOTFOUND,
                                     "tools_config: no tool '%.80s' is loaded; loaded: %s", name,
                                     loaded);
        }
        int32_t r = open_tool(plugin, options, &sandbox->tools[sandbox->tool_count], err);
        if (r < 0) {
            return enclave_error_prefix(err, r, "tools_config: tool '%s': ", name);
        }
        sandbox->tool_count++;
    }
    return 0;
}

/* ------------------------------------------------------------------------------ startup command */

static uint64_t discard_output(void *ctx, uint32_t stream, const void *data, uint64_t length)
{
    (void)ctx;
    (void)stream;
    (void)data;
    return length;
}

static void command_ended(void *ctx, const struct enclave_exit *end)
{
    struct sandbox *sandbox = ctx;
    pthread_mutex_lock(&sandbox->lock);
    struct startup_command *command = &sandbox->command;
    memcpy(&command->end, end, end->size < sizeof command->end ? end->size : sizeof command->end);
    (void)snprintf(command->reason, sizeof command->reason, "%s", end->reason ? end->reason : "");
    command->end.reason = NULL;
    command->exited = 1;
    pthread_cond_broadcast(&sandbox->left);
    pthread_mutex_unlock(&sandbox->lock);
}

static const char **command_argv(json_object *command)
{
    if (json_object_is_type(command, json_type_string)) {
        const char **argv = calloc(4, sizeof *argv);
        if (argv) {
            argv[0] = "/bin/sh";
            argv[1] = "-c";
            argv[2] = json_object_get_string(command);
        }
        return argv;
    }
    size_t count = json_object_array_length(command);
    const char **argv = calloc(count + 1, sizeof *argv);
    for (size_t i = 0; argv && i < count; i++) {
        argv[i] = json_object_get_string(json_object_array_get_idx(command, i));
    }
    return argv;
}

/* Its end is reported, and it not starting is not fatal either. */
static void start_command(struct enclave_manager *manager, struct sandbox *sandbox)
{
    json_object *command = json_object_object_get(sandbox->config, "command");
    if (!command) {
        return;
    }
    struct enclave_error why = ENCLAVE_ERROR_INIT;
    struct enclave_process_events events = {sizeof events,  0,    sandbox,
                                            discard_output, NULL, command_ended};
    const char **argv = command_argv(command);
    struct enclave_spawn spawn = {
        .size = sizeof spawn, .flags = ENCLAVE_SPAWN_STAYS, .argv = argv, .window = 65536};
    void *process = NULL;

    if (!argv || sandbox->backend->loaded.ops.backend.spawn(sandbox->handle, &spawn, &events,
                                                            &process, &why) < 0) {
        manager_log(manager, ENCLAVE_LOG_WARNING, "sandbox '%s': start its command: %s",
                    sandbox->id, argv ? why.message : "out of memory");
    }
    sandbox->command.process = process;
    free(argv);
}

/* ---------------------------------------------------------------------------------------- making */

/* What was told comes under names other than ours. */
int32_t manager_take_metadata(struct sandbox *sandbox, const char *told, struct enclave_error *err)
{
    JSON_AUTO metadata = json_parse_object(told, "metadata of the backend", NULL);
    if (!metadata) { /* not worth a sandbox */
        metadata = json_object_new_object();
    }
    json_object_object_del(metadata, "command");
    json_object_object_del(metadata, "owner");
    json_object_object_del(metadata, "pool");
    json_object_object_del(metadata, "reason");
    uint64_t enforced = sandbox->wanted & ~sandbox->unenforced;
    if (json_set(metadata, "enforced", fields_bit_names(enforced)) == 0 &&
        json_set(metadata, "unenforced", fields_bit_names(sandbox->unenforced)) == 0) {
        sandbox->metadata = json_text(metadata);
    }
    return sandbox->metadata ? 0 : enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
}

static int32_t make(struct enclave_manager *manager, struct sandbox *sandbox,
                    const struct enclave_create_options *options, uint64_t explicit_bits,
                    struct enclave_error *err)
{
    struct plugin *backend = sandbox->backend;
    struct buffer metadata = BUFFER_INIT(64 * 1024);
    struct enclave_sink sink = {sizeof sink, 0, &metadata, buffer_write};
    struct enclave_sandbox_facts facts = {.size = sizeof facts, .metadata = &sink};
    struct enclave_sandbox_spec spec = {
        .size = sizeof spec,
        .cancel_fd = cancel_descriptor(options->cancel),
        .id = sandbox->id,
        .config = sandbox->config_text,
        .explicit_bits = explicit_bits & fields_wanted(sandbox->config),
        .progress = options->progress,
        .progress_ctx = options->progress_ctx,
        .lease_ms = adopt_lease_ms(manager, sandbox),
    };
    void *handle = NULL;
    struct enclave_error why = ENCLAVE_ERROR_INIT;
    int32_t r = backend->loaded.ops.backend.create(backend->backend, &spec, &facts, &handle, &why);
    r = plugin_result(r, &why, backend->name, "create", err);
    if (r == 0) {
        sandbox->unenforced |= facts.unenforced;
        sandbox->handle = handle;
        r = manager_take_metadata(sandbox, metadata.data, err);
        r = r == 0 ? adopt_save(manager, sandbox, err) : r;
    }
    if (r < 0 && sandbox->handle) {
        (void)backend->loaded.ops.backend.destroy(sandbox->handle, &why);
        sandbox->handle = NULL;
    }
    buffer_free(&metadata);
    return r;
}

static int32_t reserve_id(struct enclave_manager *manager, const char *wanted, const char *type,
                          struct sandbox **ret_sandbox, struct enclave_error *err)
{
    char id[ENCLAVE_ID_SIZE];

    if (wanted && !id_valid(wanted)) {
        return enclave_error_set(err, ENCLAVE_EINVALID,
                                 "id '%.80s': expected at most 63 of a-z, 0-9, '-', '_'", wanted);
    }
    for (int tries = 0; tries < 8; tries++) {
        if (wanted) {
            (void)snprintf(id, sizeof id, "%s", wanted);
        } else if (id_random(id, 8) < 0) {
            return enclave_error_set(err, ENCLAVE_EIO, "no random numbers for an id");
        }
        struct sandbox *sandbox = sandbox_new(id, type);
        if (!sandbox) {
            break;
        }
        sandbox->created_s = sandbox->updated_s = sandbox->used_s = manager_now_s(manager);
        if (sandbox_map_add(&manager->sandboxes, sandbox) == 0) {
            *ret_sandbox = sandbox;
            return 0;
        }
        sandbox_unref(sandbox);
        if (wanted) {
            return enclave_error_set(err, ENCLAVE_EEXISTS, "there is a sandbox '%s' already",
                                     wanted);
        }
    }
    return enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
}

/* Rounded up: the manager's clock counts whole seconds, and 0 means none. */
static int64_t whole_seconds(json_object *seconds)
{
    return (clock_seconds_to_ms(json_object_get_double(seconds)) + 999) / 1000;
}

int32_t manager_derive(struct enclave_manager *manager, struct sandbox *sandbox,
                       struct enclave_error *err)
{
    const char *dir =
        json_object_get_string(json_object_object_get(sandbox->config, "working_dir"));
    double timeout = json_object_get_double(json_object_object_get(sandbox->config, "timeout"));
    sandbox->working_dir = strdup(dir);
    sandbox->config_text = json_text(sandbox->config);
    sandbox->timeout_ms = clock_seconds_to_ms(timeout);
    sandbox->wanted = fields_wanted(sandbox->config);
    sandbox->ttl_s = whole_seconds(json_object_object_get(sandbox->config, "ttl"));
    /* So that each command can have a process of its own besides the first. */
    sandbox->turns.limit =
        json_object_get_uint64(json_object_object_get(sandbox->config, "pids_limit")) / 2;
    if (!sandbox->working_dir || !sandbox->config_text) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
    }
    return backend_delegates(sandbox->backend) ? 0 : open_tools(manager, sandbox, err);
}

static int32_t prepare(struct enclave_manager *manager, struct sandbox *sandbox, const char *type,
                       const char *config_json, uint64_t *ret_bits, struct enclave_error *err)
{
    int32_t r = take_config(manager, sandbox, config_json, ret_bits, err);
    if (r < 0 || (r = choose_backend(manager, type, &sandbox->backend, err)) < 0 ||
        (r = manager_derive(manager, sandbox, err)) < 0) {
        return r;
    }
    return backend_delegates(sandbox->backend)
               ? 0
               : check_capabilities(manager, sandbox, *ret_bits, err);
}

static void publish(struct enclave_manager *manager, struct sandbox *sandbox)
{
    if (!backend_delegates(sandbox->backend)) {
        start_command(manager, sandbox);
    }
    json_object_put(sandbox->config); /* the text is a tenth of it */
    sandbox->config = NULL;
    pthread_mutex_lock(&sandbox->lock);
    sandbox_set_status(sandbox, ENCLAVE_STATUS_RUNNING, manager_now_s(manager));
    pthread_mutex_unlock(&sandbox->lock);
}

int32_t manager_take_owner(struct sandbox *sandbox, const char *owner, struct enclave_error *err)
{
    size_t length = owner ? strnlen(owner, OWNER_MAX + 1) : 1;

    for (size_t i = 0; owner && i < length; i++) {
        length = owner[i] >= 0x20 && owner[i] < 0x7f ? length : 0;
    }
    if (length == 0 || length > OWNER_MAX) {
        return enclave_error_set(err, ENCLAVE_EINVALID,
                                 "owner: expected 1 to %d printable ASCII characters", OWNER_MAX);
    }
    if (owner && !(sandbox->owner = strdup(owner))) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
    }
    return 0;
}

/* `request` may be NULL. */
static int32_t create(struct enclave_manager *manager, const char *type, const char *config_json,
                      const struct enclave_create_options *options, struct request *request,
                      char ret_id[ENCLAVE_ID_SIZE], struct enclave_error *err)
{
    int64_t started_us = clock_monotonic_us();
    struct sandbox *sandbox = NULL;
    uint64_t explicit_bits = 0;
    int delegated = 0;

    int32_t r = reserve_id(manager, options->id, effective_type(manager, type), &sandbox, err);
    if (r == 0 && (r = manager_take_owner(sandbox, options->owner, err)) == 0) {
        sandbox->transient = (options->flags & ENCLAVE_CREATE_TRANSIENT) != 0;
        sandbox->request = request;
        r = prepare(manager, sandbox, type, config_json, &explicit_bits, err);
    }
    if (r == 0 && backend_delegates(sandbox->backend)) {
        delegated = 1; /* what fails then says so itself */
        r = delegate_make(manager, &sandbox, type, config_json, options, err);
    } else if (r == 0) {
        r = make(manager, sandbox, options, explicit_bits, err);
    }
    if (sandbox && sandbox->backend && is_automatic(manager, type)) {
        r = automatic_tried(manager, sandbox->backend, r, err);
    }
    if (r == 0) {
        publish(manager, sandbox);
        stats_record(manager->stats, STATS_CREATE, clock_monotonic_us() - started_us);
        memcpy(ret_id, sandbox->id, ENCLAVE_ID_SIZE);
    } else if (sandbox) {
        if (sandbox_map_remove(&manager->sandboxes, sandbox)) {
            sandbox_unref(sandbox);
        }
    }
    sandbox_unref(sandbox);
    return r < 0 && !delegated ? enclave_error_prefix(err, r, "create a sandbox: ") : r;
}

static int32_t create_with_key(struct enclave_manager *manager, const char *type,
                               const char *config_json,
                               const struct enclave_create_options *options,
                               char ret_id[ENCLAVE_ID_SIZE], struct enclave_error *err)
{
    struct enclave_error why = ENCLAVE_ERROR_INIT;
    struct request *request = NULL;
    JSON_AUTO config = json_parse_object(config_json, "configuration", &why);

    int32_t r = config ? 0 : enclave_error_prefix(&why, why.code, "create a sandbox: ");
    if (config) {
        struct request_print print =
            request_fingerprint(effective_type(manager, type), config, options->id);
        r = request_begin(&manager->requests, options->request_key, print, options->cancel,
                          &request, ret_id, &why);
    }
    if (request) {
        r = create(manager, type, config_json, options, request, ret_id, &why);
        request_end(&manager->requests, request, r, ret_id, &why);
    }
    if (r < 0 && err) {
        *err = why;
    }
    return r;
}

int32_t enclave_manager_create_sandbox(struct enclave_manager *manager, const char *type,
                                       const char *config_json,
                                       const struct enclave_create_options *given,
                                       char ret_id[ENCLAVE_ID_SIZE], struct enclave_error *err)
{
    struct enclave_create_options options = no_options;

    if (!manager || !ret_id) {
        return enclave_error_set(err, ENCLAVE_EINVALID,
                                 "create a sandbox: manager or ret_id is NULL");
    }
    if (given && given->size < sizeof given->size) {
        return enclave_error_set(err, ENCLAVE_EINVALID,
                                 "create a sandbox: options->size is not set");
    }
    if (given) {
        memcpy(&options, given, given->size < sizeof options ? given->size : sizeof options);
    }
    if (cancel_triggered(options.cancel)) {
        return enclave_error_set(err, ENCLAVE_ECANCELLED, "create a sandbox: cancelled");
    }
    return options.request_key ? create_with_key(manager, type, config_json, &options, ret_id, err)
                               : create(manager, type, config_json, &options, NULL, ret_id, err);
}
