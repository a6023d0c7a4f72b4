/*
 * jobs.h - a bounded number of threads for calls that block, and a bounded queue before them.
 *
 * Callers take turns, and none has more threads, or more places in the queue, than it leaves to the others: alone half, the
 * next one half of what is left. So one whose calls never end waits for itself, and the others go on.
 *
 * Owns: threads (made when they are needed) and queue. Does not own: what a job is, and its memory. [any-thread]
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_SERVE_JOBS_H
#define ENCLAVE_SERVE_JOBS_H

#include <stdbool.h>
#include <stddef.h>

struct job {
    struct job *next;
    void (*run)(void *ctx);
    void *ctx;
    const char *
        caller; /* told from others by its address, and outlives the jobs; NULL: there is one only, who may have all */
    struct caller *of; /* the jobs' own */
};

struct jobs;

/* NULL: out of memory. */
struct jobs *jobs_new(unsigned threads, unsigned queued);

/* Run `job` in a thread; it may be freed when `run` has begun. False: as many wait as may, or no thread is to be had.
 * With `always` the queue's limit does not count: for cleaning up after what was accepted. */
bool jobs_add(struct jobs *jobs, struct job *job, bool always);

/* How many wait, and how many run. */
void jobs_counts(struct jobs *jobs, unsigned *ret_queued, unsigned *ret_running);

/* Wait for those that were added, and end the threads. Accepts NULL. */
void jobs_free(struct jobs *jobs);

#endif
