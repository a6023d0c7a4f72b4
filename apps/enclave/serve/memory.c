/*
 * memory.c - see memory.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "memory.h"

#include <pthread.h>
#include <stdlib.h>

/* Kept to the end: there are as many as keys. */
struct share {
    struct share *next;
    const char *caller;
    size_t held;
};

struct memory {
    pthread_mutex_t lock; /* guards all below */
    size_t max, held;
    struct share *shares;
};

struct memory *memory_new(size_t max)
{
    struct memory *memory = calloc(1, sizeof *memory);

    if (memory) {
        (void)pthread_mutex_init(&memory->lock, NULL);
        memory->max = max;
    }
    return memory;
}

void memory_free(struct memory *memory)
{
    if (!memory) {
        return;
    }
    while (memory->shares) {
        struct share *share = memory->shares;
        memory->shares = share->next;
        free(share);
    }
    (void)pthread_mutex_destroy(&memory->lock);
    free(memory);
}

/* With the lock, both below. */

static struct share *find_share(struct memory *memory, const char *caller)
{
    struct share *share = memory->shares;

    while (share && share->caller != caller) {
        share = share->next;
    }
    if (!share && (share = calloc(1, sizeof *share))) {
        share->caller = caller;
        share->next = memory->shares;
        memory->shares = share;
    }
    return share;
}

static const char *refusal(const struct memory *memory, const struct share *share, size_t bytes)
{
    size_t left = memory->max - memory->held;

    if (!share) {
        return "out of memory";
    }
    if (bytes > left) {
        return "too many bodies and files are in memory, as [server] max_buffered counts them";
    }
    if (share->caller && share->held + bytes > left - bytes) {
        return "too many bodies and files of this key are in memory: of [server] max_buffered no "
               "key gets more than it leaves to the others";
    }
    return NULL;
}

const char *memory_take(struct memory *memory, const char *caller, size_t bytes)
{
    struct share *share;
    const char *why;

    if (bytes == 0) {
        return NULL;
    }
    pthread_mutex_lock(&memory->lock);
    share = find_share(memory, caller);
    why = refusal(memory, share, bytes);
    if (!why) {
        share->held += bytes;
        memory->held += bytes;
    }
    pthread_mutex_unlock(&memory->lock);
    return why;
}

void memory_give(struct memory *memory, const char *caller, size_t bytes)
{
    if (bytes == 0) {
        return;
    }
    pthread_mutex_lock(&memory->lock);
    find_share(memory, caller)->held -= bytes; /* there since it took them */
    memory->held -= bytes;
    pthread_mutex_unlock(&memory->lock);
}

size_t memory_held(struct memory *memory)
{
    size_t held;

    pthread_mutex_lock(&memory->lock);
    held = memory->held;
    pthread_mutex_unlock(&memory->lock);
    return held;
}
