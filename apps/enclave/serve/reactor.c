/*
 * reactor.c - see reactor.h.
 *
 * Who resumes a connection says so in `more`, and runs the library if nobody does at that moment; who does looks at `more`
 * again after it has given up the lock. So nobody waits for the lock but the thread that leads, and nothing is overlooked.
 *
 * To wake a thread that is to lead instead would cost more than most calls take. So the one that goes to work leaves the
 * sockets to those that stand by: whichever of them sees one, leads; if none does, the first leads on when it comes back.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "reactor.h"

#include "clock.h"

#include <errno.h>
#include <microhttpd.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Threads that carry out requests beside the one that leads; when all do, requests go to threads of the manager's. */
enum { THREADS = 8, STACK = 512 * 1024 };

/*
 * Passes of the library with its lock, when it always has more. It says so without end of a TLS handshake of which a few
 * bytes have come, and of connections that it cannot accept for want of descriptors: so when nothing has happened in
 * IDLE_ROUNDS in which there was always more, the thread that leads waits NAP_MS before each of the next, which are short.
 * What came sooner than AT_ONCE_US was there already.
 */
enum { PASSES = 16, PASSES_AT_END = 4, IDLE_ROUNDS = 8, NAP_MS = 1, AT_ONCE_US = 100 };

struct reactor {
    struct MHD_Daemon *daemon;
    void (*work)(void *ctx);
    void *ctx;
    int epoll_fd;            /* the library's */
    int bell_fd;             /* eventfd: `more`, for the thread that leads */
    int call_fd;             /* eventfd: the same for one of those that stand by, or the end */
    int stand_by_fd;         /* epoll: what they wait for; the library's only while nobody leads */
    pthread_mutex_t library; /* held by who runs it; taken before the other */
    atomic_bool more;        /* something was resumed that it may not have seen */
    atomic_bool stopping;
    atomic_bool led; /* changed with the lock */

    pthread_mutex_t lock; /* guards all below */
    unsigned spare;       /* threads that stand by */
    unsigned threads;
    pthread_t thread[THREADS];
};

/* This thread's part. */
static _Thread_local struct {
    struct reactor *serves;   /* it sees to what is resumed there */
    struct reactor *works_in; /* it is one of the threads of */
    bool leads;
    bool owes;     /* work, for when the library has returned */
    bool happened; /* the library has called */
} self;

struct reactor *reactor_here(void)
{
    return self.serves;
}

void reactor_happened(void)
{
    self.happened = true;
}

/* ---------------------------------------------------------------------------------- the library */

/* After `more` was set: it is looked at after `led` was changed. */
static void ring(struct reactor *reactor)
{
    uint64_t one = 1;

    (void)!write(atomic_load(&reactor->led) ? reactor->bell_fd : reactor->call_fd, &one,
                 sizeof one);
}

static bool has_more(struct reactor *reactor)
{
    MHD_UNSIGNED_LONG_LONG ms;

    return MHD_get_timeout(reactor->daemon, &ms) == MHD_YES && ms == 0;
}

/* With its lock. True: it has more still; a thread that owes work leaves that to others. */
static bool run_library(struct reactor *reactor, int passes)
{
    struct reactor *before = self.serves;
    bool more = !atomic_load(&reactor->stopping);

    self.serves = reactor;
    for (; more && passes > 0; passes = self.owes ? 0 : passes - 1) {
        atomic_store(&reactor->more, false);
        (void)MHD_run(reactor->daemon);
        more = has_more(reactor);
    }
    self.serves = before;
    return more;
}

void reactor_wake(struct reactor *reactor)
{
    atomic_store(&reactor->more, true);
    if (self.serves != reactor) {
        ring(reactor);
    }
}

/* Serves what was resumed, unless another does. What is left then, or when this thread owes work, others are told of. */
static void look_again(struct reactor *reactor)
{
    bool left = false;

    while (atomic_load(&reactor->more) && !left && !self.owes && !atomic_load(&reactor->stopping) &&
           pthread_mutex_trylock(&reactor->library) == 0) {
        left = run_library(reactor, PASSES_AT_END);
        pthread_mutex_unlock(&reactor->library);
    }
    if (left) {
        atomic_store(&reactor->more, true);
    }
    if (!self.leads && (left || self.owes) && atomic_load(&reactor->more)) {
        ring(reactor);
    }
}

/* ----------------------------------------------------------------------------------- leading */

/* The library's sockets wake one of those that stand by, once; or do not. */
static void expose(struct reactor *reactor, bool exposed)
{
    struct epoll_event event = {.events = exposed ? EPOLLIN | EPOLLONESHOT : 0};

    (void)epoll_ctl(reactor->stand_by_fd, EPOLL_CTL_MOD, reactor->epoll_fd, &event);
}

static void take_lead(struct reactor *reactor)
{
    pthread_mutex_lock(&reactor->lock);
    if (!atomic_load(&reactor->led)) {
        atomic_store(&reactor->led, true);
        expose(reactor, false);
        self.leads = true;
    }
    pthread_mutex_unlock(&reactor->lock);
}

static void leave_lead(struct reactor *reactor)
{
    pthread_mutex_lock(&reactor->lock);
    self.leads = false;
    atomic_store(&reactor->led, false);
    expose(reactor, true);
    pthread_mutex_unlock(&reactor->lock);
    if (atomic_load(&reactor->more)) {
        ring(reactor);
    }
}

/* Returns for how long, in microseconds. */
static int64_t wait_for_sockets(struct reactor *reactor)
{
    struct pollfd fds[] = {{.fd = reactor->epoll_fd, .events = POLLIN},
                           {.fd = reactor->bell_fd, .events = POLLIN}};
    int64_t begun_us = clock_us();
    uint64_t times;

    if (poll(fds, 2, -1) > 0 && fds[1].revents) {
        (void)!read(reactor->bell_fd, &times, sizeof times);
    }
    return clock_us() - begun_us;
}

static void nap(struct reactor *reactor)
{
    struct pollfd bell = {.fd = reactor->bell_fd, .events = POLLIN};
    uint64_t times;

    if (poll(&bell, 1, NAP_MS) > 0) {
        (void)!read(bell.fd, &times, sizeof times);
    }
}

/* One round. True: there was no more when it ended. */
static bool serve_once(struct reactor *reactor, int passes)
{
    bool more;

    self.happened = false;
    pthread_mutex_lock(&reactor->library);
    more = run_library(reactor, passes);
    pthread_mutex_unlock(&reactor->library);
    if (more && self.owes) {
        atomic_store(&reactor->more, true); /* for who leads next */
    }
    look_again(reactor);
    return !more;
}

/* Until there is work to do. The library first: the one that led before may have left something. */
static void lead(struct reactor *reactor)
{
    int idle = 0;

    for (;;) {
        bool done = serve_once(reactor, idle < IDLE_ROUNDS ? PASSES : PASSES_AT_END);
        if (self.owes || atomic_load(&reactor->stopping)) {
            break;
        }
        idle = self.happened ? 0 : idle + 1;
        if (idle >= IDLE_ROUNDS) {
            nap(reactor);
        }
        if (done && !atomic_load(&reactor->more) && wait_for_sockets(reactor) >= AT_ONCE_US) {
            idle = 0;
        }
    }
}

/* ---------------------------------------------------------------------------------- the threads */

static void *serve(void *reactor);

/* With the lock. */
static int add_thread(struct reactor *reactor)
{
    pthread_attr_t attributes;
    int r = pthread_attr_init(&attributes);

    if (r == 0) {
        (void)pthread_attr_setstacksize(&attributes, STACK);
        r = pthread_create(&reactor->thread[reactor->threads], &attributes, serve, reactor);
        (void)pthread_attr_destroy(&attributes);
    }
    reactor->threads += r == 0;
    return r;
}

/* Who leads can go to work only when another stands by. */
static void see_to_spare(struct reactor *reactor)
{
    pthread_mutex_lock(&reactor->lock);
    if (reactor->spare == 0 && reactor->threads < THREADS && !atomic_load(&reactor->stopping)) {
        (void)add_thread(reactor); /* without it requests go to the manager's threads */
    }
    pthread_mutex_unlock(&reactor->lock);
}

static void stand_by(struct reactor *reactor)
{
    struct epoll_event event;
    uint64_t times;

    pthread_mutex_lock(&reactor->lock);
    reactor->spare++;
    pthread_mutex_unlock(&reactor->lock);
    (void)epoll_wait(reactor->stand_by_fd, &event, 1, -1);
    pthread_mutex_lock(&reactor->lock);
    reactor->spare--;
    pthread_mutex_unlock(&reactor->lock);
    if (!atomic_load(&reactor->stopping)) { /* the end is for all of them */
        (void)!read(reactor->call_fd, &times, sizeof times);
    }
}

static void *serve(void *arg)
{
    struct reactor *reactor = arg;
    uint64_t one = 1;

    self.works_in = reactor;
    while (!atomic_load(&reactor->stopping)) {
        if (!self.leads) {
            take_lead(reactor);
        }
        if (!self.leads) {
            stand_by(reactor);
            continue;
        }
        see_to_spare(reactor);
        lead(reactor);
        while (self.owes) { /* the end of one piece may bring the next */
            self.owes = false;
            if (self.leads) {
                leave_lead(reactor);
            }
            reactor->work(reactor->ctx);
        }
    }
    (void)!write(reactor->call_fd, &one, sizeof one); /* to the next, if this one has read it */
    return NULL;
}

bool reactor_lend(struct reactor *reactor)
{
    if (self.works_in != reactor || self.owes) {
        return false;
    }
    pthread_mutex_lock(&reactor->lock);
    self.owes = !self.leads || reactor->spare > 0;
    pthread_mutex_unlock(&reactor->lock);
    return self.owes;
}

void reactor_defer(struct reactor *reactor)
{
    self.serves = reactor;
}

/* One that has left the lead takes it first, if nobody has: to send an answer wakes who stands by. */
void reactor_run(struct reactor *reactor)
{
    self.serves = NULL;
    if (self.works_in == reactor && !self.leads) {
        take_lead(reactor);
    }
    look_again(reactor);
}

/* ------------------------------------------------------------------------------ beginning and end */

static int open_descriptors(struct reactor *reactor)
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(reactor->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    struct epoll_event event = {.events = EPOLLIN};

    reactor->epoll_fd = info ? info->epoll_fd : -1;
    reactor->bell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    reactor->call_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    reactor->stand_by_fd = epoll_create1(EPOLL_CLOEXEC);
    if (reactor->bell_fd < 0 ||
        epoll_ctl(reactor->stand_by_fd, EPOLL_CTL_ADD, reactor->call_fd, &event) != 0) {
        return errno;
    }
    event.events = 0;
    return epoll_ctl(reactor->stand_by_fd, EPOLL_CTL_ADD, reactor->epoll_fd, &event) == 0 ? 0
                                                                                          : errno;
}

int32_t reactor_start(struct MHD_Daemon *daemon, void (*work)(void *ctx), void *ctx,
                      struct reactor **ret_reactor, struct enclave_error *err)
{
    struct reactor *reactor = calloc(1, sizeof *reactor);
    int r = ENOMEM;

    if (reactor) {
        reactor->daemon = daemon;
        reactor->work = work;
        reactor->ctx = ctx;
        (void)pthread_mutex_init(&reactor->library, NULL);
        (void)pthread_mutex_init(&reactor->lock, NULL);
        r = open_descriptors(reactor);
    }
    if (r == 0) {
        pthread_mutex_lock(&reactor->lock);
        r = add_thread(reactor);
        pthread_mutex_unlock(&reactor->lock);
    }
    if (r != 0) {
        MHD_stop_daemon(daemon);
        reactor_free(reactor);
        return enclave_error_set(err, ENCLAVE_EIO, "cannot start the server: %s", strerror(r));
    }
    *ret_reactor = reactor;
    return 0;
}

void reactor_quiesce(struct reactor *reactor)
{
    int fd;

    pthread_mutex_lock(&reactor->library);
    fd = MHD_quiesce_daemon(reactor->daemon);
    pthread_mutex_unlock(&reactor->library);
    if (fd >= 0) {
        (void)close(fd);
    }
    look_again(reactor);
}

void reactor_stop(struct reactor *reactor)
{
    uint64_t one = 1;

    pthread_mutex_lock(&reactor->lock);
    atomic_store(&reactor->stopping, true);
    pthread_mutex_unlock(&reactor->lock);
    (void)!write(reactor->bell_fd, &one, sizeof one);
    (void)!write(reactor->call_fd, &one, sizeof one);
    for (unsigned i = 0; i < reactor->threads; i++) {
        (void)pthread_join(reactor->thread[i], NULL);
    }
    pthread_mutex_lock(&reactor->library);
    MHD_stop_daemon(reactor->daemon);
    pthread_mutex_unlock(&reactor->library);
}

static void close_if_open(int fd)
{
    if (fd >= 0) {
        (void)close(fd);
    }
}

void reactor_free(struct reactor *reactor)
{
    if (reactor) {
        close_if_open(reactor->bell_fd);
        close_if_open(reactor->call_fd);
        close_if_open(reactor->stand_by_fd);
        (void)pthread_mutex_destroy(&reactor->lock);
        (void)pthread_mutex_destroy(&reactor->library);
        free(reactor);
    }
}
