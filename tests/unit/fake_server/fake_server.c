/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_server.h"

#include "../engine/cmocka_all.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define MAX_CONNECTIONS 512
#define MAX_LOG ((size_t)1 << 20)
#define MAX_REQUEST ((size_t)1 << 20)

struct fake_server {
    fake_answer_fn answer;
    void *ctx;
    char path[108]; /* of its Unix socket; "": it has a port */
    int port;
    int listener;
    pthread_t acceptor;
    int running;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t logged;
    int fds[MAX_CONNECTIONS];
    pthread_t threads[MAX_CONNECTIONS];
    unsigned count;    /* of fds and threads */
    unsigned accepted; /* in all */
    char *log;         /* requests, each followed by a NUL */
    size_t log_length;
};

struct connection {
    struct fake_server *server;
    int fd;
};

/* ------------------------------------------------------------------------------------- sending */

void fake_send_bytes(int fd, const void *data, size_t length)
{
    const char *bytes = data;

    while (length > 0) {
        ssize_t n = send(fd, bytes, length, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR) {
            return;
        }
        bytes += n > 0 ? n : 0;
        length -= n > 0 ? (size_t)n : 0;
    }
}

void fake_send(int fd, const char *text)
{
    fake_send_bytes(fd, text, strlen(text));
}

void fake_wait_for_close(int fd)
{
    char sink[4096];

    while (recv(fd, sink, sizeof sink, 0) > 0) {
    }
}

/* ------------------------------------------------------------------------------------- serving */

static void record(struct fake_server *server, const char *request)
{
    size_t length = strlen(request) + 1;

    pthread_mutex_lock(&server->lock);
    if (server->log_length + length <= MAX_LOG) {
        memcpy(server->log + server->log_length, request, length);
        server->log_length += length;
    }
    pthread_cond_broadcast(&server->logged);
    pthread_mutex_unlock(&server->lock);
}

/* Bytes of a whole request at the front of `data`, or 0. */
static size_t request_length(const char *data, size_t length)
{
    const char *end = strstr(data, "\r\n\r\n");
    const char *field = strcasestr(data, "\r\ncontent-length:");
    size_t head, body = 0;

    if (!end) {
        return 0;
    }
    head = (size_t)(end - data) + 4;
    if (strcasestr(data, "\r\ntransfer-encoding: chunked")) {
        const char *last = strstr(data + head - 2, "\r\n0\r\n\r\n");
        return last ? (size_t)(last - data) + 7 : 0;
    }
    if (field && field < end) {
        body = strtoul(field + strlen("\r\ncontent-length:"), NULL, 10);
    }
    return length >= head + body ? head + body : 0;
}

static void *serve(void *arg)
{
    struct connection connection = *(struct connection *)arg;
    struct fake_server *server = connection.server;
    char *data = malloc(MAX_REQUEST);
    size_t length = 0, whole;
    int keep = 1;
    ssize_t n;

    free(arg);
    while (keep && (n = recv(connection.fd, data + length, MAX_REQUEST - length - 1, 0)) > 0) {
        length += (size_t)n;
        data[length] = '\0';
        while (keep && length > 0 && (whole = request_length(data, length)) > 0) {
            char saved = data[whole];
            data[whole] = '\0';
            record(server, data);
            keep = server->answer(server->ctx, connection.fd, data);
            data[whole] = saved;
            length -= whole;
            memmove(data, data + whole, length + 1);
        }
    }
    free(data);
    shutdown(connection.fd, SHUT_RDWR);
    return NULL;
}

static void *accept_all(void *arg)
{
    struct fake_server *server = arg;
    int fd;

    while ((fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        struct connection *connection = malloc(sizeof *connection);
        *connection = (struct connection){server, fd};
        pthread_mutex_lock(&server->lock);
        assert_true(server->count < MAX_CONNECTIONS);
        server->fds[server->count] = fd;
        pthread_create(&server->threads[server->count], NULL, serve, connection);
        server->count++;
        server->accepted++;
        pthread_mutex_unlock(&server->lock);
    }
    return NULL;
}

static int listen_on_port(int *port)
{
    struct sockaddr_in name = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                               .sin_port = htons((uint16_t)*port)};
    socklen_t size = sizeof name;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &size), 0);
    *port = ntohs(name.sin_port);
    return fd;
}

static int listen_on_path(const char *path)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    snprintf(name.sun_path, sizeof name.sun_path, "%s", path);
    assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
    return fd;
}

void fake_server_start(struct fake_server *server)
{
    server->listener =
        server->path[0] ? listen_on_path(server->path) : listen_on_port(&server->port);
    assert_int_equal(listen(server->listener, 64), 0);
    assert_int_equal(pthread_create(&server->acceptor, NULL, accept_all, server), 0);
    server->running = 1;
}

void fake_server_refuse(struct fake_server *server)
{
    shutdown(server->listener, SHUT_RDWR);
}

void fake_server_stop(struct fake_server *server)
{
    if (!server->running) {
        return;
    }
    if (server->path[0]) {
        unlink(server->path);
    }
    shutdown(server->listener, SHUT_RDWR);
    pthread_join(server->acceptor, NULL);
    close(server->listener);
    for (unsigned i = 0; i < server->count; i++) {
        shutdown(server->fds[i], SHUT_RDWR);
        pthread_join(server->threads[i], NULL);
        close(server->fds[i]);
    }
    server->count = 0;
    server->running = 0;
}

struct fake_server *fake_server_new(const char *path, fake_answer_fn answer, void *ctx)
{
    struct fake_server *server = calloc(1, sizeof *server);

    assert_non_null(server);
    server->answer = answer;
    server->ctx = ctx;
    snprintf(server->path, sizeof server->path, "%s", path ? path : "");
    server->log = malloc(MAX_LOG);
    assert_non_null(server->log);
    pthread_mutex_init(&server->lock, NULL);
    pthread_cond_init(&server->logged, NULL);
    fake_server_start(server);
    return server;
}

void fake_server_free(struct fake_server *server)
{
    fake_server_stop(server);
    pthread_mutex_destroy(&server->lock);
    pthread_cond_destroy(&server->logged);
    free(server->log);
    free(server);
}

/* -------------------------------------------------------------------------------------- looking */

int fake_server_port(const struct fake_server *server)
{
    return server->port;
}

unsigned fake_server_connections(struct fake_server *server)
{
    pthread_mutex_lock(&server->lock);
    unsigned accepted = server->accepted;
    pthread_mutex_unlock(&server->lock);
    return accepted;
}

static unsigned count_requests(const struct fake_server *server, const char *part)
{
    unsigned count = 0;

    for (size_t i = 0; i < server->log_length; i += strlen(server->log + i) + 1) {
        count += strstr(server->log + i, part) != NULL;
    }
    return count;
}

unsigned fake_server_requests(struct fake_server *server, const char *part)
{
    pthread_mutex_lock(&server->lock);
    unsigned count = count_requests(server, part);
    pthread_mutex_unlock(&server->lock);
    return count;
}

void fake_server_wait(struct fake_server *server, const char *part, unsigned count)
{
    struct timespec until;
    int late = 0;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 30;
    pthread_mutex_lock(&server->lock);
    while (!late && count_requests(server, part) < count) {
        late = pthread_cond_timedwait(&server->logged, &server->lock, &until);
    }
    pthread_mutex_unlock(&server->lock);
    assert_int_equal(late, 0);
}

int fake_cancel_after(int ms)
{
    struct itimerspec when = {.it_value = {ms / 1000, ms % 1000 * 1000000L + 1}};
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

    assert_true(fd >= 0);
    assert_int_equal(timerfd_settime(fd, 0, &when, NULL), 0);
    return fd;
}
