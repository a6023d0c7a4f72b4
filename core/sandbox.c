/*
 * sandbox.c - see sandbox.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sandbox.h"

#include "clock.h"

#include <stdlib.h>
#include <string.h>

struct sandbox *sandbox_new(const char *id, const char *type)
{
    struct sandbox *sandbox = calloc(1, sizeof *sandbox);
    if (!sandbox) {
        return NULL;
    }
    sandbox->type = type ? strdup(type) : NULL;
    if ((type && !sandbox->type) || clock_cond_init(&sandbox->left) < 0) {
        free(sandbox->type);
        free(sandbox);
        return NULL;
    }
    turns_init(&sandbox->turns);
    TAILQ_INIT(&sandbox->jobs);
    (void)pthread_mutex_init(&sandbox->lock, NULL);
    (void)pthread_mutex_init(&sandbox->saving, NULL);
    (void)snprintf(sandbox->id, sizeof sandbox->id, "%s", id);
    atomic_init(&sandbox->references, 1);
    sandbox->status = ENCLAVE_STATUS_INITIALIZING;
    sandbox->kept_until_s = INT64_MIN;
    sandbox->created_us = clock_utc_us();
    clock_format_utc(sandbox->created_us, sandbox->created);
    memcpy(sandbox->updated, sandbox->created, sizeof sandbox->updated);
    return sandbox;
}

void sandbox_ref(struct sandbox *sandbox)
{
    atomic_fetch_add_explicit(&sandbox->references, 1, memory_order_relaxed);
}

static void sandbox_free(struct sandbox *sandbox)
{
    for (size_t i = 0; i < sandbox->tool_count; i++) {
        struct sandbox_tool *tool = &sandbox->tools[i];
        tool->plugin->loaded.ops.tool.close(tool->tool);
    }
    free(sandbox->type);
    free(sandbox->tools);
    free(sandbox->config_text);
    free(sandbox->working_dir);
    json_object_put(sandbox->config);
    free(sandbox->metadata);
    free(sandbox->owner);
    turns_destroy(&sandbox->turns);
    (void)pthread_cond_destroy(&sandbox->left);
    (void)pthread_mutex_destroy(&sandbox->saving);
    (void)pthread_mutex_destroy(&sandbox->lock);
    free(sandbox);
}

void sandbox_unref(struct sandbox *sandbox)
{
    if (sandbox && atomic_fetch_sub(&sandbox->references, 1) == 1) {
        sandbox_free(sandbox);
    }
}

void sandbox_set_status(struct sandbox *sandbox, uint32_t status, int64_t now_s)
{
    sandbox->status = status;
    clock_format_utc(clock_utc_us(), sandbox->updated);
    sandbox->updated_s = now_s;
}

static int is_active(uint32_t status)
{
    return status == ENCLAVE_STATUS_RUNNING || status == ENCLAVE_STATUS_IDLE ||
           status == ENCLAVE_STATUS_BUSY;
}

uint32_t sandbox_refresh(struct sandbox *sandbox, int64_t now_s)
{
    if (!is_active(sandbox->status) || !sandbox->handle) {
        return sandbox->status;
    }
    uint32_t is = sandbox->backend->loaded.ops.backend.status(sandbox->handle);
    if (is == ENCLAVE_STATUS_STOPPED && backend_delegates(sandbox->backend)) {
        sandbox_set_status(sandbox, is, now_s); /* by somebody else */
    } else if (is != ENCLAVE_STATUS_RUNNING) {
        (void)snprintf(sandbox->reason, sizeof sandbox->reason,
                       "the sandbox or its engine went away");
        sandbox_set_status(sandbox, ENCLAVE_STATUS_ERROR, now_s);
    }
    return sandbox->status;
}

/* There is a handle, and its owner answers for its state. The lock is held. */
static int is_delegated(const struct sandbox *sandbox)
{
    return sandbox->status != ENCLAVE_STATUS_INITIALIZING && sandbox->handle &&
           backend_delegates(sandbox->backend);
}

int32_t sandbox_enter(struct sandbox *sandbox, const char *what, int64_t now_s,
                      struct enclave_error *err)
{
    int32_t r = 0;
    pthread_mutex_lock(&sandbox->lock);
    uint32_t status = sandbox_refresh(sandbox, now_s);
    if (is_active(status) || is_delegated(sandbox)) {
        sandbox->users++;
        sandbox->soiled = 1;
    } else {
        r = enclave_error_set(err, ENCLAVE_ESTATE,
                              "%s: sandbox '%s' is not running: its status is %s%s%s", what,
                              sandbox->id, enclave_status_name(status),
                              sandbox->reason[0] ? ": " : "", sandbox->reason);
    }
    pthread_mutex_unlock(&sandbox->lock);
    return r;
}

int sandbox_hold(struct sandbox *sandbox)
{
    pthread_mutex_lock(&sandbox->lock);
    int there = sandbox->status != ENCLAVE_STATUS_INITIALIZING && sandbox->handle;
    sandbox->users += there ? 1 : 0;
    pthread_mutex_unlock(&sandbox->lock);
    return there;
}

/* The lock is held. */
static void leave(struct sandbox *sandbox)
{
    if (--sandbox->users == 0) {
        pthread_cond_broadcast(&sandbox->left);
    }
}

void sandbox_unhold(struct sandbox *sandbox)
{
    pthread_mutex_lock(&sandbox->lock);
    leave(sandbox);
    pthread_mutex_unlock(&sandbox->lock);
}

void sandbox_leave(struct sandbox *sandbox, int64_t now_s)
{
    pthread_mutex_lock(&sandbox->lock);
    sandbox->used_s = now_s;
    leave(sandbox);
    pthread_mutex_unlock(&sandbox->lock);
}

struct sandbox_tool *sandbox_find_tool(const struct sandbox *sandbox, const char *name)
{
    for (size_t i = 0; i < sandbox->tool_count; i++) {
        if (strcmp(sandbox->tools[i].plugin->name, name) == 0) {
            return &sandbox->tools[i];
        }
    }
    return NULL;
}

struct sandbox *sandbox_renamed(struct sandbox *from, const char *id)
{
    struct sandbox *sandbox = sandbox_new(id, from->type);
    if (!sandbox) {
        return NULL;
    }
    sandbox->backend = from->backend;
    sandbox->handle = from->handle;
    sandbox->timeout_ms = from->timeout_ms;
    sandbox->ttl_s = from->ttl_s;
    sandbox->turns.limit = from->turns.limit;
    sandbox->created_s = from->created_s;
    sandbox->updated_s = from->updated_s;
    sandbox->used_s = from->used_s;
    sandbox->transient = from->transient;
    sandbox->wanted = from->wanted;
    sandbox->request = from->request;
    sandbox->config = from->config;
    sandbox->config_text = from->config_text;
    sandbox->working_dir = from->working_dir;
    sandbox->owner = from->owner;
    from->handle = NULL;
    from->request = NULL;
    from->config = NULL;
    from->config_text = from->working_dir = from->owner = NULL;
    return sandbox;
}
