/*
 * jobs.c - see jobs.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "jobs.h"

#include <pthread.h>
#include <stdlib.h>

#define STACK (512 * 1024)

/* Kept to the end: there are as many as keys. */
struct caller {
    struct caller *next; /* in the order of turns */
    const char *name;
    unsigned running, queued;
    struct job *first, **last;
};

struct jobs {
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t work;  /* there is a job, or the end */
    pthread_t *thread;
    unsigned threads, threads_max, idle;
    struct caller *callers;
    unsigned running, queued, queued_max;
    bool ending;
};

struct jobs *jobs_new(unsigned threads, unsigned queued)
{
    struct jobs *jobs = calloc(1, sizeof *jobs);

    if (!jobs || !(jobs->thread = calloc(threads, sizeof *jobs->thread))) {
        free(jobs);
        return NULL;
    }
    (void)pthread_mutex_init(&jobs->lock, NULL);
    (void)pthread_cond_init(&jobs->work, NULL);
    jobs->threads_max = threads;
    jobs->queued_max = queued;
    return jobs;
}

/* With the lock, all below. */

static bool may_run(const struct jobs *jobs, const struct caller *caller)
{
    return caller->queued > 0 &&
           (!caller->name || caller->running < jobs->threads_max - jobs->running);
}

static bool may_queue(const struct jobs *jobs, const struct caller *caller)
{
    return jobs->queued < jobs->queued_max &&
           (!caller->name || caller->queued < jobs->queued_max - jobs->queued);
}

static struct caller *find_caller(struct jobs *jobs, const char *name)
{
    struct caller *caller = jobs->callers;

    while (caller && caller->name != name) {
        caller = caller->next;
    }
    if (!caller && (caller = calloc(1, sizeof *caller))) {
        caller->name = name;
        caller->last = &caller->first;
        caller->next = jobs->callers;
        jobs->callers = caller;
    }
    return caller;
}

/* The first job of the caller whose turn it is, who goes to the end of the line. NULL: nobody may run one now. */
static struct job *take(struct jobs *jobs)
{
    struct caller **place = &jobs->callers, *caller;
    struct job *job;

    while (*place && !may_run(jobs, *place)) {
        place = &(*place)->next;
    }
    if (!(caller = *place)) {
        return NULL;
    }
    *place = caller->next;
    while (*place) {
        place = &(*place)->next;
    }
    *place = caller;
    caller->next = NULL;
    job = caller->first;
    caller->first = job->next;
    caller->last = caller->first ? caller->last : &caller->first;
    caller->queued--;
    caller->running++;
    jobs->queued--;
    jobs->running++;
    return job;
}

static void *work(void *ctx)
{
    struct jobs *jobs = ctx;

    pthread_mutex_lock(&jobs->lock);
    for (;;) {
        struct job *job = take(jobs);
        struct caller *caller;
        if (!job && jobs->queued == 0 && jobs->ending) {
            (void)pthread_cond_broadcast(&jobs->work); /* to those that waited for others to end */
            break;
        }
        if (!job) {
            jobs->idle++;
            (void)pthread_cond_wait(&jobs->work, &jobs->lock);
            jobs->idle--;
            continue;
        }
        caller = job->of;
        if (jobs->queued > 0) {
            (void)pthread_cond_signal(&jobs->work); /* one that ended may make way for two */
        }
        pthread_mutex_unlock(&jobs->lock);
        job->run(job->ctx);
        pthread_mutex_lock(&jobs->lock);
        caller->running--;
        jobs->running--;
    }
    pthread_mutex_unlock(&jobs->lock);
    return NULL;
}

static void start_thread(struct jobs *jobs)
{
    pthread_attr_t attributes;

    if (pthread_attr_init(&attributes) != 0) {
        return;
    }
    (void)pthread_attr_setstacksize(&attributes, STACK);
    if (pthread_create(&jobs->thread[jobs->threads], &attributes, work, jobs) == 0) {
        jobs->threads++;
    }
    (void)pthread_attr_destroy(&attributes);
}

bool jobs_add(struct jobs *jobs, struct job *job, bool always)
{
    struct caller *caller;
    bool taken;

    pthread_mutex_lock(&jobs->lock);
    caller = find_caller(jobs, job->caller);
    taken = caller && (always || may_queue(jobs, caller));
    if (taken && jobs->queued >= jobs->idle && jobs->threads < jobs->threads_max) {
        start_thread(jobs);
    }
    taken = taken && jobs->threads > 0;
    if (taken) {
        job->next = NULL;
        job->of = caller;
        *caller->last = job;
        caller->last = &job->next;
        caller->queued++;
        jobs->queued++;
        (void)pthread_cond_signal(&jobs->work);
    }
    pthread_mutex_unlock(&jobs->lock);
    return taken;
}

void jobs_counts(struct jobs *jobs, unsigned *ret_queued, unsigned *ret_running)
{
    pthread_mutex_lock(&jobs->lock);
    *ret_queued = jobs->queued;
    *ret_running = jobs->running;
    pthread_mutex_unlock(&jobs->lock);
}

void jobs_free(struct jobs *jobs)
{
    if (!jobs) {
        return;
    }
    pthread_mutex_lock(&jobs->lock);
    jobs->ending = true;
    (void)pthread_cond_broadcast(&jobs->work);
    pthread_mutex_unlock(&jobs->lock);
    for (unsigned i = 0; i < jobs->threads; i++) {
        (void)pthread_join(jobs->thread[i], NULL);
    }
    while (jobs->callers) {
        struct caller *caller = jobs->callers;
        jobs->callers = caller->next;
        free(caller);
    }
    (void)pthread_cond_destroy(&jobs->work);
    (void)pthread_mutex_destroy(&jobs->lock);
    free(jobs->thread);
    free(jobs);
}
