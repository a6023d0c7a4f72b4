/*
 * submit.c - see submit.h.
 *
 * A job waits in the lane of its sandbox; the lanes that are not empty take turns. A thread takes the next
 * job, or waits for one on its own condition variable; the one that began to wait last is woken first, so
 * that those that are not needed see no work for long enough to end. A thread that the caller lends takes one job.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "submit.h"

#include "clock.h"
#include "execute.h"
#include "job.h"
#include "thread.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    STACK = 256 * 1024, /* four times what was seen to be used, docs/performance.md */
    IDLE_US = 10000000,
    BUCKETS = 1024, /* of tickets: short chains for as many jobs as there may be by default */
};

/* Of parameters, stdin and results that are kept; one job alone may have more. */
static const uint64_t BYTES_MAX = UINT64_C(256) << 20;

struct worker {
    pthread_cond_t wake;
    int woken;
    LIST_ENTRY(worker) idle;
};

struct submitter {
    struct enclave_manager *manager;
    pthread_mutex_t
        lock; /* guards all below, and lanes; taken around the locks of cancel handles */
    uint64_t last_ticket;
    uint64_t bytes;
    uint64_t queued;
    uint64_t running;
    uint64_t completed;
    uint64_t telling;  /* our threads in an `ended` of the caller's: each takes the next job */
    uint64_t promised; /* threads that the caller is about to lend: each takes one */
    TAILQ_HEAD(, sandbox) lanes; /* with jobs that wait */
    LIST_HEAD(, job) tickets[BUCKETS];
    TAILQ_HEAD(, job) completions;
    int fd; /* eventfd, readable while there are completions; -1: nobody asked for it */

    LIST_HEAD(, worker) idle;
    int64_t idle_us; /* and for how long */
    uint64_t threads;
    int stopping;
    pthread_cond_t gone; /* threads became 0 */
    pthread_t ended;     /* the last thread that ended, not joined yet */
    int has_ended;
};

/* ------------------------------------------------------------------------------------------ jobs */

static const char not_begun[] = "execute a tool: cancelled before it began";

/* No ticket names it any more; the lock is held from here on. */
static void conclude(struct job *job, int32_t code, const char *message)
{
    job->code = code;
    job->message =
        code < 0 ? strdup(message) : NULL;    /* without memory the code's own text will do */
    cancel_remove(job->callers, &job->watch); /* the caller may free it with the completion */
    job->callers = NULL;
    LIST_REMOVE(job, same);
}

/* To those that wait to be taken. */
static void keep(struct submitter *submitter, struct job *job)
{
    if (submitter->fd >= 0 && TAILQ_EMPTY(&submitter->completions)) {
        (void)eventfd_write(submitter->fd, 1);
    }
    TAILQ_INSERT_TAIL(&submitter->completions, job, row);
    submitter->completed++;
}

/* 1: the caller has it, and the job is no more. The lock is let go meanwhile, so that the caller may submit the next. */
static int tell(struct submitter *submitter, struct job *job, int lent)
{
    struct enclave_completion completion = job_completion(job);
    uint64_t bytes = job->bytes;

    submitter->telling += !lent;
    pthread_mutex_unlock(&submitter->lock);
    int taken = job->options.ended(&completion) != 0;
    if (taken) {
        job->result = NULL;
        job_free(job);
    }
    pthread_mutex_lock(&submitter->lock);
    submitter->telling -= !lent;
    submitter->bytes -= taken ? bytes : 0;
    return taken;
}

/* ----------------------------------------------------------------------------------------- lanes */

static int is_promised(const struct job *job)
{
    return (job->options.flags & ENCLAVE_EXECUTE_LEND) != 0;
}

/* Counted too low costs a thread that is woken for nothing, too high an execution that nobody takes. */
static void settle_promise(struct submitter *submitter)
{
    submitter->promised -= submitter->promised > 0;
}

static void lane_add(struct submitter *submitter, struct job *job)
{
    struct sandbox *sandbox = job->sandbox;
    if (TAILQ_EMPTY(&sandbox->jobs)) {
        TAILQ_INSERT_TAIL(&submitter->lanes, sandbox, lane);
    }
    TAILQ_INSERT_TAIL(&sandbox->jobs, job, row);
    submitter->queued++;
    submitter->promised += is_promised(job);
}

static void lane_remove(struct submitter *submitter, struct job *job)
{
    struct sandbox *sandbox = job->sandbox;
    TAILQ_REMOVE(&sandbox->jobs, job, row);
    if (TAILQ_EMPTY(&sandbox->jobs)) {
        TAILQ_REMOVE(&submitter->lanes, sandbox, lane);
    }
    job->taken = 1;
    submitter->queued--;
    if (is_promised(job)) {
        settle_promise(submitter);
    }
}

/* The next one, of the sandbox whose turn it is; NULL when none waits, or as many run as may. */
static struct job *take(struct submitter *submitter)
{
    struct sandbox *sandbox = TAILQ_FIRST(&submitter->lanes);
    if (!sandbox || submitter->running >= submitter->manager->config.max_executions) {
        return NULL;
    }
    struct job *job = TAILQ_FIRST(&sandbox->jobs);
    TAILQ_REMOVE(&submitter->lanes, sandbox, lane);
    TAILQ_INSERT_TAIL(&submitter->lanes, sandbox, lane);
    lane_remove(submitter, job);
    return job;
}

/* --------------------------------------------------------------------------------------- threads */

/* The lock is held, and let go meanwhile. `lent`: the thread is the caller's, and does not take the next by itself. */
static void run(struct submitter *submitter, struct job *job, int lent)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_result *result = NULL;
    int32_t r = 0;

    submitter->running++;
    pthread_mutex_unlock(&submitter->lock);
    if (cancel_triggered(job->options.cancel)) {
        r = enclave_error_set(&err, ENCLAVE_ECANCELLED, not_begun);
    } else {
        stats_record(submitter->manager->stats, STATS_QUEUE_WAIT,
                     clock_monotonic_us() - job->submitted_us);
        r = execute_in(submitter->manager, job->sandbox, job->tool, job->params, &job->options,
                       &result, &err);
    }
    uint64_t kept = result ? result->output_length + result->error_length : 0;
    sandbox_unref(job->sandbox);
    job->sandbox = NULL;
    job->result = result;
    pthread_mutex_lock(&submitter->lock);
    submitter->running--;
    submitter->bytes += kept;
    job->bytes += kept;
    conclude(job, r, err.message);
    if (!job->options.ended || !tell(submitter, job, lent)) {
        keep(submitter, job);
    }
}

/* 0: there was nothing to do for so long that the thread is not needed. */
static int wait_for_work(struct submitter *submitter, struct worker *worker)
{
    int64_t deadline = clock_monotonic_us() + submitter->idle_us;
    int r = 0;

    worker->woken = 0;
    LIST_INSERT_HEAD(&submitter->idle, worker, idle);
    while (!worker->woken && r != ETIMEDOUT) {
        r = clock_cond_wait(&worker->wake, &submitter->lock, deadline);
    }
    if (!worker->woken) {
        LIST_REMOVE(worker, idle);
    }
    return worker->woken;
}

static void wake(struct worker *worker)
{
    LIST_REMOVE(worker, idle);
    worker->woken = 1;
    pthread_cond_signal(&worker->wake);
}

/* Each joins the one that ended before it, so that one at most is left to be joined by the end. */
static void *work(void *arg)
{
    struct submitter *submitter = arg;
    struct worker worker;
    int can_wait = clock_cond_init(&worker.wake) == 0;
    struct job *job;

    pthread_mutex_lock(&submitter->lock);
    do {
        while ((job = take(submitter))) {
            run(submitter, job, 0);
        }
    } while (!submitter->stopping && can_wait && wait_for_work(submitter, &worker));
    pthread_t before = submitter->ended;
    int join = submitter->has_ended;
    submitter->ended = pthread_self();
    submitter->has_ended = 1;
    if (--submitter->threads == 0) {
        pthread_cond_signal(&submitter->gone);
    }
    pthread_mutex_unlock(&submitter->lock);
    if (join) {
        (void)pthread_join(before, NULL);
    }
    if (can_wait) {
        (void)pthread_cond_destroy(&worker.wake);
    }
    return NULL;
}

/* See to it that somebody takes what waits. Fails only when there is no thread at all. */
static int32_t staff(struct submitter *submitter, struct enclave_error *err)
{
    struct worker *idle = LIST_FIRST(&submitter->idle);
    pthread_t thread;

    if (submitter->running >= submitter->manager->config.max_executions) {
        return 0; /* each that ends takes the next */
    }
    if (idle) {
        wake(idle);
        return 0;
    }
    if (submitter->threads >= submitter->manager->config.max_executions ||
        submitter->queued <= submitter->telling) {
        return 0;
    }
    int r = thread_start(&thread, STACK, work, submitter);
    if (r == 0) {
        submitter->threads++;
    } else if (submitter->threads == 0) {
        return enclave_error_set(err, ENCLAVE_EBUSY, "submit: cannot start a thread: %s",
                                 strerror(r));
    }
    return 0;
}

/* ------------------------------------------------------------------------------ beginning and end */

struct submitter *submitter_new(struct enclave_manager *manager)
{
    struct submitter *submitter = calloc(1, sizeof *submitter);
    if (!submitter) {
        return NULL;
    }
    submitter->manager = manager;
    submitter->fd = -1;
    submitter->idle_us = IDLE_US;
    (void)pthread_mutex_init(&submitter->lock, NULL);
    (void)pthread_cond_init(&submitter->gone, NULL);
    TAILQ_INIT(&submitter->lanes);
    TAILQ_INIT(&submitter->completions);
    return submitter;
}

void submitter_stop(struct submitter *submitter)
{
    struct job *job;
    if (!submitter) {
        return;
    }
    pthread_mutex_lock(&submitter->lock);
    submitter->stopping = 1;
    while (!TAILQ_EMPTY(&submitter->lanes)) {
        job = TAILQ_FIRST(&TAILQ_FIRST(&submitter->lanes)->jobs);
        lane_remove(submitter, job);
        conclude(job, ENCLAVE_ECANCELLED, not_begun);
        keep(submitter, job);
    }
    for (size_t i = 0; i < BUCKETS; i++) {
        LIST_FOREACH(job, &submitter->tickets[i], same)
        {
            enclave_cancel_trigger(job->options.cancel);
        }
    }
    while (!LIST_EMPTY(&submitter->idle)) {
        wake(LIST_FIRST(&submitter->idle));
    }
    pthread_mutex_unlock(&submitter->lock);
}

void submitter_free(struct submitter *submitter)
{
    struct job *job;
    if (!submitter) {
        return;
    }
    pthread_mutex_lock(&submitter->lock);
    while (submitter->threads > 0) {
        (void)pthread_cond_wait(&submitter->gone, &submitter->lock);
    }
    pthread_mutex_unlock(&submitter->lock);
    if (submitter->has_ended) {
        (void)pthread_join(submitter->ended, NULL);
    }
    while ((job = TAILQ_FIRST(&submitter->completions))) {
        TAILQ_REMOVE(&submitter->completions, job, row);
        job_free(job);
    }
    if (submitter->fd >= 0) {
        (void)close(submitter->fd);
    }
    (void)pthread_cond_destroy(&submitter->gone);
    (void)pthread_mutex_destroy(&submitter->lock);
    free(submitter);
}

struct submit_state submitter_state(struct submitter *submitter)
{
    pthread_mutex_lock(&submitter->lock);
    struct submit_state state = {submitter->running, submitter->queued, submitter->completed,
                                 submitter->threads};
    pthread_mutex_unlock(&submitter->lock);
    return state;
}

void submitter_set_idle(struct submitter *submitter, int64_t idle_us)
{
    pthread_mutex_lock(&submitter->lock);
    submitter->idle_us = idle_us;
    pthread_mutex_unlock(&submitter->lock);
}

/* ----------------------------------------------------------------------------------- the calls */

static int32_t check_room(const struct submitter *submitter, uint64_t bytes,
                          struct enclave_error *err)
{
    const struct config *config = &submitter->manager->config;
    uint64_t limit = config->max_executions + config->max_queued;

    if (submitter->running + submitter->queued + submitter->completed >= limit) {
        return enclave_error_set(
            err, ENCLAVE_EBUSY,
            "submit: %llu executions run, %llu are queued, %llu have ended and wait to be taken; "
            "take completions, or raise [enclave] max_queued",
            (unsigned long long)submitter->running, (unsigned long long)submitter->queued,
            (unsigned long long)submitter->completed);
    }
    if (submitter->bytes > 0 && submitter->bytes + bytes > BYTES_MAX) {
        return enclave_error_set(err, ENCLAVE_EBUSY,
                                 "submit: parameters, stdin and results of what was submitted take "
                                 "%llu bytes; take completions, and try again",
                                 (unsigned long long)submitter->bytes);
    }
    return 0;
}

/* On failure nothing has changed. */
static int32_t enqueue(struct submitter *submitter, struct job *job, uint64_t *ret_ticket,
                       struct enclave_error *err)
{
    pthread_mutex_lock(&submitter->lock);
    int32_t r = check_room(submitter, job->bytes, err);
    if (r == 0) {
        lane_add(submitter, job);
        r = is_promised(job) ? 0 : staff(submitter, err);
        if (r < 0) {
            lane_remove(submitter, job);
        }
    }
    if (r == 0) {
        job->ticket = ++submitter->last_ticket;
        LIST_INSERT_HEAD(&submitter->tickets[job->ticket % BUCKETS], job, same);
        submitter->bytes += job->bytes;
        if (ret_ticket) {
            *ret_ticket = job->ticket;
        }
    }
    pthread_mutex_unlock(&submitter->lock);
    return r;
}

int32_t enclave_manager_submit(struct enclave_manager *manager, const char *id, const char *tool,
                               const char *params, const struct enclave_execute_options *given,
                               void *user_data, uint64_t *ret_ticket, struct enclave_error *err)
{
    struct enclave_execute_options options;

    if (!manager || !tool) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "submit: manager or tool is NULL");
    }
    int32_t r = execute_take_options(&options, given, err);
    if (r < 0) {
        return r;
    }
    struct sandbox *sandbox = NULL;
    r = manager_find(manager, id, "submit", &sandbox, err);
    if (r < 0) {
        return r;
    }
    struct job *job = job_new(sandbox, tool, params, &options, user_data);
    if (!job) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "submit: out of memory");
    }
    r = enqueue(manager->submitter, job, ret_ticket, err);
    if (r < 0) {
        job_free(job);
    }
    return r;
}

/* Whoever comes has kept a promise; when it takes what nobody has promised to come for, somebody else is owed one less. */
static struct job *take_as_lent(struct submitter *submitter)
{
    struct job *job = take(submitter);

    if (!job || !is_promised(job)) {
        settle_promise(submitter);
    }
    return job;
}

/* What is left is taken over by a thread of ours, or by this one where there is none. */
int32_t enclave_manager_run_submitted(struct enclave_manager *manager, struct enclave_error *err)
{
    int ran = 0, more = 1;

    if (!manager) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "run what was submitted: manager is NULL");
    }
    struct submitter *submitter = manager->submitter;
    pthread_mutex_lock(&submitter->lock);
    for (struct job *job; more && (job = take_as_lent(submitter)); ran = 1) {
        run(submitter, job, 1);
        more = submitter->queued > submitter->promised && staff(submitter, NULL) < 0;
    }
    int waits = submitter->queued > 0;
    pthread_mutex_unlock(&submitter->lock);
    if (ran) {
        return 0;
    }
    return waits ? enclave_error_set(err, ENCLAVE_EBUSY,
                                     "run what was submitted: as many executions run as [enclave] "
                                     "max_executions allows")
                 : enclave_error_set(err, ENCLAVE_ENOTFOUND, "run what was submitted: none waits");
}

int32_t enclave_manager_completion_fd(struct enclave_manager *manager, int32_t *ret_fd,
                                      struct enclave_error *err)
{
    if (!manager || !ret_fd) {
        return enclave_error_set(err, ENCLAVE_EINVALID,
                                 "descriptor of completions: an argument is NULL");
    }
    struct submitter *submitter = manager->submitter;
    pthread_mutex_lock(&submitter->lock);
    if (submitter->fd < 0) {
        submitter->fd = eventfd(!TAILQ_EMPTY(&submitter->completions), EFD_CLOEXEC | EFD_NONBLOCK);
    }
    int fd = submitter->fd, error = errno;
    pthread_mutex_unlock(&submitter->lock);
    if (fd < 0) {
        return enclave_error_set(err, ENCLAVE_EIO, "descriptor of completions: %s",
                                 strerror(error));
    }
    *ret_fd = fd;
    return 0;
}

static struct job *take_completion(struct submitter *submitter)
{
    eventfd_t count;
    pthread_mutex_lock(&submitter->lock);
    struct job *job = TAILQ_FIRST(&submitter->completions);
    if (job) {
        TAILQ_REMOVE(&submitter->completions, job, row);
        submitter->completed--;
        submitter->bytes -= job->bytes;
        if (submitter->fd >= 0 && TAILQ_EMPTY(&submitter->completions)) {
            (void)eventfd_read(submitter->fd, &count);
        }
    }
    pthread_mutex_unlock(&submitter->lock);
    return job;
}

int32_t enclave_manager_next_completion(struct enclave_manager *manager,
                                        struct enclave_completion *ret_completion,
                                        struct enclave_error *err)
{
    struct enclave_completion completion;
    uint32_t size = ret_completion ? ret_completion->size : 0;

    if (!manager || size < sizeof completion.size) {
        return enclave_error_set(err, ENCLAVE_EINVALID,
                                 "next completion: an argument is NULL, or its size is not set");
    }
    struct job *job = take_completion(manager->submitter);
    if (!job) {
        return enclave_error_set(err, ENCLAVE_ENOTFOUND, "next completion: none waits");
    }
    completion = job_completion(job);
    job->result = NULL;
    job_free(job);
    completion.size = size < sizeof completion ? size : (uint32_t)sizeof completion;
    memcpy(ret_completion, &completion, completion.size);
    return 0;
}

int32_t enclave_manager_cancel_ticket(struct enclave_manager *manager, uint64_t ticket,
                                      struct enclave_error *err)
{
    struct job *job;

    if (!manager) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "cancel a ticket: manager is NULL");
    }
    struct submitter *submitter = manager->submitter;
    pthread_mutex_lock(&submitter->lock);
    LIST_FOREACH(job, &submitter->tickets[ticket % BUCKETS], same)
    {
        if (job->ticket == ticket) {
            break;
        }
    }
    if (job && job->taken) {
        enclave_cancel_trigger(job->options.cancel);
    } else if (job) {
        lane_remove(submitter, job);
        conclude(job, ENCLAVE_ECANCELLED, not_begun);
        keep(submitter, job);
    }
    pthread_mutex_unlock(&submitter->lock);
    return job ? 0
               : enclave_error_set(err, ENCLAVE_ENOTFOUND,
                                   "cancel a ticket: nothing runs or waits under %llu",
                                   (unsigned long long)ticket);
}
