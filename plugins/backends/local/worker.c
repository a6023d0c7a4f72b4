/*
 * worker.c - see worker.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker.h"

#include <signal.h>

void worker_init(struct worker *worker)
{
    *worker =
        (struct worker){.lock = PTHREAD_MUTEX_INITIALIZER, .change = PTHREAD_COND_INITIALIZER};
}

static void *work(void *ctx)
{
    struct worker *worker = ctx;

    pthread_mutex_lock(&worker->lock);
    for (;;) {
        struct worker_job *job = worker->first;

        if (!job && worker->stopping) {
            break;
        }
        if (!job) {
            pthread_cond_wait(&worker->change, &worker->lock);
            continue;
        }
        worker->first = job->next;
        if (!worker->first) {
            worker->last = NULL;
        }
        job->queued = 0;
        worker->running = job;
        pthread_mutex_unlock(&worker->lock);
        job->run(job->ctx);
        pthread_mutex_lock(&worker->lock);
        worker->running = NULL;
        pthread_cond_broadcast(&worker->change);
    }
    pthread_mutex_unlock(&worker->lock);
    return NULL;
}

int32_t worker_start(struct worker *worker, struct enclave_error *err)
{
    sigset_t all;
    sigset_t before;
    int failed = 0;

    pthread_mutex_lock(&worker->lock);
    if (!worker->started) {
        /* The embedding program's signals are for its own threads. */
        sigfillset(&all);
        pthread_sigmask(SIG_BLOCK, &all, &before);
        failed = pthread_create(&worker->thread, NULL, work, worker);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        worker->started = !failed;
    }
    pthread_mutex_unlock(&worker->lock);
    return failed ? enclave_error_set(err, ENCLAVE_ENOMEM, "cannot start a thread") : 0;
}

void worker_clear(struct worker *worker)
{
    pthread_mutex_lock(&worker->lock);
    worker->stopping = 1;
    pthread_cond_broadcast(&worker->change);
    pthread_mutex_unlock(&worker->lock);
    if (worker->started) {
        pthread_join(worker->thread, NULL);
    }
    pthread_cond_destroy(&worker->change);
    pthread_mutex_destroy(&worker->lock);
}

int worker_is_stopping(struct worker *worker)
{
    int stopping;

    pthread_mutex_lock(&worker->lock);
    stopping = worker->stopping;
    pthread_mutex_unlock(&worker->lock);
    return stopping;
}

void worker_post(struct worker *worker, struct worker_job *job)
{
    pthread_mutex_lock(&worker->lock);
    if (!job->queued) {
        job->queued = 1;
        job->next = NULL;
        if (worker->last) {
            worker->last->next = job;
        } else {
            worker->first = job;
        }
        worker->last = job;
        pthread_cond_broadcast(&worker->change);
    }
    pthread_mutex_unlock(&worker->lock);
}

static void unlink_job(struct worker *worker, struct worker_job *job)
{
    struct worker_job *previous = NULL;

    for (struct worker_job *j = worker->first; j; previous = j, j = j->next) {
        if (j != job) {
            continue;
        }
        if (previous) {
            previous->next = job->next;
        } else {
            worker->first = job->next;
        }
        if (worker->last == job) {
            worker->last = previous;
        }
        job->queued = 0;
        return;
    }
}

void worker_cancel(struct worker *worker, struct worker_job *job)
{
    pthread_mutex_lock(&worker->lock);
    unlink_job(worker, job);
    while (worker->running == job) {
        pthread_cond_wait(&worker->change, &worker->lock);
    }
    pthread_mutex_unlock(&worker->lock);
}
