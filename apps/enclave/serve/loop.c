/*
 * loop.c - see loop.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "loop.h"

#include "clock.h"
#include "connections.h"
#include "executions.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Deadlines are seconds, and are looked at so often. */
#define TICK_MS 1000

/* Answers that are ready and not taken up: no more than AHEAD, and more again from BEHIND down. */
enum { AHEAD = 64, BEHIND = 16 };

struct loop {
    struct server *server;
    pthread_t thread;
    int stop_fd;
    int completion_fd; /* the manager's */
    int behind_fd;     /* eventfd: few enough answers wait again */
    atomic_int ahead;
};

void loop_answer_made(struct loop *loop)
{
    atomic_fetch_add(&loop->ahead, 1);
}

void loop_answer_taken(struct loop *loop)
{
    uint64_t one = 1;

    if (atomic_fetch_sub(&loop->ahead, 1) == BEHIND + 1) {
        (void)!write(loop->behind_fd, &one, sizeof one);
    }
}

bool loop_answer_at_once(struct loop *loop)
{
    int ahead = atomic_load(&loop->ahead);

    while (ahead < BEHIND) {
        if (atomic_compare_exchange_weak(&loop->ahead, &ahead, ahead + 1)) {
            return true;
        }
    }
    return false;
}

bool loop_may_answer(struct loop *loop)
{
    return atomic_load(&loop->ahead) < AHEAD;
}

static int64_t tick(struct server *server)
{
    unsigned expired = connections_expire(server->connections);

    atomic_fetch_add(&server->counters.expired, expired);
    executions_ping(server->executions);
    return clock_ms() + TICK_MS;
}

static void *run(void *ctx)
{
    struct loop *loop = ctx;
    struct server *server = loop->server;
    struct pollfd fds[] = {{.fd = loop->stop_fd, .events = POLLIN},
                           {.fd = loop->completion_fd, .events = POLLIN},
                           {.fd = connections_fd(server->connections), .events = POLLIN},
                           {.fd = loop->behind_fd, .events = POLLIN}};
    int64_t next = clock_ms() + TICK_MS;

    while (!(fds[0].revents & POLLIN)) {
        int64_t left = next - clock_ms();
        uint64_t times;
        fds[1].events = loop_may_answer(loop) ? POLLIN : 0;
        if (poll(fds, 4, left > 0 ? (int)left : 0) < 0) {
            continue; /* EINTR */
        }
        if (fds[3].revents) {
            (void)!read(loop->behind_fd, &times, sizeof times);
        }
        if (fds[1].revents) {
            executions_take(server->executions);
        }
        if (fds[2].revents) {
            connections_see_gone(server->connections);
        }
        if (clock_ms() >= next) {
            next = tick(server);
        }
    }
    return NULL;
}

int32_t loop_start(struct server *server, struct loop **ret_loop, struct enclave_error *err)
{
    struct loop *loop = calloc(1, sizeof *loop);
    int32_t r;
    int error;

    if (!loop) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
    }
    loop->server = server;
    loop->stop_fd = eventfd(0, EFD_CLOEXEC);
    loop->behind_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    r = enclave_manager_completion_fd(server->manager, &loop->completion_fd, err);
    error = loop->stop_fd < 0 || loop->behind_fd < 0 ? errno : 0;
    if (r == 0 && error == 0) {
        *ret_loop = loop; /* before there is a thread that looks */
        error = pthread_create(&loop->thread, NULL, run, loop);
    }
    if (r == 0 && error == 0) {
        return 0;
    }
    *ret_loop = NULL;
    if (loop->stop_fd >= 0) {
        (void)close(loop->stop_fd);
    }
    if (loop->behind_fd >= 0) {
        (void)close(loop->behind_fd);
    }
    free(loop);
    return r != 0 ? r
                  : enclave_error_set(err, ENCLAVE_EIO, "cannot start the server: %s",
                                      strerror(error));
}

void loop_stop(struct loop *loop)
{
    uint64_t one = 1;

    if (!loop) {
        return;
    }
    while (write(loop->stop_fd, &one, sizeof one) < 0 && errno == EINTR) {
    }
    (void)pthread_join(loop->thread, NULL);
    (void)close(loop->stop_fd);
    (void)close(loop->behind_fd);
    free(loop);
}
