/*
 * sandbox.c - see sandbox.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sandbox.h"

#include "clock.h"

#include <stdlib.h>
#include <string.h>

struct sandbox *sandbox_new(const char *id)
{
    struct sandbox *sandbox = calloc(1, sizeof *sandbox);
    if (!sandbox) {
        return NULL;
    }
    if (clock_cond_init(&sandbox->left) < 0) {
        free(sandbox);
        return NULL;
    }
    (void)pthread_mutex_init(&sandbox->lock, NULL);
    (void)snprintf(sandbox->id, sizeof sandbox->id, "%s", id);
    sandbox->references = 1;
    sandbox->status = ENCLAVE_STATUS_INITIALIZING;
    sandbox->created_us = sandbox->updated_us = clock_utc_us();
    return sandbox;
}

void sandbox_ref(struct sandbox *sandbox)
{
    pthread_mutex_lock(&sandbox->lock);
    sandbox->references++;
    pthread_mutex_unlock(&sandbox->lock);
}

static void sandbox_free(struct sandbox *sandbox)
{
    for (size_t i = 0; i < sandbox->tool_count; i++) {
        struct sandbox_tool *tool = &sandbox->tools[i];
        tool->plugin->loaded.ops.tool.close(tool->tool);
    }
    free(sandbox->tools);
    free(sandbox->config_text);
    free(sandbox->working_dir);
    json_object_put(sandbox->config);
    json_object_put(sandbox->metadata);
    (void)pthread_cond_destroy(&sandbox->left);
    (void)pthread_mutex_destroy(&sandbox->lock);
    free(sandbox);
}

void sandbox_unref(struct sandbox *sandbox)
{
    if (!sandbox) {
        return;
    }
    pthread_mutex_lock(&sandbox->lock);
    unsigned left = --sandbox->references;
    pthread_mutex_unlock(&sandbox->lock);
    if (left == 0) {
        sandbox_free(sandbox);
    }
}

void sandbox_set_status(struct sandbox *sandbox, uint32_t status, int64_t now_s)
{
    sandbox->status = status;
    sandbox->updated_us = clock_utc_us();
    sandbox->updated_s = now_s;
}

static int is_active(uint32_t status)
{
    return status == ENCLAVE_STATUS_RUNNING || status == ENCLAVE_STATUS_IDLE ||
           status == ENCLAVE_STATUS_BUSY;
}

uint32_t sandbox_refresh(struct sandbox *sandbox, int64_t now_s)
{
    if (is_active(sandbox->status) && sandbox->handle &&
        sandbox->backend->loaded.ops.backend.status(sandbox->handle) != ENCLAVE_STATUS_RUNNING) {
        (void)snprintf(sandbox->reason, sizeof sandbox->reason,
                       "the sandbox or its engine went away");
        sandbox_set_status(sandbox, ENCLAVE_STATUS_ERROR, now_s);
    }
    return sandbox->status;
}

int32_t sandbox_enter(struct sandbox *sandbox, const char *what, int64_t now_s,
                      struct enclave_error *err)
{
    int32_t r = 0;
    pthread_mutex_lock(&sandbox->lock);
    uint32_t status = sandbox_refresh(sandbox, now_s);
    if (is_active(status)) {
        sandbox->users++;
    } else {
        r = enclave_error_set(err, ENCLAVE_ESTATE,
                              "%s: sandbox '%s' is not running: its status is %s%s%s", what,
                              sandbox->id, enclave_status_name(status),
                              sandbox->reason[0] ? ": " : "", sandbox->reason);
    }
    pthread_mutex_unlock(&sandbox->lock);
    return r;
}

void sandbox_leave(struct sandbox *sandbox)
{
    pthread_mutex_lock(&sandbox->lock);
    if (--sandbox->users == 0) {
        pthread_cond_broadcast(&sandbox->left);
    }
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

/* ------------------------------------------------------------------------------------------ map */

int32_t sandbox_map_init(struct sandbox_map *map)
{
    *map = (struct sandbox_map){.bucket_count = 64};
    map->buckets = calloc(map->bucket_count, sizeof(struct sandbox *));
    (void)pthread_mutex_init(&map->lock, NULL);
    return map->buckets ? 0 : ENCLAVE_ENOMEM;
}

void sandbox_map_destroy(struct sandbox_map *map)
{
    (void)pthread_mutex_destroy(&map->lock);
    free(map->buckets);
}

/* FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/ */
static size_t hash(const char *id)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (; *id; id++) {
        h = (h ^ (unsigned char)*id) * UINT64_C(0x100000001b3);
    }
    return (size_t)(h ^ h >> 32);
}

static struct sandbox **slot(struct sandbox_map *map, const char *id)
{
    struct sandbox **at = &map->buckets[hash(id) & (map->bucket_count - 1)];
    while (*at && strcmp((*at)->id, id) != 0) {
        at = &(*at)->next;
    }
    return at;
}

/* Twice the buckets; without memory the chains just grow longer. */
static void grow(struct sandbox_map *map)
{
    size_t old_count = map->bucket_count;
    struct sandbox **old = map->buckets;
    struct sandbox **buckets = calloc(old_count * 2, sizeof(struct sandbox *));
    if (!buckets) {
        return;
    }
    map->buckets = buckets;
    map->bucket_count = old_count * 2;
    for (size_t i = 0; i < old_count; i++) {
        while (old[i]) {
            struct sandbox *moved = old[i];
            old[i] = moved->next;
            struct sandbox **to = &buckets[hash(moved->id) & (map->bucket_count - 1)];
            moved->next = *to;
            *to = moved;
        }
    }
    free(old);
}

int32_t sandbox_map_add(struct sandbox_map *map, struct sandbox *sandbox)
{
    int32_t r = ENCLAVE_EEXISTS;
    pthread_mutex_lock(&map->lock);
    if (map->count >= map->bucket_count * 2) {
        grow(map);
    }
    struct sandbox **at = slot(map, sandbox->id);
    if (!*at) {
        sandbox_ref(sandbox);
        sandbox->next = NULL;
        *at = sandbox;
        map->count++;
        r = 0;
    }
    pthread_mutex_unlock(&map->lock);
    return r;
}

struct sandbox *sandbox_map_find(struct sandbox_map *map, const char *id)
{
    pthread_mutex_lock(&map->lock);
    struct sandbox *sandbox = *slot(map, id);
    if (sandbox) {
        sandbox_ref(sandbox);
    }
    pthread_mutex_unlock(&map->lock);
    return sandbox;
}

int sandbox_map_remove(struct sandbox_map *map, struct sandbox *sandbox)
{
    pthread_mutex_lock(&map->lock);
    struct sandbox **at = slot(map, sandbox->id);
    int there = *at == sandbox;
    if (there) {
        *at = sandbox->next;
        sandbox->next = NULL;
        map->count--;
    }
    pthread_mutex_unlock(&map->lock);
    return there;
}

static int by_creation(const void *a, const void *b)
{
    const struct sandbox *x = *(struct sandbox *const *)a, *y = *(struct sandbox *const *)b;
    if (x->created_us != y->created_us) {
        return x->created_us < y->created_us ? -1 : 1;
    }
    return strcmp(x->id, y->id);
}

struct sandbox **sandbox_map_snapshot(struct sandbox_map *map, size_t *ret_count)
{
    size_t n = 0;
    pthread_mutex_lock(&map->lock);
    struct sandbox **all = calloc(map->count + 1, sizeof(struct sandbox *));
    for (size_t i = 0; all && i < map->bucket_count; i++) {
        for (struct sandbox *s = map->buckets[i]; s; s = s->next) {
            sandbox_ref(s);
            all[n++] = s;
        }
    }
    pthread_mutex_unlock(&map->lock);
    if (all) {
        qsort(all, n, sizeof(struct sandbox *), by_creation);
        *ret_count = n;
    }
    return all;
}

void sandbox_snapshot_free(struct sandbox **all, size_t count)
{
    for (size_t i = 0; all && i < count; i++) {
        sandbox_unref(all[i]);
    }
    free(all);
}
