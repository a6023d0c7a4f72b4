/*
 * strmap.c - see strmap.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "strmap.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 1024

struct entry {
    struct entry *next;
    void *value;
    char name[];
};

struct strmap {
    pthread_mutex_t lock; /* guards all below */
    size_t count, ceiling;
    struct entry *bucket[BUCKETS];
};

struct strmap *strmap_new(size_t ceiling)
{
    struct strmap *map = calloc(1, sizeof *map);

    if (map) {
        (void)pthread_mutex_init(&map->lock, NULL);
        map->ceiling = ceiling;
    }
    return map;
}

void strmap_free(struct strmap *map)
{
    if (map) {
        strmap_clear(map);
        (void)pthread_mutex_destroy(&map->lock);
        free(map);
    }
}

/* FNV-1a: names are short, and callers cannot gain by collisions more than a walk through what they made. */
static struct entry **find(struct strmap *map, const char *name)
{
    uint32_t hash = 2166136261U;
    struct entry **at;

    for (const char *c = name; *c; c++) {
        hash = (hash ^ (unsigned char)*c) * 16777619U;
    }
    at = &map->bucket[hash % BUCKETS];
    while (*at && strcmp((*at)->name, name) != 0) {
        at = &(*at)->next;
    }
    return at;
}

static bool put(struct strmap *map, const char *name, void *value, bool replace)
{
    struct entry **at, *entry;
    size_t length = strlen(name) + 1;
    bool done = false;

    pthread_mutex_lock(&map->lock);
    at = find(map, name);
    if (*at) {
        done = replace;
        (*at)->value = replace ? value : (*at)->value;
    } else if (map->count < map->ceiling && (entry = malloc(sizeof *entry + length)) != NULL) {
        entry->next = NULL;
        entry->value = value;
        memcpy(entry->name, name, length);
        *at = entry;
        map->count++;
        done = true;
    }
    pthread_mutex_unlock(&map->lock);
    return done;
}

bool strmap_set(struct strmap *map, const char *name, void *value)
{
    return put(map, name, value, true);
}

bool strmap_add(struct strmap *map, const char *name, void *value)
{
    return put(map, name, value, false);
}

bool strmap_get(struct strmap *map, const char *name, void **ret_value)
{
    struct entry *entry;

    pthread_mutex_lock(&map->lock);
    entry = *find(map, name);
    if (entry) {
        *ret_value = entry->value;
    }
    pthread_mutex_unlock(&map->lock);
    return entry != NULL;
}

void strmap_remove(struct strmap *map, const char *name)
{
    struct entry **at, *entry;

    pthread_mutex_lock(&map->lock);
    at = find(map, name);
    entry = *at;
    if (entry) {
        *at = entry->next;
        map->count--;
    }
    pthread_mutex_unlock(&map->lock);
    free(entry);
}

void strmap_clear(struct strmap *map)
{
    pthread_mutex_lock(&map->lock);
    for (size_t i = 0; i < BUCKETS; i++) {
        while (map->bucket[i]) {
            struct entry *entry = map->bucket[i];
            map->bucket[i] = entry->next;
            free(entry);
        }
    }
    map->count = 0;
    pthread_mutex_unlock(&map->lock);
}

size_t strmap_count(struct strmap *map)
{
    size_t count;

    pthread_mutex_lock(&map->lock);
    count = map->count;
    pthread_mutex_unlock(&map->lock);
    return count;
}

void strmap_each(struct strmap *map, void (*see)(void *ctx, void *value), void *ctx)
{
    pthread_mutex_lock(&map->lock);
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct entry *entry = map->bucket[i]; entry; entry = entry->next) {
            see(ctx, entry->value);
        }
    }
    pthread_mutex_unlock(&map->lock);
}

bool strmap_with(struct strmap *map, const char *name, void (*see)(void *value))
{
    struct entry *entry;

    pthread_mutex_lock(&map->lock);
    entry = *find(map, name);
    if (entry) {
        see(entry->value);
    }
    pthread_mutex_unlock(&map->lock);
    return entry != NULL;
}
