/*
 * stats.c - see stats.h.
 *
 * All counters lie in one array, which is there several times: a thread adds to the one of its processor, and
 * a reader sums up. So threads on different processors do not write to the same memory.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "stats.h"

#include <enclave/types.h>

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* More processors than this share some. */
enum { SHARDS = 8, LINE = 64, CAUSES = ENCLAVE_CAUSE_BACKEND_LOST + 1 };

static const char *const reasons[] = {"running_ttl", "stopped_ttl", "idle_ttl", "ttl",
                                      "owner_gone",  "pool",        "other"};
enum { REASONS = sizeof reasons / sizeof *reasons };

/* Places in the array. */
enum {
    AT_TIMES = 0, /* for each the buckets and the sum */
    AT_DELETED = AT_TIMES + STATS_TIMES * (STATS_BUCKETS + 1),
    AT_RECLAIMED = AT_DELETED + 1,
    AT_TOOLS = AT_RECLAIMED + REASONS, /* for each the causes */
};

struct stats {
    size_t stride; /* from one shard to the next */
    atomic_uint_fast64_t *counters;
};

struct stats *stats_new(size_t tools)
{
    struct stats *stats = calloc(1, sizeof *stats);
    size_t per_line = LINE / sizeof *stats->counters;
    size_t stride = (AT_TOOLS + tools * CAUSES + per_line - 1) / per_line * per_line;
    size_t size = SHARDS * stride * sizeof *stats->counters;

    if (stats) {
        stats->stride = stride;
        stats->counters = aligned_alloc(LINE, size);
    }
    if (!stats || !stats->counters) {
        free(stats);
        return NULL;
    }
    memset(stats->counters, 0, size);
    return stats;
}

void stats_free(struct stats *stats)
{
    if (stats) {
        free(stats->counters);
        free(stats);
    }
}

/* ------------------------------------------------------------------------------------- recording */

static void add(struct stats *stats, size_t at, uint64_t n)
{
    size_t shard =
        (unsigned)sched_getcpu() % SHARDS; /* where that is not known one is as good as another */
    atomic_fetch_add_explicit(&stats->counters[shard * stats->stride + at], n,
                              memory_order_relaxed);
}

/* A power of two is the top of its bucket, so that what is shown in powers of two is exact. */
static size_t bucket_of(int64_t us)
{
    uint64_t below = us > 1 ? (uint64_t)us - 1 : 0;
    if (below < 4) {
        return (size_t)below;
    }
    unsigned power = 63 - (unsigned)__builtin_clzll(below);
    size_t bucket = 4 + (power - 2) * 4 + (below >> (power - 2) & 3);
    return bucket < STATS_BUCKETS ? bucket : STATS_BUCKETS - 1;
}

void stats_record(struct stats *stats, enum stats_time time, int64_t us)
{
    size_t at = AT_TIMES + (size_t)time * (STATS_BUCKETS + 1);
    add(stats, at + bucket_of(us), 1);
    add(stats, at + STATS_BUCKETS, us > 0 ? (uint64_t)us : 0);
}

void stats_execution(struct stats *stats, size_t tool, uint32_t cause)
{
    add(stats, AT_TOOLS + tool * CAUSES + (cause < CAUSES ? cause : 0), 1);
}

void stats_deleted(struct stats *stats)
{
    add(stats, AT_DELETED, 1);
}

void stats_reclaimed(struct stats *stats, const char *reason)
{
    size_t number = 0;
    while (number < REASONS - 1 && strcmp(reasons[number], reason) != 0) {
        number++;
    }
    add(stats, AT_RECLAIMED + number, 1);
}

/* --------------------------------------------------------------------------------------- reading */

static uint64_t sum(const struct stats *stats, size_t at)
{
    uint64_t n = 0;
    for (size_t shard = 0; shard < SHARDS; shard++) {
        n += atomic_load_explicit(&stats->counters[shard * stats->stride + at],
                                  memory_order_relaxed);
    }
    return n;
}

void stats_read(const struct stats *stats, enum stats_time time, struct stats_histogram *ret)
{
    size_t at = AT_TIMES + (size_t)time * (STATS_BUCKETS + 1);
    ret->count = 0;
    for (size_t i = 0; i < STATS_BUCKETS; i++) {
        ret->buckets[i] = sum(stats, at + i);
        ret->count += ret->buckets[i];
    }
    ret->sum_us = sum(stats, at + STATS_BUCKETS);
}

uint64_t stats_bucket_top_us(size_t bucket)
{
    if (bucket < 4) {
        return bucket + 1;
    }
    return (uint64_t)(5 + bucket % 4) << (bucket - 4) / 4;
}

uint64_t stats_quantile_us(const struct stats_histogram *histogram, double quantile)
{
    double wanted = quantile * (double)histogram->count;
    uint64_t bottom = 0, seen = 0;

    for (size_t i = 0; i < STATS_BUCKETS; i++) {
        uint64_t top = stats_bucket_top_us(i), here = histogram->buckets[i];
        if (here > 0 && (double)(seen + here) >= wanted) {
            double part = (wanted - (double)seen) / (double)here;
            return bottom + (uint64_t)(part * (double)(top - bottom) + 0.5);
        }
        seen += here;
        bottom = top;
    }
    return 0;
}

uint64_t stats_executions(const struct stats *stats, size_t tool, uint32_t cause)
{
    return sum(stats, AT_TOOLS + tool * CAUSES + cause);
}

uint64_t stats_deletions(const struct stats *stats)
{
    return sum(stats, AT_DELETED);
}

const char *stats_reason(size_t number)
{
    return number < REASONS ? reasons[number] : NULL;
}

uint64_t stats_reclaims(const struct stats *stats, size_t number)
{
    return sum(stats, AT_RECLAIMED + number);
}
