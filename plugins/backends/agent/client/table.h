/*
 * table.h - the processes of an agent by their id: a hash table with chains through the processes.
 *
 * Owns: the buckets. Does not own: processes; locking is the caller's.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_AGENT_TABLE_H
#define ENCLAVE_AGENT_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct process;

struct table {
    struct process **buckets;
    size_t size; /* a power of two, or 0 */
    size_t count;
};

/* Make sure that table_add() cannot fail; 0 or -1. */
int table_reserve(struct table *table);
void table_add(struct table *table, struct process *process);
struct process *table_find(const struct table *table, uint32_t id);
void table_remove(struct table *table, struct process *process);
/* Take out some process; NULL when there is none. `*cursor` begins as 0, and nothing is added
 * meanwhile. */
struct process *table_take(struct table *table, size_t *cursor);
void table_each(const struct table *table, void (*each)(void *ctx, struct process *process),
                void *ctx);
void table_free(struct table *table);

#endif
