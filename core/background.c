/*
 * background.c - see background.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "background.h"

#include "clock.h"
#include "thread.h"

#include <enclave/error.h>

#include <errno.h>
#include <stdlib.h>

struct task {
    struct background *background;
    void (*run)(void *arg);
    void *arg;
};

int32_t background_init(struct background *background)
{
    background->running = 0;
    if (clock_cond_init(&background->ended) < 0) {
        return ENCLAVE_ENOMEM;
    }
    (void)pthread_mutex_init(&background->lock, NULL);
    return 0;
}

void background_destroy(struct background *background)
{
    (void)pthread_cond_destroy(&background->ended);
    (void)pthread_mutex_destroy(&background->lock);
}

static void count(struct background *background, int change)
{
    pthread_mutex_lock(&background->lock);
    background->running += (size_t)change;
    if (background->running == 0) {
        pthread_cond_broadcast(&background->ended);
    }
    pthread_mutex_unlock(&background->lock);
}

static void *run_task(void *opaque)
{
    struct task task = *(struct task *)opaque;
    free(opaque);
    task.run(task.arg);
    count(task.background, -1);
    return NULL;
}

int32_t background_start(struct background *background, void (*run)(void *arg), void *arg)
{
    pthread_t thread;
    struct task *task = malloc(sizeof *task);
    if (!task) {
        return ENCLAVE_ENOMEM;
    }
    *task = (struct task){background, run, arg};
    count(background, 1);
    if (thread_start(&thread, 0, run_task, task) != 0) {
        free(task);
        count(background, -1);
        return ENCLAVE_ENOMEM;
    }
    (void)pthread_detach(thread);
    return 0;
}

void background_wait(struct background *background, int64_t deadline_us)
{
    int r = 0;
    pthread_mutex_lock(&background->lock);
    while (background->running > 0 && r != ETIMEDOUT) {
        r = clock_cond_wait(&background->ended, &background->lock, deadline_us);
    }
    pthread_mutex_unlock(&background->lock);
}
