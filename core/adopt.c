/*
 * adopt.c - see adopt.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "adopt.h"

#include "clock.h"
#include "fields.h"
#include "id.h"
#include "json.h"
#include "plugin_call.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Of the state. What an older one lacks gets its default. */
#define STATE_VERSION 1

/* As long as keep_alive may keep one. */
#define KEPT_MAX_US INT64_C(1000000000000000)

/* What waits does not wait for long. */
#define RETRY_US INT64_C(5000000)

/* Values of plugin.adopting. */
enum { ADOPT_WANTED, ADOPT_UNDER_WAY, ADOPT_DONE };

static int is_backend(const struct plugin *plugin)
{
    return plugin->kind == ENCLAVE_PLUGIN_BACKEND && plugin->state == PLUGIN_LOADED;
}

/* Whether sandboxes of this plugin are to outlive the manager. */
static int adopts(const struct enclave_manager *manager, const struct plugin *plugin)
{
    const struct enclave_backend_ops *ops = &plugin->loaded.ops.backend;
    return manager->config.lease_ms && is_backend(plugin) && ops->adopt && ops->set_state &&
           ops->detach;
}

uint32_t adopt_lease_ms(const struct enclave_manager *manager, const struct sandbox *sandbox)
{
    return adopts(manager, sandbox->backend) && !sandbox->transient ? manager->config.lease_ms : 0;
}

/* ---------------------------------------------------------------------------------------- the state */

/* How long it is kept alive, as a time that the next manager knows too. */
static int32_t set_kept(json_object *state, const struct enclave_manager *manager,
                        struct sandbox *sandbox)
{
    pthread_mutex_lock(&sandbox->lock);
    int64_t until_s = sandbox->kept_until_s;
    pthread_mutex_unlock(&sandbox->lock);
    int64_t left_s = until_s == INT64_MIN ? 0 : until_s - manager_now_s(manager);
    return left_s > 0 ? json_set_int(state, "kept_until_us", clock_utc_us() + left_s * 1000000) : 0;
}

static int32_t set_request(json_object *state, const struct request *request)
{
    char print[REQUEST_PRINT_SIZE];
    if (!request) {
        return 0;
    }
    const char *key = request_describe(request, print);
    return json_set(state, "request_key", json_string_lossy(key, strlen(key))) < 0 ||
                   json_set_string(state, "request_print", print) < 0
               ? ENCLAVE_ENOMEM
               : 0;
}

static json_object *make_state(struct enclave_manager *manager, struct sandbox *sandbox)
{
    json_object *state = json_object_new_object();
    if (json_set_int(state, "version", STATE_VERSION) < 0 ||
        json_set_int(state, "created_us", sandbox->created_us) < 0 ||
        json_set(state, "config", json_quote_own(sandbox->config_text)) < 0 ||
        json_set(state, "unenforced", json_object_new_uint64(sandbox->unenforced)) < 0 ||
        json_set(state, "metadata", json_quote_own(sandbox->metadata)) < 0 ||
        (sandbox->owner && json_set_string(state, "owner", sandbox->owner) < 0) ||
        set_request(state, sandbox->request) < 0 || set_kept(state, manager, sandbox) < 0) {
        json_object_put(state);
        return NULL;
    }
    return state;
}

int32_t adopt_save(struct enclave_manager *manager, struct sandbox *sandbox,
                   struct enclave_error *err)
{
    struct plugin *backend = sandbox->backend;
    struct enclave_error why = ENCLAVE_ERROR_INIT;

    if (!adopt_lease_ms(manager, sandbox)) {
        return 0;
    }
    pthread_mutex_lock(&sandbox->saving); /* the last to be made is the last to be kept */
    JSON_AUTO state = make_state(manager, sandbox);
    char *text = state ? json_text(state) : NULL;
    int32_t r =
        text ? backend->loaded.ops.backend.set_state(sandbox->handle, text, strlen(text), &why)
             : enclave_error_set(&why, ENCLAVE_ENOMEM, "out of memory");
    pthread_mutex_unlock(&sandbox->saving);
    free(text);
    return plugin_result(r, &why, backend->name, "set_state", err);
}

static const char *state_text(json_object *state, const char *key)
{
    json_object *text = json_object_object_get(state, key);
    return json_object_is_type(text, json_type_string) ? json_object_get_string(text) : NULL;
}

/* What states did not always have. */
static int32_t take_later(const struct enclave_manager *manager, struct sandbox *sandbox,
                          json_object *state, struct enclave_error *err)
{
    int64_t until_us = json_object_get_int64(json_object_object_get(state, "kept_until_us"));
    int64_t left_us = until_us > 0 ? until_us - clock_utc_us() : 0;

    if (left_us > 0 && left_us <= KEPT_MAX_US) {
        sandbox->kept_until_s = manager_now_s(manager) + (left_us + 999999) / 1000000;
    }
    return manager_take_owner(sandbox, state_text(state, "owner"), err);
}

/* It comes out of the sandbox, so it is looked at as closely as what a caller sends. */
static int32_t take_state(struct sandbox *sandbox, json_object *state, struct enclave_error *err)
{
    json_object *config = NULL;
    uint64_t bits = 0;

    if (json_object_get_int64(json_object_object_get(state, "version")) != STATE_VERSION ||
        !json_object_object_get_ex(state, "config", &config) ||
        !json_object_is_type(config, json_type_object)) {
        return enclave_error_set(err, ENCLAVE_EPROTOCOL,
                                 "what was kept with it is not what this version keeps");
    }
    sandbox->config = fields_defaults(err);
    if (!sandbox->config) {
        return ENCLAVE_ENOMEM;
    }
    sandbox->unenforced = json_object_get_uint64(json_object_object_get(state, "unenforced"));
    sandbox->created_us = json_object_get_int64(json_object_object_get(state, "created_us"));
    return fields_apply(sandbox->config, config, &bits, err);
}

/* Ages go on: the manager's clock is set back by what the other one says has passed. */
static void take_times(const struct enclave_manager *manager, struct sandbox *sandbox)
{
    int64_t now_us = clock_utc_us(), now_s = manager_now_s(manager);

    if (sandbox->created_us <= 0 || sandbox->created_us > now_us) {
        sandbox->created_us = now_us;
    }
    clock_format_utc(sandbox->created_us, sandbox->created);
    memcpy(sandbox->updated, sandbox->created, sizeof sandbox->updated); /* has run since then */
    sandbox->used_s = now_s;
    sandbox->created_s = sandbox->updated_s = now_s - (now_us - sandbox->created_us) / 1000000;
}

/* -------------------------------------------------------------------------------------- taking back */

struct adopting {
    struct enclave_manager *manager;
    struct plugin *backend;
    atomic_uint count;
};

static int32_t restore(const struct adopting *adopting, const struct enclave_adopted *adopted,
                       struct sandbox *sandbox, struct enclave_error *err)
{
    struct enclave_manager *manager = adopting->manager;
    size_t length = (size_t)adopted->state_length;
    char *text =
        calloc(1, length + 1); /* the parser wants a NUL behind it, which need not be there */
    int32_t r;

    if (text && length > 0) {
        memcpy(text, adopted->state, length);
    }
    JSON_AUTO state = text ? json_parse(text, length, "what was kept with it", err) : NULL;
    free(text);
    if (!state) {
        return ENCLAVE_EPROTOCOL;
    }
    sandbox->backend = adopting->backend;
    if ((r = take_state(sandbox, state, err)) < 0 ||
        (r = take_later(manager, sandbox, state, err)) < 0 ||
        (r = manager_derive(manager, sandbox, err)) < 0 ||
        (r = manager_take_metadata(
             sandbox, json_object_get_string(json_object_object_get(state, "metadata")), err)) <
            0) {
        return r;
    }
    take_times(manager, sandbox);
    json_object_put(sandbox->config); /* the text is a tenth of it */
    sandbox->config = NULL;
    sandbox->status = ENCLAVE_STATUS_RUNNING;
    sandbox->handle = adopted->sandbox;
    sandbox->request = request_restore(&manager->requests, state_text(state, "request_key"),
                                       state_text(state, "request_print"), adopted->id);
    r = sandbox_map_add(&manager->sandboxes, sandbox);
    if (r < 0) {
        sandbox->handle = NULL;
        request_retire(&manager->requests, sandbox->request);
        return enclave_error_set(err, r, "there is another sandbox with its id");
    }
    return 0;
}

static int32_t found(void *ctx, const struct enclave_adopted *adopted)
{
    struct adopting *adopting = ctx;
    struct enclave_error why = ENCLAVE_ERROR_INIT;
    struct sandbox *sandbox = id_valid(adopted->id) ? sandbox_new(adopted->id, NULL) : NULL;
    int32_t r = sandbox ? restore(adopting, adopted, sandbox, &why)
                        : enclave_error_set(&why, ENCLAVE_ENOMEM, "no valid id, or no memory");

    sandbox_unref(sandbox);
    if (r < 0) {
        manager_log(adopting->manager, ENCLAVE_LOG_WARNING,
                    "sandbox '%.80s' cannot be adopted and is deleted: %s", adopted->id,
                    why.message);
        return r;
    }
    atomic_fetch_add(&adopting->count, 1);
    return 0;
}

/* One sweep at a time asks a backend, and none once it has answered. */
static int begin_adopting(struct enclave_manager *manager, struct plugin *backend)
{
    pthread_mutex_lock(&manager->lock);
    int wanted = backend->adopting == ADOPT_WANTED;
    if (wanted) {
        backend->adopting = ADOPT_UNDER_WAY;
    }
    pthread_mutex_unlock(&manager->lock);
    return wanted;
}

static int32_t ask(struct adopting *adopting, struct enclave_error *why)
{
    struct plugin *backend = adopting->backend;
    const struct enclave_backend_ops *ops = &backend->loaded.ops.backend;
    struct enclave_adoption adoption = {.size = sizeof adoption,
                                        .lease_ms = adopting->manager->config.lease_ms,
                                        .ctx = adopting,
                                        .found = found};
    /* Probed first, as that does not take long where nothing answers. */
    int32_t r = ops->probe(backend->backend, NULL, why);
    r = r == 0 ? ops->adopt(backend->backend, &adoption, why) : r;
    return plugin_result(r, why, backend->name, "adopt", why);
}

static void adopt_from(struct enclave_manager *manager, struct plugin *backend, int first)
{
    struct adopting adopting = {.manager = manager, .backend = backend};
    struct enclave_error why = ENCLAVE_ERROR_INIT;

    if (!begin_adopting(manager, backend)) {
        return;
    }
    int32_t r = ask(&adopting, &why);
    pthread_mutex_lock(&manager->lock);
    backend->adopting = r < 0 ? ADOPT_WANTED : ADOPT_DONE;
    pthread_mutex_unlock(&manager->lock);
    unsigned count = atomic_load(&adopting.count);
    if (count > 0) {
        manager_log(manager, ENCLAVE_LOG_INFO, "%u sandboxes adopted from backend '%s'", count,
                    backend->name);
    }
    if (r < 0 && first) {
        manager_log(manager, ENCLAVE_LOG_WARNING,
                    "backend '%s' cannot be asked for sandboxes to adopt, which is tried again "
                    "soon: %s",
                    backend->name, why.message);
    }
}

/* Whether a backend has not answered yet. The manager's lock is held. */
static int is_wanted(const struct enclave_manager *manager)
{
    int wanted = 0;
    for (size_t i = 0; i < manager->registry.count; i++) {
        const struct plugin *p = manager->registry.plugins[i];
        wanted |= adopts(manager, p) && p->adopting != ADOPT_DONE;
    }
    return wanted;
}

static void adopt_from_all(struct enclave_manager *manager, int first)
{
    for (size_t i = 0; i < manager->registry.count; i++) {
        struct plugin *p = manager->registry.plugins[i];
        if (adopts(manager, p)) {
            adopt_from(manager, p, first);
        }
    }
}

static void adopt_again(void *manager)
{
    adopt_from_all(manager, 0);
}

static void tidy_all(struct enclave_manager *manager)
{
    for (size_t i = 0; i < manager->registry.count; i++) {
        struct plugin *p = manager->registry.plugins[i];
        if (is_backend(p) && p->loaded.ops.backend.tidy) {
            p->loaded.ops.backend.tidy(p->backend);
        }
    }
}

int64_t adopt_interval_us(const struct enclave_manager *manager)
{
    int64_t interval_us = manager->config.cleanup_interval_us;
    return is_wanted(manager) && clock_monotonic_us() < manager->adopt_until_us &&
                   interval_us > RETRY_US
               ? RETRY_US
               : interval_us;
}

void adopt_begin(struct enclave_manager *manager)
{
    manager->adopt_until_us = clock_monotonic_us() + (int64_t)manager->config.lease_ms * 1000;
    adopt_from_all(manager, 1);
    tidy_all(manager);
}

void adopt_go_on(struct enclave_manager *manager)
{
    pthread_mutex_lock(&manager->lock);
    int wanted = is_wanted(manager);
    pthread_mutex_unlock(&manager->lock);
    if (wanted) { /* without a thread to be had, the next sweep tries again */
        (void)background_start(&manager->adoptions, adopt_again, manager);
    }
    tidy_all(manager);
}

/* ------------------------------------------------------------------------------------------ leaving */

/* One that runs. Another manager's goes on by itself. */
static int outlives(const struct enclave_manager *manager, const struct sandbox *sandbox)
{
    return adopt_lease_ms(manager, sandbox) ||
           (backend_delegates(sandbox->backend) && !sandbox->transient);
}

void adopt_leave(struct enclave_manager *manager)
{
    size_t count = 0;
    struct sandbox **all = sandbox_map_snapshot(&manager->sandboxes, &count);

    for (size_t i = 0; all && i < count; i++) {
        pthread_mutex_lock(&all[i]->lock);
        int runs = sandbox_refresh(all[i], manager_now_s(manager)) == ENCLAVE_STATUS_RUNNING;
        pthread_mutex_unlock(&all[i]->lock);
        if (runs && outlives(manager, all[i]) && sandbox_map_remove(&manager->sandboxes, all[i])) {
            manager_detach(manager, all[i]);
        }
    }
    sandbox_snapshot_free(all, count);
}
