/*
 * sandbox_map.c - see sandbox_map.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sandbox_map.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

int32_t sandbox_map_init(struct sandbox_map *map)
{
    int32_t r = 0;
    memset(map, 0, sizeof *map);
    for (size_t i = 0; i < SANDBOX_MAP_SHARDS; i++) {
        struct sandbox_shard *shard = &map->shards[i];
        shard->bucket_count = 8;
        shard->buckets = calloc(shard->bucket_count, sizeof(struct sandbox *));
        (void)pthread_mutex_init(&shard->lock, NULL);
        r = shard->buckets ? r : ENCLAVE_ENOMEM;
    }
    if (r < 0) {
        sandbox_map_destroy(map);
    }
    return r;
}

void sandbox_map_destroy(struct sandbox_map *map)
{
    for (size_t i = 0; i < SANDBOX_MAP_SHARDS; i++) {
        (void)pthread_mutex_destroy(&map->shards[i].lock);
        free(map->shards[i].buckets);
    }
}

/* FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/ */
static uint64_t hash(const char *id)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (; *id; id++) {
        h = (h ^ (unsigned char)*id) * UINT64_C(0x100000001b3);
    }
    return h ^ h >> 32;
}

/* Its lock is held from here on. The lower bits of the hash choose the bucket, others the shard. */
static struct sandbox_shard *lock_shard(struct sandbox_map *map, const char *id)
{
    struct sandbox_shard *shard = &map->shards[(hash(id) >> 26) % SANDBOX_MAP_SHARDS];
    pthread_mutex_lock(&shard->lock);
    return shard;
}

static struct sandbox **slot(struct sandbox_shard *shard, const char *id)
{
    struct sandbox **at = &shard->buckets[hash(id) & (shard->bucket_count - 1)];
    while (*at && strcmp((*at)->id, id) != 0) {
        at = &(*at)->next;
    }
    return at;
}

/* Twice the buckets; without memory the chains just grow longer. */
static void grow(struct sandbox_shard *shard)
{
    size_t old_count = shard->bucket_count;
    struct sandbox **old = shard->buckets;
    struct sandbox **buckets = calloc(old_count * 2, sizeof(struct sandbox *));
    if (!buckets) {
        return;
    }
    shard->buckets = buckets;
    shard->bucket_count = old_count * 2;
    for (size_t i = 0; i < old_count; i++) {
        while (old[i]) {
            struct sandbox *moved = old[i];
            old[i] = moved->next;
            struct sandbox **to = &buckets[hash(moved->id) & (shard->bucket_count - 1)];
            moved->next = *to;
            *to = moved;
        }
    }
    free(old);
}

int32_t sandbox_map_add(struct sandbox_map *map, struct sandbox *sandbox)
{
    int32_t r = ENCLAVE_EEXISTS;
    struct sandbox_shard *shard = lock_shard(map, sandbox->id);
    if (shard->count >= shard->bucket_count) {
        grow(shard);
    }
    struct sandbox **at = slot(shard, sandbox->id);
    if (!*at) {
        sandbox_ref(sandbox);
        sandbox->next = NULL;
        *at = sandbox;
        shard->count++;
        r = 0;
    }
    pthread_mutex_unlock(&shard->lock);
    return r;
}

struct sandbox *sandbox_map_find(struct sandbox_map *map, const char *id)
{
    struct sandbox_shard *shard = lock_shard(map, id);
    struct sandbox *sandbox = *slot(shard, id);
    if (sandbox) {
        sandbox_ref(sandbox);
    }
    pthread_mutex_unlock(&shard->lock);
    return sandbox;
}

/* References come from others, or from here, under the lock: so where there are no others none can come. */
static int take_out(struct sandbox_map *map, struct sandbox *sandbox, unsigned references_max)
{
    struct sandbox_shard *shard = lock_shard(map, sandbox->id);
    struct sandbox **at = slot(shard, sandbox->id);
    int there = *at == sandbox && atomic_load(&sandbox->references) <= references_max;
    if (there) {
        *at = sandbox->next;
        sandbox->next = NULL;
        shard->count--;
    }
    pthread_mutex_unlock(&shard->lock);
    return there;
}

int sandbox_map_remove(struct sandbox_map *map, struct sandbox *sandbox)
{
    return take_out(map, sandbox, UINT_MAX);
}

int sandbox_map_remove_unused(struct sandbox_map *map, struct sandbox *sandbox)
{
    return take_out(map, sandbox, 2);
}

/* -------------------------------------------------------------------------------------- snapshot */

static int by_creation(const void *a, const void *b)
{
    const struct sandbox *x = *(struct sandbox *const *)a, *y = *(struct sandbox *const *)b;
    if (x->created_us != y->created_us) {
        return x->created_us < y->created_us ? -1 : 1;
    }
    return strcmp(x->id, y->id);
}

struct found {
    struct sandbox **all;
    size_t count;
    size_t capacity;
};

static int32_t add_shard(struct found *found, struct sandbox_shard *shard)
{
    int32_t r = 0;
    pthread_mutex_lock(&shard->lock);
    size_t needed = found->count + shard->count;
    if (needed > found->capacity) {
        size_t capacity = 2 * needed;
        struct sandbox **all = realloc(found->all, capacity * sizeof(struct sandbox *));
        found->all = all ? all : found->all;
        found->capacity = all ? capacity : found->capacity;
        r = all ? 0 : ENCLAVE_ENOMEM;
    }
    for (size_t i = 0; r == 0 && i < shard->bucket_count; i++) {
        for (struct sandbox *s = shard->buckets[i]; s; s = s->next) {
            sandbox_ref(s);
            found->all[found->count++] = s;
        }
    }
    pthread_mutex_unlock(&shard->lock);
    return r;
}

struct sandbox **sandbox_map_snapshot(struct sandbox_map *map, size_t *ret_count)
{
    struct found found = {.capacity = 64, .all = calloc(64, sizeof(struct sandbox *))};
    int32_t r = found.all ? 0 : ENCLAVE_ENOMEM;

    for (size_t i = 0; r == 0 && i < SANDBOX_MAP_SHARDS; i++) {
        r = add_shard(&found, &map->shards[i]);
    }
    if (r < 0) {
        sandbox_snapshot_free(found.all, found.count);
        return NULL;
    }
    qsort(found.all, found.count, sizeof(struct sandbox *), by_creation);
    *ret_count = found.count;
    return found.all;
}

void sandbox_snapshot_free(struct sandbox **all, size_t count)
{
    for (size_t i = 0; all && i < count; i++) {
        sandbox_unref(all[i]);
    }
    free(all);
}
