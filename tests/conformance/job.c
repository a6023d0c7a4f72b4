/*
 * job.c - see job.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "job.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SEEN_MAX = 4096, WAIT_S = 30 };

struct job {
    struct box box;
    char *params;
    struct enclave_cancel *cancel;
    pthread_t thread;
    int joined;
    struct enclave_result *result; /* the thread's until it is joined */
    struct enclave_error err;

    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    char seen[SEEN_MAX]; /* the beginning of its output */
    size_t seen_length;
    int held;
    int over;
};

static int32_t listen_to(void *ctx, uint32_t stream, const void *data, uint64_t length)
{
    struct job *job = ctx;

    (void)stream;
    (void)pthread_mutex_lock(&job->lock);
    size_t room = SEEN_MAX - 1 - job->seen_length;
    size_t n = length < room ? (size_t)length : room;
    memcpy(job->seen + job->seen_length, data, n);
    job->seen_length += n;
    (void)pthread_cond_broadcast(&job->changed);
    while (job->held) {
        (void)pthread_cond_wait(&job->changed, &job->lock);
    }
    (void)pthread_mutex_unlock(&job->lock);
    return 0;
}

static void *execute(void *ctx)
{
    struct job *job = ctx;
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;

    options.timeout_ms = 0;
    options.cancel = job->cancel;
    options.output = listen_to;
    options.output_ctx = job;
    (void)enclave_manager_execute_tool(job->box.manager, job->box.id, "shell_executor", job->params,
                                       &options, &job->result, &job->err);
    (void)pthread_mutex_lock(&job->lock);
    job->over = 1;
    (void)pthread_cond_broadcast(&job->changed);
    (void)pthread_mutex_unlock(&job->lock);
    return NULL;
}

static void join(struct job *job)
{
    if (!job->joined) {
        (void)pthread_join(job->thread, NULL);
        job->joined = 1;
    }
}

static void tidy_job(struct test *t, void *what)
{
    struct job *job = what;

    (void)t;
    job_go_on(job);
    job_cancel(job);
    join(job);
    enclave_result_free(job->result);
    enclave_cancel_free(job->cancel);
    (void)pthread_cond_destroy(&job->changed);
    (void)pthread_mutex_destroy(&job->lock);
}

struct job *job_start(struct test *t, const struct box *box, const char *command)
{
    struct job *job = test_alloc(t, sizeof *job);
    pthread_condattr_t monotonic;

    job->box = *box;
    job->params = params_of(t, "command", command);
    job->err = (struct enclave_error)ENCLAVE_ERROR_INIT;
    expect_ok(t, enclave_cancel_new(&job->cancel, &job->err), &job->err);
    (void)pthread_mutex_init(&job->lock, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&job->changed, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    if (pthread_create(&job->thread, NULL, execute, job) != 0) {
        enclave_cancel_free(job->cancel);
        fail(t, "no thread for an execution");
    }
    test_defer(t, tidy_job, job);
    return job;
}

void job_wait_output(struct test *t, struct job *job, const char *part)
{
    struct timespec until;
    int found, late = 0;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += WAIT_S;
    (void)pthread_mutex_lock(&job->lock);
    while (!(found = strstr(job->seen, part) != NULL) && !job->over && !late) {
        late = pthread_cond_timedwait(&job->changed, &job->lock, &until) != 0;
    }
    (void)pthread_mutex_unlock(&job->lock);
    if (!found) {
        fail(t, "'%s' has not come out of the execution %s", part,
             late ? "after 30 seconds" : "when it ended");
    }
}

static void set_held(struct job *job, int held)
{
    (void)pthread_mutex_lock(&job->lock);
    job->held = held;
    (void)pthread_cond_broadcast(&job->changed);
    (void)pthread_mutex_unlock(&job->lock);
}

void job_hold(struct job *job)
{
    set_held(job, 1);
}

void job_go_on(struct job *job)
{
    set_held(job, 0);
}

void job_cancel(struct job *job)
{
    enclave_cancel_trigger(job->cancel);
}

int job_over(struct job *job)
{
    (void)pthread_mutex_lock(&job->lock);
    int over = job->over;
    (void)pthread_mutex_unlock(&job->lock);
    return over;
}

struct enclave_result *job_end(struct test *t, struct job *job, struct enclave_error *ret_err)
{
    (void)t;
    join(job);
    *ret_err = job->err;
    return job->result;
}
