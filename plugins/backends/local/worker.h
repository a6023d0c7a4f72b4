/*
 * worker.h - one thread for what must not hold up a caller or the event loop: asking an engine what
 * became of a container, tidying up. Owns the thread and the queue; the jobs are the callers'.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_LOCAL_WORKER_H
#define ENCLAVE_LOCAL_WORKER_H

#include <enclave/error.h>

#include <pthread.h>

/* Lies in what it is about; zeroed before its first use. */
struct worker_job {
    void (*run)(void *ctx);
    void *ctx;
    struct worker_job *next;
    int queued;
};

struct worker {
    pthread_mutex_t lock; /* guards all below; no other lock is taken under it */
    pthread_cond_t change;
    pthread_t thread;
    int started;
    int stopping;
    struct worker_job *first;
    struct worker_job *last;
    struct worker_job *running;
};

void worker_init(struct worker *worker);
/* Start the thread, unless it runs. [any-thread]. Errors: NOMEM. */
int32_t worker_start(struct worker *worker, struct enclave_error *err);
/* Does what is queued, then ends. */
void worker_clear(struct worker *worker);

/* 1 when worker_clear() waits: a long job ends early. For jobs. */
int worker_is_stopping(struct worker *worker);

/* Queue a job, unless it is queued already. Does not block. [any-thread] */
void worker_post(struct worker *worker, struct worker_job *job);
/* When it returns, the job is neither queued nor running. [any-thread], not from a job. */
void worker_cancel(struct worker *worker, struct worker_job *job);

#endif
