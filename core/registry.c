/*
 * registry.c - see registry.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "registry.h"

#include "id.h"
#include "json.h"
#include "plugin_call.h"
#include "schema.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { PLUGINS_MAX = 512 };

static void plugin_free(struct plugin *plugin)
{
    if (!plugin) {
        return;
    }
    if (plugin->state == PLUGIN_LOADED && plugin->kind == ENCLAVE_PLUGIN_BACKEND) {
        plugin->loaded.ops.backend.close(plugin->backend);
    }
    json_object_put(plugin->options);
    json_object_put(plugin->schema);
    free(plugin->described);
    free(plugin->name);
    free(plugin->path);
    free(plugin->reason);
    free(plugin);
}

/* What loading takes after the start. */
struct waiting {
    pthread_mutex_t
        lock; /* guards what becomes of the plugins that wait; held while one is loaded */
    const struct config *config;
    const struct enclave_host *host;
};

static void load_waiting(const struct waiting *waiting, struct plugin *plugin);

void registry_free(struct registry *registry)
{
    for (size_t i = 0; i < registry->count; i++) {
        plugin_free(registry->plugins[i]);
    }
    free(registry->plugins);
    if (registry->waiting) {
        (void)pthread_mutex_destroy(&registry->waiting->lock);
        free(registry->waiting);
    }
    *registry = (struct registry){0};
}

/* One that waits is loaded first. */
static int is_loaded(const struct registry *registry, struct plugin *plugin)
{
    if (plugin->state == PLUGIN_WAITING) {
        pthread_mutex_lock(&registry->waiting->lock);
        if (plugin->state == PLUGIN_WAITING) {
            load_waiting(registry->waiting, plugin);
        }
        pthread_mutex_unlock(&registry->waiting->lock);
    }
    return plugin->state == PLUGIN_LOADED;
}

void registry_complete(const struct registry *registry)
{
    for (size_t i = 0; i < registry->count; i++) {
        (void)is_loaded(registry, registry->plugins[i]);
    }
}

struct plugin *registry_find(const struct registry *registry, uint32_t kind, const char *name)
{
    for (size_t i = 0; i < registry->count; i++) {
        struct plugin *p = registry->plugins[i];
        if (p->kind == kind && strcmp(p->name, name) == 0 && is_loaded(registry, p)) {
            return p;
        }
    }
    return NULL;
}

void registry_names(const struct registry *registry, uint32_t kind, char *ret_text, size_t size)
{
    size_t n = 0;
    (void)snprintf(ret_text, size, "none");
    for (size_t i = 0; i < registry->count && n < size; i++) {
        struct plugin *p = registry->plugins[i];
        if (p->kind == kind && is_loaded(registry, p)) {
            n += (size_t)snprintf(ret_text + n, size - n, "%s%s", n ? ", " : "", p->name);
        }
    }
}

/* What was seen of a kind and name before, in an earlier folder. */
static struct plugin *seen(const struct registry *registry, uint32_t kind, const char *name)
{
    for (size_t i = 0; i < registry->count; i++) {
        struct plugin *p = registry->plugins[i];
        if (p->kind == kind && strcmp(p->name, name) == 0) {
            return p;
        }
    }
    return NULL;
}

static struct plugin *add(struct registry *registry, const char *folder, uint32_t kind,
                          const char *name, struct enclave_error *err)
{
    struct plugin **plugins = NULL;
    struct plugin *plugin = calloc(1, sizeof *plugin);

    if (plugin && registry->count < PLUGINS_MAX) {
        plugins = realloc(registry->plugins, (registry->count + 1) * sizeof *plugins);
    }
    if (plugins) {
        registry->plugins = plugins;
        plugin->kind = kind;
        plugin->state = PLUGIN_REFUSED;
        plugin->folder = folder;
        plugin->name = strdup(name);
        if (asprintf(&plugin->path, "%s/%s-%s.so", folder, loader_kind_word(kind), name) < 0) {
            plugin->path = NULL;
        }
    }
    if (!plugins || !plugin->name || !plugin->path) {
        plugin_free(plugin);
        enclave_error_set(err, ENCLAVE_ENOMEM,
                          "load plugins from '%s': out of memory, or over %d files", folder,
                          PLUGINS_MAX);
        return NULL;
    }
    plugin->number = registry->count;
    registry->plugins[registry->count++] = plugin;
    return plugin;
}

/* --------------------------------------------------------------------------------- loading one */

static int32_t take_options(struct plugin *plugin, const struct config *config,
                            struct enclave_error *err)
{
    char section[128];
    (void)snprintf(section, sizeof section, "%s %s", loader_kind_word(plugin->kind), plugin->name);
    plugin->options = config_plugin_options(config, section, plugin->loaded.plugin.options, err);
    return plugin->options ? 0 : ENCLAVE_ECONFIG;
}

static int32_t start_backend(struct plugin *plugin, struct enclave_error *err)
{
    char *options = json_text(plugin->options);
    if (!options) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
    }
    struct enclave_error why = ENCLAVE_ERROR_INIT;
    int32_t r = plugin->loaded.ops.backend.open(&plugin->host, options, &plugin->backend, &why);
    free(options);
    r = plugin_result(r, &why, plugin->name, "open", err);
    if (r == ENCLAVE_EINVALID) { /* it has been given nothing but its options */
        return enclave_error_prefix(err, ENCLAVE_ECONFIG, "[backend %s]: ", plugin->name);
    }
    if (r < 0) {
        return enclave_error_prefix(err, r, "backend '%s': ", plugin->name);
    }
    return 0;
}

static int32_t take_schema(struct plugin *plugin, struct enclave_error *err)
{
    const char *text = plugin->loaded.ops.tool.parameters;
    struct enclave_error why = ENCLAVE_ERROR_INIT;
    json_object *type = NULL;

    plugin->schema = json_parse(text, strlen(text), "its parameters", &why);
    if (why.code != 0) {
        return enclave_error_set(err, ENCLAVE_EPLUGIN, "%s", why.message);
    }
    if (!json_object_object_get_ex(plugin->schema, "type", &type) ||
        !json_object_is_type(type, json_type_string) ||
        strcmp(json_object_get_string(type), "object") != 0) {
        return enclave_error_set(err, ENCLAVE_EPLUGIN,
                                 "its parameters are not a schema of type \"object\"");
    }
    return schema_validate(plugin->schema, &why) == 0
               ? 0
               : enclave_error_set(err, ENCLAVE_EPLUGIN, "its parameters: %s", why.message);
}

static int32_t describe_tool(struct plugin *plugin, struct enclave_error *err)
{
    JSON_AUTO schema = json_object_new_object();
    JSON_AUTO function = json_object_new_object();
    if (json_set_string(function, "name", plugin->name) == 0 &&
        json_set_string(function, "description", plugin->loaded.ops.tool.description) == 0 &&
        json_set(function, "parameters", json_object_get(plugin->schema)) == 0 &&
        json_set_string(schema, "type", "function") == 0 &&
        json_set(schema, "function", json_object_get(function)) == 0) {
        plugin->described = json_text(schema);
    }
    return plugin->described ? 0 : enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
}

static int32_t start_tool(struct plugin *plugin, struct enclave_error *err)
{
    int32_t r = take_schema(plugin, err);
    return r == 0 ? describe_tool(plugin, err) : r;
}

static int32_t load_one(struct plugin *plugin, const struct config *config,
                        const struct enclave_host *host, struct enclave_error *err)
{
    int32_t r = loader_load(plugin->folder, plugin->kind, plugin->name, &plugin->loaded, err);
    if (r < 0) {
        return r;
    }
    plugin->host = *host;
    plugin->host.plugin_path = plugin->path;
    if ((r = take_options(plugin, config, err)) < 0) {
        return r;
    }
    r = plugin->kind == ENCLAVE_PLUGIN_BACKEND ? start_backend(plugin, err)
                                               : start_tool(plugin, err);
    if (r == 0) {
        plugin->state = PLUGIN_LOADED;
    }
    return r;
}

static void log_refusal(const struct plugin *plugin, const struct enclave_host *host)
{
    char line[1024];
    (void)snprintf(line, sizeof line, "plugin '%s' refused: %s", plugin->path,
                   plugin->reason ? plugin->reason : "out of memory");
    host->log(host->ctx, ENCLAVE_LOG_WARNING, line);
}

/* Refused: keep why, tell the log, and fail only for what was enabled by name or configured wrongly. */
static int32_t refuse(struct plugin *plugin, const struct config *config,
                      const struct enclave_host *host, const struct enclave_error *why,
                      struct enclave_error *err)
{
    const struct name_list *list =
        plugin->kind == ENCLAVE_PLUGIN_BACKEND ? &config->backends : &config->tools;
    plugin->reason = strdup(why->message);
    if (why->code == ENCLAVE_ECONFIG || why->code == ENCLAVE_ENOMEM || !list->all) {
        if (why->code == ENCLAVE_ECONFIG) {
            if (err) {
                *err = *why;
            }
            return ENCLAVE_ECONFIG;
        }
        return enclave_error_set(err, why->code, "plugin '%s': %s", plugin->path, why->message);
    }
    log_refusal(plugin, host);
    return 0;
}

/* Refused, it is as if it had not been found; nobody named it. */
static void load_waiting(const struct waiting *waiting, struct plugin *plugin)
{
    struct enclave_error why = ENCLAVE_ERROR_INIT;

    if (load_one(plugin, waiting->config, waiting->host, &why) < 0) {
        plugin->reason = strdup(why.message);
        log_refusal(plugin, waiting->host);
        plugin->state = PLUGIN_REFUSED;
    }
}

/* See registry_load(). */
static int may_wait(const struct registry *registry, const struct plugin *plugin,
                    const struct config *config)
{
    char section[128];

    if (!registry->waiting || plugin->kind != ENCLAVE_PLUGIN_BACKEND || !config->backends.all ||
        strcmp(config->backend, "auto") == 0 || strcmp(config->backend, plugin->name) == 0) {
        return 0;
    }
    (void)snprintf(section, sizeof section, "backend %s", plugin->name);
    for (size_t i = 0; i < config->settings.count; i++) {
        if (strcmp(config->settings.items[i].section, section) == 0) {
            return 0;
        }
    }
    return 1;
}

static int32_t consider(struct registry *registry, const char *folder, uint32_t kind,
                        const char *name, const struct config *config,
                        const struct enclave_host *host, struct enclave_error *err)
{
    struct enclave_error why = ENCLAVE_ERROR_INIT;
    const struct name_list *list =
        kind == ENCLAVE_PLUGIN_BACKEND ? &config->backends : &config->tools;
    struct plugin *before = seen(registry, kind, name);
    struct plugin *plugin = add(registry, folder, kind, name, err);

    if (!plugin) {
        return ENCLAVE_ENOMEM;
    }
    if (!name_list_has(list, name)) {
        plugin->state = PLUGIN_DISABLED;
        return 0;
    }
    if (before) { /* not fatal: a folder may shadow another on purpose */
        if (asprintf(&plugin->reason, "duplicate: '%s' comes first", before->path) < 0) {
            plugin->reason = NULL;
        }
        return 0;
    }
    if (may_wait(registry, plugin, config)) {
        if (loader_check(folder, kind, name, &why) < 0) {
            return refuse(plugin, config, host, &why, err);
        }
        plugin->state = PLUGIN_WAITING;
        return 0;
    }
    if (load_one(plugin, config, host, &why) < 0) {
        return refuse(plugin, config, host, &why, err);
    }
    return 0;
}

/* ------------------------------------------------------------------------------------- folders */

/* "tool-wordcount.so" -> kind and name; 0 when it is not a plugin's file. */
static int parse_file_name(const char *file, uint32_t *ret_kind, char ret_name[64])
{
    static const struct {
        const char *prefix;
        uint32_t kind;
    } kinds[] = {{"backend-", ENCLAVE_PLUGIN_BACKEND}, {"tool-", ENCLAVE_PLUGIN_TOOL}};
    size_t length = strlen(file);

    for (size_t i = 0; i < 2; i++) {
        size_t skip = strlen(kinds[i].prefix);
        if (length > skip + 3 && length < skip + 3 + 64 &&
            strncmp(file, kinds[i].prefix, skip) == 0 && strcmp(file + length - 3, ".so") == 0) {
            *ret_kind = kinds[i].kind;
            memcpy(ret_name, file + skip, length - skip - 3);
            ret_name[length - skip - 3] = '\0';
            return id_valid_name(ret_name);
        }
    }
    return 0;
}

static int32_t load_folder(struct registry *registry, const char *folder,
                           const struct config *config, const struct enclave_host *host,
                           struct enclave_error *err)
{
    struct dirent **files = NULL;
    int count = scandir(folder, &files, NULL, alphasort); /* an order that does not change */
    int32_t r = 0;

    for (int i = 0; i < count; i++) {
        uint32_t kind;
        char name[64];
        if (r == 0 && parse_file_name(files[i]->d_name, &kind, name)) {
            r = consider(registry, folder, kind, name, config, host, err);
        }
        free(files[i]);
    }
    free(files);
    if (count < 0) { /* it has no plugins; one that was wanted by name is missed below */
        char line[512];
        (void)snprintf(line, sizeof line, "plugin folder '%.300s': %s", folder, strerror(errno));
        host->log(host->ctx, ENCLAVE_LOG_WARNING, line);
    }
    return r;
}

static int32_t check_all_there(const struct registry *registry, const struct config *config,
                               uint32_t kind, const char *key, const struct name_list *list,
                               struct enclave_error *err)
{
    char folders[256] = "";
    size_t n = 0;

    if (list->all) {
        return 0;
    }
    for (size_t i = 0; i < config->paths.count && n < sizeof folders; i++) {
        n += (size_t)snprintf(folders + n, sizeof folders - n, "%s'%s'", i ? ", " : "",
                              config->paths.names[i]);
    }
    for (size_t i = 0; i < list->count; i++) {
        if (!registry_find(registry, kind, list->names[i])) {
            const struct setting *s = settings_find(&config->settings, "plugins", key);
            return enclave_error_set(err, ENCLAVE_EPLUGIN, "%s: [plugins] %s: no '%s-%s.so' in %s",
                                     s ? s->source : "default", key, loader_kind_word(kind),
                                     list->names[i],
                                     n ? folders : "any folder: [plugins] path is empty");
        }
    }
    return 0;
}

/* A section for a plugin that does not exist at all is a misspelling. */
static int32_t check_sections(const struct registry *registry, const struct config *config,
                              struct enclave_error *err)
{
    for (size_t i = 0; i < config->settings.count; i++) {
        const struct setting *s = &config->settings.items[i];
        int backend = strncmp(s->section, "backend ", 8) == 0;
        if (!backend && strncmp(s->section, "tool ", 5) != 0) {
            continue;
        }
        uint32_t kind = backend ? ENCLAVE_PLUGIN_BACKEND : ENCLAVE_PLUGIN_TOOL;
        if (!seen(registry, kind, strchr(s->section, ' ') + 1)) {
            return enclave_error_set(
                err, ENCLAVE_ECONFIG,
                "%s: section [%s]: there is no such plugin in the plugin folders", s->source,
                s->section);
        }
    }
    return 0;
}

static int32_t let_wait(struct registry *registry, const struct config *config,
                        const struct enclave_host *host, struct enclave_error *err)
{
    registry->waiting = malloc(sizeof *registry->waiting);
    if (!registry->waiting) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "load plugins: out of memory");
    }
    *registry->waiting = (struct waiting){.config = config, .host = host};
    (void)pthread_mutex_init(&registry->waiting->lock, NULL);
    return 0;
}

/* Likewise a backend that sandboxes of type `auto` are to be made with. */
static int32_t check_backend(const struct registry *registry, const struct config *config,
                             struct enclave_error *err)
{
    if (strcmp(config->backend, "auto") == 0 ||
        seen(registry, ENCLAVE_PLUGIN_BACKEND, config->backend)) {
        return 0;
    }
    const struct setting *s = settings_find(&config->settings, "enclave", "backend");
    return enclave_error_set(
        err, ENCLAVE_ECONFIG,
        "%s: [enclave] backend = %.80s: there is no such plugin in the plugin folders",
        s ? s->source : "default", config->backend);
}

int32_t registry_load(struct registry *registry, const struct config *config,
                      const struct enclave_host *host, int lazily, struct enclave_error *err)
{
    *registry = (struct registry){0};
    int32_t r = lazily ? let_wait(registry, config, host, err) : 0;
    for (size_t i = 0; r == 0 && i < config->paths.count; i++) {
        r = load_folder(registry, config->paths.names[i], config, host, err);
    }
    if (r == 0) {
        r = check_all_there(registry, config, ENCLAVE_PLUGIN_BACKEND, "backends", &config->backends,
                            err);
    }
    if (r == 0) {
        r = check_all_there(registry, config, ENCLAVE_PLUGIN_TOOL, "tools", &config->tools, err);
    }
    if (r == 0) {
        r = check_sections(registry, config, err);
    }
    if (r == 0) {
        r = check_backend(registry, config, err);
    }
    if (r < 0) {
        registry_free(registry);
    }
    return r;
}
