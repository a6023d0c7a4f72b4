/*
 * connections.c - see connections.h.
 *
 * A watch is found by its descriptor, and counts only while its number is the one that epoll remembers: so what epoll
 * reports late, about a connection that is gone and whose descriptor is another's by now, means nothing.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "connections.h"

#include "clock.h"
#include "reactor.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FDS_MAX = 65536, EVENTS = 64 };

struct connections {
    pthread_mutex_t lock; /* guards all below, and the watches; `gone` is called with it held */
    struct connection **by_fd;
    unsigned count, max;
    int highest; /* descriptor there was */
    unsigned watches;
    int epoll_fd;
};

struct connections *connections_new(unsigned max)
{
    struct connections *connections = calloc(1, sizeof *connections);

    if (!connections) {
        return NULL;
    }
    connections->by_fd =
        calloc(FDS_MAX, sizeof(struct connection *)); /* pages that are not used cost nothing */
    connections->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    connections->max = max;
    (void)pthread_mutex_init(&connections->lock, NULL);
    if (!connections->by_fd || connections->epoll_fd < 0) {
        connections_free(connections);
        return NULL;
    }
    return connections;
}

void connections_free(struct connections *connections)
{
    if (connections) {
        if (connections->epoll_fd >= 0) {
            (void)close(connections->epoll_fd);
        }
        (void)pthread_mutex_destroy(&connections->lock);
        free(connections->by_fd);
        free(connections);
    }
}

struct connection *connections_open(struct connections *connections, struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct connection *connection = calloc(1, sizeof *connection);

    if (!connection || !info || info->connect_fd < 0 || info->connect_fd >= FDS_MAX) {
        free(connection);
        return NULL;
    }
    connection->reactor = reactor_here();
    connection->fd = info->connect_fd;
    pthread_mutex_lock(&connections->lock);
    connections->by_fd[connection->fd] = connection;
    connections->highest =
        connection->fd > connections->highest ? connection->fd : connections->highest;
    connection->surplus = ++connections->count > connections->max;
    pthread_mutex_unlock(&connections->lock);
    return connection;
}

void connections_close(struct connections *connections, struct connection *connection)
{
    pthread_mutex_lock(&connections->lock);
    connections->by_fd[connection->fd] = NULL;
    connections->count--;
    pthread_mutex_unlock(&connections->lock);
    free(connection->target);
    free(connection);
}

unsigned connections_count(struct connections *connections)
{
    unsigned count;

    pthread_mutex_lock(&connections->lock);
    count = connections->count;
    pthread_mutex_unlock(&connections->lock);
    return count;
}

void connections_limit(struct connection *connection, int64_t ms)
{
    atomic_store(&connection->deadline_ms, ms > 0 ? clock_ms() + ms : 0);
}

void connections_limit_answer(const struct server *server, struct connection *connection)
{
    int64_t ms = server->settings.write_timeout_ms, stop_ms = server->settings.stop_timeout_ms;

    connections_limit(connection, atomic_load(&server->stopping) && stop_ms < ms ? stop_ms : ms);
}

void connections_hurry(struct connections *connections, int64_t ms)
{
    int64_t latest = clock_ms() + ms;

    pthread_mutex_lock(&connections->lock);
    for (int fd = 0; fd <= connections->highest; fd++) {
        struct connection *connection = connections->by_fd[fd];
        if (connection && atomic_load(&connection->deadline_ms) > latest) {
            atomic_store(&connection->deadline_ms, latest);
        }
    }
    pthread_mutex_unlock(&connections->lock);
}

int connections_fd(struct connections *connections)
{
    return connections->epoll_fd;
}

void connections_watch(struct connections *connections, struct connection *connection,
                       void (*gone)(struct request *request))
{
    struct epoll_event event = {.events = EPOLLRDHUP | EPOLLONESHOT};

    atomic_store(&connection->deadline_ms, 0);
    pthread_mutex_lock(&connections->lock);
    connections->watches += connections->watches + 1 == 0 ? 2 : 1;
    connection->watch = connections->watches;
    connection->gone = gone;
    event.data.u64 = (uint64_t)connection->watch << 32 | (uint32_t)connection->fd;
    if (epoll_ctl(connections->epoll_fd, EPOLL_CTL_ADD, connection->fd, &event) != 0) {
        (void)epoll_ctl(connections->epoll_fd, EPOLL_CTL_MOD, connection->fd, &event);
    }
    pthread_mutex_unlock(&connections->lock);
}

void connections_unwatch(struct connections *connections, struct connection *connection)
{
    struct epoll_event event = {0};

    pthread_mutex_lock(&connections->lock);
    connection->watch = 0;
    connection->gone = NULL;
    (void)epoll_ctl(connections->epoll_fd, EPOLL_CTL_DEL, connection->fd, &event);
    pthread_mutex_unlock(&connections->lock);
}

/* With the lock. */
static void tell_gone(struct connection *connection)
{
    void (*gone)(struct request *) = connection->gone;

    connection->gone = NULL;
    if (gone) {
        gone(&connection->request);
    }
}

void connections_cancel_all(struct connections *connections)
{
    pthread_mutex_lock(&connections->lock);
    for (int fd = 0; fd <= connections->highest; fd++) {
        if (connections->by_fd[fd] && connections->by_fd[fd]->watch != 0) {
            tell_gone(connections->by_fd[fd]);
        }
    }
    pthread_mutex_unlock(&connections->lock);
}

void connections_see_gone(struct connections *connections)
{
    struct epoll_event events[EVENTS];
    int count = epoll_wait(connections->epoll_fd, events, EVENTS, 0);

    pthread_mutex_lock(&connections->lock);
    for (int i = 0; i < count; i++) {
        struct connection *connection = connections->by_fd[(uint32_t)events[i].data.u64 % FDS_MAX];
        if (connection && connection->watch != 0 && connection->watch == events[i].data.u64 >> 32) {
            tell_gone(connection);
        }
    }
    pthread_mutex_unlock(&connections->lock);
}

/*
 * The library takes a short read for the last of what there is, and is told no second time of an end that came together
 * with the bytes (epoll(7), edge-triggered: a short read proves nothing where EPOLLRDHUP was reported). To shut what the
 * other side has shut takes nothing from anybody, and wakes who watches the socket.
 */
static void remind_of_end(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLRDHUP};

    if (poll(&poll_fd, 1, 0) == 1 && (poll_fd.revents & POLLRDHUP)) {
        (void)shutdown(fd, SHUT_RD);
    }
}

/* Shut down and not closed: the library sees the end of the connection, and closes it itself. */
unsigned connections_expire(struct connections *connections)
{
    int64_t now = clock_ms();
    unsigned expired = 0;

    pthread_mutex_lock(&connections->lock);
    for (int fd = 0; fd <= connections->highest; fd++) {
        struct connection *connection = connections->by_fd[fd];
        int64_t deadline = connection ? atomic_load(&connection->deadline_ms) : 0;
        if (deadline != 0 && deadline <= now) {
            atomic_store(&connection->deadline_ms, 0);
            (void)shutdown(fd, SHUT_RDWR);
            expired++;
        } else if (deadline != 0) {
            remind_of_end(fd);
        }
    }
    pthread_mutex_unlock(&connections->lock);
    return expired;
}

void connections_shut_idle(struct connections *connections)
{
    pthread_mutex_lock(&connections->lock);
    for (int fd = 0; fd <= connections->highest; fd++) {
        struct connection *connection = connections->by_fd[fd];
        if (connection && !atomic_load(&connection->busy)) {
            (void)shutdown(fd, SHUT_RDWR);
        }
    }
    pthread_mutex_unlock(&connections->lock);
}
