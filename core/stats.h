/*
 * stats.h - what a manager counts, and how long things took. Always on: recording is one or two relaxed
 * additions to memory of the processor that the thread runs on, without a lock. Does not write JSON
 * (stats_json.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CORE_STATS_H
#define CORE_STATS_H

#include <stddef.h>
#include <stdint.h>

struct stats;

/* Times that are kept as a histogram. */
enum stats_time {
    STATS_CREATE,     /* of a sandbox, when it succeeded */
    STATS_EXECUTE,    /* of a tool, when there is a result */
    STATS_QUEUE_WAIT, /* from submit to the begin of the execution */
    STATS_POOL_WAIT,  /* for a member of a pool */
    STATS_TIMES
};

/* Log-linear: 4 buckets for each power of two, so that a quantile is at most a quarter wrong; up to
 * 2^36 microseconds, 19 hours. */
enum { STATS_BUCKETS = 140 };

/* NULL without memory. `tools`: tools are numbered from 0 to below it. */
struct stats *stats_new(size_t tools);
/* Accepts NULL. */
void stats_free(struct stats *stats);

/* Recording. [any-thread] */
void stats_record(struct stats *stats, enum stats_time time, int64_t us);
/* `cause` is ENCLAVE_CAUSE_..., or 0 for a call that failed and has no result. */
void stats_execution(struct stats *stats, size_t tool, uint32_t cause);
/* A sandbox was deleted, by whomever. */
void stats_deleted(struct stats *stats);
/* A sandbox was deleted by us, for one of the reasons that stats_reason() knows; others count as "other". */
void stats_reclaimed(struct stats *stats, const char *reason);

/* Reading. What is recorded meanwhile is seen, or not yet. */
struct stats_histogram {
    uint64_t count;
    uint64_t sum_us;
    uint64_t buckets[STATS_BUCKETS];
};
void stats_read(const struct stats *stats, enum stats_time time, struct stats_histogram *ret);
/* Largest value of a bucket, microseconds; the smallest is one more than that of the bucket before it. */
uint64_t stats_bucket_top_us(size_t bucket);
/* An estimate, microseconds; 0 when nothing was recorded. */
uint64_t stats_quantile_us(const struct stats_histogram *histogram, double quantile);
uint64_t stats_executions(const struct stats *stats, size_t tool, uint32_t cause);
uint64_t stats_deletions(const struct stats *stats);
/* NULL beyond the last. */
const char *stats_reason(size_t number);
uint64_t stats_reclaims(const struct stats *stats, size_t number);

#endif
