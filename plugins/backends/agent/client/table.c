/*
 * table.c - the processes of an agent by their id.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "table.h"

#include "process.h"

#include <stdlib.h>

#define SIZE_FIRST 16

/* Ids are counted up, so their low bits spread them evenly. */
static struct process **bucket(const struct table *table, uint32_t id)
{
    return &table->buckets[id & (table->size - 1)];
}

int table_reserve(struct table *table)
{
    struct table larger = {.size = table->size ? table->size * 2 : SIZE_FIRST};

    if (table->count < table->size) {
        return 0;
    }
    larger.buckets = calloc(larger.size, sizeof *larger.buckets);
    if (!larger.buckets) {
        return -1;
    }
    for (size_t i = 0; i < table->size; i++) {
        struct process *next;

        for (struct process *process = table->buckets[i]; process; process = next) {
            next = process->table_next;
            table_add(&larger, process);
        }
    }
    free(table->buckets);
    *table = larger;
    return 0;
}

void table_add(struct table *table, struct process *process)
{
    struct process **head = bucket(table, process->id);

    process->table_next = *head;
    *head = process;
    table->count++;
}

struct process *table_find(const struct table *table, uint32_t id)
{
    struct process *process = table->size ? *bucket(table, id) : NULL;

    while (process && process->id != id) {
        process = process->table_next;
    }
    return process;
}

void table_remove(struct table *table, struct process *process)
{
    struct process **at = bucket(table, process->id);

    while (*at != process) {
        at = &(*at)->table_next;
    }
    *at = process->table_next;
    table->count--;
}

struct process *table_take(struct table *table, size_t *cursor)
{
    for (; *cursor < table->size; (*cursor)++) {
        struct process *process = table->buckets[*cursor];

        if (process) {
            table->buckets[*cursor] = process->table_next;
            table->count--;
            return process;
        }
    }
    return NULL;
}

void table_each(const struct table *table, void (*each)(void *ctx, struct process *process),
                void *ctx)
{
    for (size_t i = 0; i < table->size; i++) {
        for (struct process *process = table->buckets[i]; process; process = process->table_next) {
            each(ctx, process);
        }
    }
}

void table_free(struct table *table)
{
    free(table->buckets);
    *table = (struct table){0};
}
