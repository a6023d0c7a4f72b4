/*
 * loop.c - the thread that reads from all agents.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "loop.h"

#include "clock.h"
#include "link.h"
#include "process.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define BATCH 64

/* So often a lease is renewed in its time, but not more rarely than this. */
#define LEASE_RENEWALS 3
#define LEASE_RENEW_MAX_MS 10000

struct agent_loop {
    int epoll_fd;
    int wake_fd;
    uint8_t *spare; /* the thread's own: a buffer that no link has; NULL: none */
    pthread_t thread;
    pthread_mutex_t lock; /* guards all below; the last in the order, held over no call */
    int stop;
    int64_t kill_grace_ms;
    struct agent *attend_first;
    struct agent *attend_last;
    /* In the order of their deadlines, since all have the same grace. */
    struct process *kill_first;
    struct process *kill_last;
    struct agent *leased; /* new ones come first, so that a walk along it needs no lock */
    int64_t renew_every_ms;
    int64_t renew_at;
};

static void wake(struct agent_loop *loop)
{
    uint64_t one = 1;

    /* EAGAIN: the counter is full, so the loop is awake anyway. */
    (void)!write(loop->wake_fd, &one, sizeof one);
}

int loop_is_own_thread(const struct agent_loop *loop)
{
    return pthread_equal(pthread_self(), loop->thread);
}

void loop_set_kill_grace(struct agent_loop *loop, int64_t grace_ms)
{
    pthread_mutex_lock(&loop->lock);
    loop->kill_grace_ms = grace_ms;
    pthread_mutex_unlock(&loop->lock);
}

uint8_t *loop_buffer_take(struct agent_loop *loop)
{
    uint8_t *buffer = loop->spare ? loop->spare : malloc(LOOP_BUFFER_SIZE);

    loop->spare = NULL;
    return buffer;
}

void loop_buffer_give(struct agent_loop *loop, uint8_t *buffer)
{
    if (loop->spare) {
        free(buffer);
    } else {
        loop->spare = buffer;
    }
}

/* -------------------------------------------------------------------------------- descriptors */

int loop_add(struct agent_loop *loop, struct agent *agent, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = agent};

    return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
}

void loop_change(struct agent_loop *loop, struct agent *agent, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = agent};

    (void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, fd, &event); /* cannot fail: it is in the set */
}

void loop_remove(struct agent_loop *loop, int fd)
{
    (void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

/* ---------------------------------------------------------------------------------- attention */

void loop_attend(struct agent_loop *loop, struct agent *agent)
{
    pthread_mutex_lock(&loop->lock);
    if (!agent->attend_queued) {
        agent->attend_queued = 1;
        agent->attend_next = NULL;
        *(loop->attend_last ? &loop->attend_last->attend_next : &loop->attend_first) = agent;
        loop->attend_last = agent;
    }
    pthread_mutex_unlock(&loop->lock);
    if (!loop_is_own_thread(loop)) {
        wake(loop);
    }
}

static struct agent *next_to_attend(struct agent_loop *loop)
{
    struct agent *agent;

    pthread_mutex_lock(&loop->lock);
    agent = loop->attend_first;
    if (agent) {
        loop->attend_first = agent->attend_next;
        if (!loop->attend_first) {
            loop->attend_last = NULL;
        }
        agent->attend_queued = 0;
    }
    pthread_mutex_unlock(&loop->lock);
    return agent;
}

void loop_forget(struct agent_loop *loop, struct agent *agent)
{
    struct agent **at = &loop->attend_first;
    struct agent *last = NULL;

    pthread_mutex_lock(&loop->lock);
    while (*at) {
        if (*at == agent) {
            *at = agent->attend_next;
        } else {
            last = *at;
            at = &last->attend_next;
        }
    }
    loop->attend_last = last;
    agent->attend_queued = 0;
    for (at = &loop->leased; *at; at = &(*at)->lease_next) {
        if (*at == agent) {
            *at = agent->lease_next;
            break;
        }
    }
    pthread_mutex_unlock(&loop->lock);
}

/* Those that ask again meanwhile wait for the next round, so that epoll has its turn. */
static void attend_all(struct agent_loop *loop)
{
    size_t count = 0;

    pthread_mutex_lock(&loop->lock);
    for (struct agent *agent = loop->attend_first; agent; agent = agent->attend_next) {
        count++;
    }
    pthread_mutex_unlock(&loop->lock);
    while (count-- > 0) {
        struct agent *agent = next_to_attend(loop);

        if (!agent) {
            return;
        }
        link_attend(agent);
    }
}

/* -------------------------------------------------------------------------------------- kills */

void loop_kill_watch(struct agent_loop *loop, struct process *process)
{
    int first;

    pthread_mutex_lock(&loop->lock);
    first = !loop->kill_first;
    process->kill_watched = 1;
    process->kill_deadline = clock_deadline(loop->kill_grace_ms);
    process->kill_next = NULL;
    process->kill_previous = loop->kill_last;
    *(loop->kill_last ? &loop->kill_last->kill_next : &loop->kill_first) = process;
    loop->kill_last = process;
    pthread_mutex_unlock(&loop->lock);
    if (first && !loop_is_own_thread(loop)) {
        wake(loop);
    }
}

void loop_kill_forget(struct agent_loop *loop, struct process *process)
{
    pthread_mutex_lock(&loop->lock);
    if (process->kill_watched) {
        struct process *next = process->kill_next;
        struct process *previous = process->kill_previous;

        *(previous ? &previous->kill_next : &loop->kill_first) = next;
        *(next ? &next->kill_previous : &loop->kill_last) = previous;
        process->kill_watched = 0;
    }
    pthread_mutex_unlock(&loop->lock);
}

/* Only this thread ends processes, so that what it finds here cannot go away under it. */
static void fail_overdue(struct agent_loop *loop)
{
    for (;;) {
        struct process *process;

        pthread_mutex_lock(&loop->lock);
        process = loop->kill_first;
        if (process && process->kill_deadline > clock_ms()) {
            process = NULL;
        }
        pthread_mutex_unlock(&loop->lock);
        if (!process) {
            return;
        }
        link_kill_overdue(process->agent);
    }
}

/* ------------------------------------------------------------------------------------- leases */

static uint32_t renew_every_ms(uint32_t lease_ms)
{
    return lease_ms / LEASE_RENEWALS < LEASE_RENEW_MAX_MS ? lease_ms / LEASE_RENEWALS
                                                          : LEASE_RENEW_MAX_MS;
}

uint32_t loop_lease_ms(uint32_t lease_ms)
{
    return lease_ms + renew_every_ms(lease_ms);
}

void loop_lease_watch(struct agent_loop *loop, struct agent *agent)
{
    pthread_mutex_lock(&loop->lock);
    if (!loop->leased) {
        loop->renew_every_ms = renew_every_ms(agent->lease_ms);
        loop->renew_at = clock_deadline(loop->renew_every_ms);
    }
    agent->lease_next = loop->leased;
    loop->leased = agent;
    pthread_mutex_unlock(&loop->lock);
    wake(loop);
}

static void renew_leases(struct agent_loop *loop)
{
    struct agent *agent = NULL;

    pthread_mutex_lock(&loop->lock);
    if (loop->leased && loop->renew_at <= clock_ms()) {
        agent = loop->leased;
        loop->renew_at = clock_deadline(loop->renew_every_ms);
    }
    pthread_mutex_unlock(&loop->lock);
    for (; agent; agent = agent->lease_next) {
        link_renew(agent);
    }
}

/* ----------------------------------------------------------------------------------- the loop */

static int timeout_of(struct agent_loop *loop)
{
    int timeout = -1;

    pthread_mutex_lock(&loop->lock);
    if (loop->attend_first) {
        timeout = 0;
    } else if (loop->kill_first || loop->leased) {
        int64_t due = loop->kill_first ? loop->kill_first->kill_deadline : INT64_MAX;

        timeout = clock_left(loop->leased && loop->renew_at < due ? loop->renew_at : due);
    }
    pthread_mutex_unlock(&loop->lock);
    return timeout;
}

static int is_stopped(struct agent_loop *loop)
{
    int stop;

    pthread_mutex_lock(&loop->lock);
    stop = loop->stop;
    pthread_mutex_unlock(&loop->lock);
    return stop;
}

static void *run(void *arg)
{
    struct agent_loop *loop = arg;
    struct epoll_event events[BATCH];

    while (!is_stopped(loop)) {
        int n = epoll_wait(loop->epoll_fd, events, BATCH, timeout_of(loop));

        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr) {
                link_ready(events[i].data.ptr, events[i].events);
            } else {
                uint64_t count;

                (void)!read(loop->wake_fd, &count, sizeof count);
            }
        }
        /* After the batch: here links are dropped, and none of them is in a batch any more. */
        fail_overdue(loop);
        renew_leases(loop);
        attend_all(loop);
    }
    return NULL;
}

/* Signals are for the program's own threads. */
static int start_thread(struct agent_loop *loop)
{
    sigset_t all;
    sigset_t before;
    int rc;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&loop->thread, NULL, run, loop);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc == 0) {
        (void)pthread_setname_np(loop->thread, "enclave-agents");
    }
    return rc;
}

static void destroy(struct agent_loop *loop)
{
    if (loop->epoll_fd >= 0) {
        close(loop->epoll_fd);
    }
    if (loop->wake_fd >= 0) {
        close(loop->wake_fd);
    }
    pthread_mutex_destroy(&loop->lock);
    free(loop->spare);
    free(loop);
}

int32_t agent_loop_new(struct agent_loop **ret_loop, struct enclave_error *err)
{
    struct agent_loop *loop = calloc(1, sizeof *loop);
    int rc = 0;

    if (!loop) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "start the agents' loop: out of memory");
    }
    pthread_mutex_init(&loop->lock, NULL);
    loop->kill_grace_ms = LOOP_KILL_GRACE_MS;
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (loop->epoll_fd < 0 || loop->wake_fd < 0) {
        rc = errno;
    } else {
        rc = -loop_add(loop, NULL, loop->wake_fd, EPOLLIN);
    }
    if (rc == 0) {
        rc = start_thread(loop);
    }
    if (rc != 0) {
        destroy(loop);
        return enclave_error_set(err, ENCLAVE_EIO, "start the agents' loop: %s", strerror(rc));
    }
    *ret_loop = loop;
    return 0;
}

void agent_loop_free(struct agent_loop *loop)
{
    if (!loop) {
        return;
    }
    pthread_mutex_lock(&loop->lock);
    loop->stop = 1;
    pthread_mutex_unlock(&loop->lock);
    wake(loop);
    pthread_join(loop->thread, NULL);
    destroy(loop);
}
