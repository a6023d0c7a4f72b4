/*
 * sandbox_map.h - the sandboxes of a manager by id. In shards, so that calls on different sandboxes seldom
 * wait for one another.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CORE_SANDBOX_MAP_H
#define CORE_SANDBOX_MAP_H

#include "sandbox.h"

enum { SANDBOX_MAP_SHARDS = 64 };

struct sandbox_shard {
    _Alignas(64) pthread_mutex_t lock; /* guards all below, and `next` of the sandboxes; a leaf */
    struct sandbox **buckets;
    size_t bucket_count; /* a power of two */
    size_t count;
};

struct sandbox_map {
    struct sandbox_shard shards[SANDBOX_MAP_SHARDS];
};

int32_t sandbox_map_init(struct sandbox_map *map);
void sandbox_map_destroy(struct sandbox_map *map);
/* The map takes a reference of its own. EXISTS when the id is taken, NOMEM. */
int32_t sandbox_map_add(struct sandbox_map *map, struct sandbox *sandbox);
/* With a reference for the caller; NULL when there is none. */
struct sandbox *sandbox_map_find(struct sandbox_map *map, const char *id);
/* Take it out; the map's reference becomes the caller's. 0 when it is not (any more) there, also when another
 * has its id meanwhile. */
int sandbox_map_remove(struct sandbox_map *map, struct sandbox *sandbox);
/* The same, unless somebody besides the map and the caller refers to it. */
int sandbox_map_remove_unused(struct sandbox_map *map, struct sandbox *sandbox);
/* All of them, in order of creation, each with a reference for the caller. NULL without memory. No lock is
 * held for longer than it takes to look at a shard: what comes or goes meanwhile may be in it or not. */
struct sandbox **sandbox_map_snapshot(struct sandbox_map *map, size_t *ret_count);
void sandbox_snapshot_free(struct sandbox **all, size_t count);

#endif
