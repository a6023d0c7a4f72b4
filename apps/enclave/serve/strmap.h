/*
 * strmap.h - pointers by name: a hash table with its own lock.
 *
 * Owns: the names, copied. Does not own: what is pointed to. [any-thread]
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_SERVE_STRMAP_H
#define ENCLAVE_SERVE_STRMAP_H

#include <stdbool.h>
#include <stddef.h>

struct strmap;

/* Holds `ceiling` names at most. NULL: out of memory. */
struct strmap *strmap_new(size_t ceiling);
void strmap_free(struct strmap *map);

/* Set a name's pointer, replacing the one it has. False: out of memory, or full. */
bool strmap_set(struct strmap *map, const char *name, void *value);
/* Set it when there is none; false otherwise too. */
bool strmap_add(struct strmap *map, const char *name, void *value);
bool strmap_get(struct strmap *map, const char *name, void **ret_value);
void strmap_remove(struct strmap *map, const char *name);
void strmap_clear(struct strmap *map);
size_t strmap_count(struct strmap *map);

/* Call `see` with each pointer; the map is locked meanwhile. */
void strmap_each(struct strmap *map, void (*see)(void *ctx, void *value), void *ctx);
/* Call `see` with the pointer of a name, locked meanwhile, so that who removes it waits. False: there is none. */
bool strmap_with(struct strmap *map, const char *name, void (*see)(void *value));

#endif
