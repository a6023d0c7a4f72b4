/*
 * create.c - making a sandbox, stopping it, ending it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "buffer.h"
#include "cancel.h"
#include "clock.h"
#include "fields.h"
#include "id.h"
#include "json.h"
#include "manager.h"
#include "options.h"
#include "plugin_call.h"

#include <stdlib.h>
#include <string.h>

static const struct enclave_create_options no_options = ENCLAVE_CREATE_OPTIONS_INIT;

/* ----------------------------------------------------------------------------- choosing a backend */

static int by_rank(const void *a, const void *b)
{
    const struct plugin *x = *(struct plugin *const *)a, *y = *(struct plugin *const *)b;
    int32_t rx = x->loaded.ops.backend.auto_rank, ry = y->loaded.ops.backend.auto_rank;
    return rx < ry ? -1 : rx > ry;
}

static size_t candidates(struct enclave_manager *manager, struct plugin **ret_list, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < manager->registry.count && n < max; i++) {
        struct plugin *p = manager->registry.plugins[i];
        if (p->kind == ENCLAVE_PLUGIN_BACKEND && p->state == PLUGIN_LOADED &&
            p->loaded.ops.backend.auto_rank > 0) {
            ret_list[n++] = p;
        }
    }
    qsort(ret_list, n, sizeof *ret_list, by_rank);
    return n;
}

/* The first that works, in order of rank; decided once. */
static int32_t choose_automatic(struct enclave_manager *manager, struct plugin **ret_backend,
                                struct enclave_error *err)
{
    struct plugin *list[32];
    struct plugin *chosen;
    struct enclave_error why = ENCLAVE_ERROR_INIT;

    pthread_mutex_lock(&manager->lock);
    chosen = manager->automatic;
    pthread_mutex_unlock(&manager->lock);
    size_t count = chosen ? 0 : candidates(manager, list, sizeof list / sizeof *list);
    if (count == 1) { /* no choice: whether it works, the create tells */
        chosen = list[0];
    }
    for (size_t i = 0; !chosen && i < count; i++) {
        struct enclave_error one = ENCLAVE_ERROR_INIT;
        if (list[i]->loaded.ops.backend.probe(list[i]->backend, NULL, &one) == 0) {
            chosen = list[i];
        } else if (why.code == 0) {
            why = one;
        }
    }
    if (!chosen) {
        return count == 0
                   ? enclave_error_set(err, ENCLAVE_ENOTFOUND,
                                       "no backend is loaded; 'enclave plugins' tells why")
                   : enclave_error_set(err, ENCLAVE_EUNREACHABLE,
                                       "no backend works here; the first said: %s", why.message);
    }
    pthread_mutex_lock(&manager->lock);
    if (!manager->automatic) {
        manager->automatic = chosen;
        manager_log(manager, ENCLAVE_LOG_DEBUG, "backend auto: %s", chosen->name);
    }
    *ret_backend = manager->automatic;
    pthread_mutex_unlock(&manager->lock);
    return 0;
}

static int32_t choose_backend(struct enclave_manager *manager, const char *type,
                              struct plugin **ret_backend, struct enclave_error *err)
{
    char loaded[256];

    if (!type || strcmp(type, "auto") == 0) {
        type = manager->config.backend;
    }
    if (strcmp(type, "auto") == 0) {
        return choose_automatic(manager, ret_backend, err);
    }
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
    uint64_t can = 0, wanted = fields_wanted(sandbox->config);
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
                                 "backend '%s' cannot enforce here what was asked for: %s",
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
    struct enclave_spawn spawn = {.size = sizeof spawn, .argv = argv, .window = 65536};
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

static int32_t make(struct sandbox *sandbox, const struct enclave_create_options *options,
                    uint64_t explicit_bits, struct enclave_error *err)
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
    };
    void *handle = NULL;
    struct enclave_error why = ENCLAVE_ERROR_INIT;
    int32_t r = backend->loaded.ops.backend.create(backend->backend, &spec, &facts, &handle, &why);
    r = plugin_result(r, &why, backend->name, "create", err);
    if (r == 0) {
        sandbox->handle = handle;
        sandbox->unenforced |= facts.unenforced;
        sandbox->metadata = json_parse_object(metadata.data, "metadata of the backend", NULL);
    }
    buffer_free(&metadata);
    return r;
}

static int32_t reserve_id(struct enclave_manager *manager, const char *wanted,
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
        struct sandbox *sandbox = sandbox_new(id);
        if (!sandbox) {
            break;
        }
        sandbox->created_s = sandbox->updated_s = manager_now_s(manager);
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

static int32_t prepare(struct enclave_manager *manager, struct sandbox *sandbox, const char *type,
                       const char *config_json, uint64_t *ret_bits, struct enclave_error *err)
{
    int32_t r = take_config(manager, sandbox, config_json, ret_bits, err);
    if (r < 0) {
        return r;
    }
    const char *dir =
        json_object_get_string(json_object_object_get(sandbox->config, "working_dir"));
    double timeout = json_object_get_double(json_object_object_get(sandbox->config, "timeout"));
    sandbox->working_dir = strdup(dir);
    sandbox->config_text = json_text(sandbox->config);
    sandbox->timeout_ms = clock_seconds_to_ms(timeout);
    if (!sandbox->working_dir || !sandbox->config_text) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
    }
    if ((r = choose_backend(manager, type, &sandbox->backend, err)) < 0 ||
        (r = open_tools(manager, sandbox, err)) < 0) {
        return r;
    }
    return check_capabilities(manager, sandbox, *ret_bits, err);
}

static void publish(struct enclave_manager *manager, struct sandbox *sandbox)
{
    start_command(manager, sandbox);
    pthread_mutex_lock(&sandbox->lock);
    sandbox_set_status(sandbox, ENCLAVE_STATUS_RUNNING, manager_now_s(manager));
    pthread_mutex_unlock(&sandbox->lock);
    atomic_fetch_add(&manager->created, 1);
}

int32_t enclave_manager_create_sandbox(struct enclave_manager *manager, const char *type,
                                       const char *config_json,
                                       const struct enclave_create_options *given,
                                       char ret_id[ENCLAVE_ID_SIZE], struct enclave_error *err)
{
    struct enclave_create_options options = no_options;
    struct sandbox *sandbox = NULL;
    uint64_t explicit_bits = 0;

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
    int32_t r = reserve_id(manager, options.id, &sandbox, err);
    if (r == 0) {
        r = prepare(manager, sandbox, type, config_json, &explicit_bits, err);
    }
    if (r == 0) {
        r = make(sandbox, &options, explicit_bits, err);
    }
    if (r == 0) {
        publish(manager, sandbox);
        memcpy(ret_id, sandbox->id, ENCLAVE_ID_SIZE);
    } else if (sandbox) {
        if (sandbox_map_remove(&manager->sandboxes, sandbox)) {
            sandbox_unref(sandbox);
        }
    }
    sandbox_unref(sandbox);
    return r < 0 ? enclave_error_prefix(err, r, "create a sandbox: ") : 0;
}

/* ---------------------------------------------------------------------------------------- ending */

static int32_t refuse_unfinished(struct sandbox *sandbox, const char *what,
                                 struct enclave_error *err)
{
    pthread_mutex_lock(&sandbox->lock);
    int unfinished = sandbox->status == ENCLAVE_STATUS_INITIALIZING;
    pthread_mutex_unlock(&sandbox->lock);
    return unfinished
               ? enclave_error_set(err, ENCLAVE_ESTATE,
                                   "%s: sandbox '%s' is still being created; cancel its creation",
                                   what, sandbox->id)
               : 0;
}

static int32_t stop(struct enclave_manager *manager, struct sandbox *sandbox,
                    struct enclave_error *err)
{
    pthread_mutex_lock(&sandbox->lock);
    void *handle = sandbox->handle;
    if (sandbox->status == ENCLAVE_STATUS_STOPPED || !handle) {
        pthread_mutex_unlock(&sandbox->lock);
        return 0;
    }
    sandbox->users++; /* a delete must not take the handle away meanwhile */
    sandbox_set_status(sandbox, ENCLAVE_STATUS_STOPPING, manager_now_s(manager));
    pthread_mutex_unlock(&sandbox->lock);

    struct enclave_error why = ENCLAVE_ERROR_INIT;
    int32_t r = sandbox->backend->loaded.ops.backend.stop(handle, &why);
    r = plugin_result(r, &why, sandbox->backend->name, "stop", &why);

    pthread_mutex_lock(&sandbox->lock);
    sandbox_set_status(sandbox, r < 0 ? ENCLAVE_STATUS_ERROR : ENCLAVE_STATUS_STOPPED,
                       manager_now_s(manager));
    (void)snprintf(sandbox->reason, sizeof sandbox->reason, "%s", r < 0 ? why.message : "");
    if (--sandbox->users == 0) {
        pthread_cond_broadcast(&sandbox->left);
    }
    pthread_mutex_unlock(&sandbox->lock);
    return r < 0 ? enclave_error_set(err, r, "stop sandbox '%s': %s", sandbox->id, why.message) : 0;
}

int32_t enclave_manager_stop_sandbox(struct enclave_manager *manager, const char *id,
                                     struct enclave_error *err)
{
    struct sandbox *sandbox = manager_find(manager, id, "stop a sandbox", err);
    if (!sandbox) {
        return manager ? ENCLAVE_ENOTFOUND : ENCLAVE_EINVALID;
    }
    int32_t r = refuse_unfinished(sandbox, "stop", err);
    if (r == 0) {
        r = stop(manager, sandbox, err);
    }
    sandbox_unref(sandbox);
    return r;
}

int32_t manager_destroy(struct enclave_manager *manager, struct sandbox *sandbox,
                        struct enclave_error *err)
{
    const struct enclave_backend_ops *ops = &sandbox->backend->loaded.ops.backend;
    struct enclave_error why = ENCLAVE_ERROR_INIT;
    int32_t r = 0;

    (void)stop(manager, sandbox, NULL); /* what it cannot end, destroy reports */
    pthread_mutex_lock(&sandbox->lock);
    struct startup_command *command = &sandbox->command;
    while (sandbox->users > 0 || (command->process && !command->exited)) {
        pthread_cond_wait(&sandbox->left, &sandbox->lock);
    }
    void *handle = sandbox->handle, *process = command->process;
    sandbox->handle = command->process = NULL;
    pthread_mutex_unlock(&sandbox->lock);
    if (process) {
        ops->process_release(process);
    }
    if (handle) {
        r = ops->destroy(handle, &why);
        r = plugin_result(r, &why, sandbox->backend->name, "destroy", &why);
        atomic_fetch_add(&manager->deleted, 1);
    }
    if (r < 0) {
        enclave_error_set(err, r, "delete sandbox '%s': %s", sandbox->id, why.message);
    }
    sandbox_unref(sandbox);
    return r;
}

int32_t enclave_manager_delete_sandbox(struct enclave_manager *manager, const char *id,
                                       struct enclave_error *err)
{
    struct sandbox *sandbox = manager_find(manager, id, "delete a sandbox", err);
    if (!sandbox) {
        return manager ? ENCLAVE_ENOTFOUND : ENCLAVE_EINVALID;
    }
    int32_t r = refuse_unfinished(sandbox, "delete", err);
    if (r == 0 && sandbox_map_remove(&manager->sandboxes, sandbox)) {
        r = manager_destroy(manager, sandbox, err);
    } else if (r == 0) {
        r = enclave_error_set(err, ENCLAVE_ENOTFOUND, "delete a sandbox: no sandbox '%s'", id);
    }
    sandbox_unref(sandbox);
    return r;
}
