/* SPDX-License-Identifier: Apache-2.0 */
#include "fake.h"

#include "cmocka_all.h"

#include <errno.h>
#include <ftw.h>
#include <poll.h>
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

struct fake {
    char folder[64];
    char address[128];
    char api[16];
    char min[16];
    int podman;
    fake_answer_fn answer;
    void *ctx;
    int listener;
    pthread_t acceptor;
    int running;
    pthread_mutex_t lock; /* guards what follows, and api and min */
    int fds[MAX_CONNECTIONS];
    pthread_t threads[MAX_CONNECTIONS];
    unsigned count;    /* of fds and threads */
    unsigned accepted; /* in all */
    char *log;         /* requests, each followed by a NUL */
    size_t log_length;
};

struct connection {
    struct fake *fake;
    int fd;
};

void fake_send_bytes(int fd, const void *data, size_t length)
{
    const char *bytes = data;

    while (length > 0) {
        ssize_t n = send(fd, bytes, length, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return;
        }
        bytes += n;
        length -= (size_t)n;
    }
}

void fake_send(int fd, const char *text)
{
    fake_send_bytes(fd, text, strlen(text));
}

void fake_send_answer(int fd, int status, const char *body)
{
    char head[256];

    snprintf(head, sizeof head,
             "HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
             status, strlen(body));
    fake_send(fd, head);
    fake_send(fd, body);
}

void fake_wait_for_close(int fd)
{
    char sink[4096];

    while (recv(fd, sink, sizeof sink, 0) > 0) {
    }
}

void fake_set_podman(struct fake *fake)
{
    pthread_mutex_lock(&fake->lock);
    fake->podman = 1;
    pthread_mutex_unlock(&fake->lock);
}

static void answer_ping(struct fake *fake, int fd)
{
    char text[256], header[64] = "";

    pthread_mutex_lock(&fake->lock);
    if (*fake->api) {
        snprintf(header, sizeof header, "Api-Version: %s\r\n%s", fake->api,
                 fake->podman ? "Libpod-Api-Version: 4.3.1\r\n" : "");
    }
    pthread_mutex_unlock(&fake->lock);
    snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\n%sContent-Length: 2\r\n\r\nOK", header);
    fake_send(fd, text);
}

static void answer_version(struct fake *fake, int fd)
{
    char body[256], min[64] = "";

    pthread_mutex_lock(&fake->lock);
    if (*fake->min) {
        snprintf(min, sizeof min, ",\"MinAPIVersion\":\"%s\"", fake->min);
    }
    snprintf(body, sizeof body, "{\"Version\":\"99\",\"ApiVersion\":\"%s\"%s,\"Arch\":\"amd64\"}",
             fake->api, min);
    pthread_mutex_unlock(&fake->lock);
    fake_send_answer(fd, 200, body);
}

static void record(struct fake *fake, const char *request)
{
    size_t length = strlen(request) + 1;

    pthread_mutex_lock(&fake->lock);
    if (fake->log_length + length <= MAX_LOG) {
        memcpy(fake->log + fake->log_length, request, length);
        fake->log_length += length;
    }
    pthread_mutex_unlock(&fake->lock);
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
    if (field && field < end) {
        body = strtoul(field + strlen("\r\ncontent-length:"), NULL, 10);
    }
    return length >= head + body ? head + body : 0;
}

static int answer(struct fake *fake, int fd, const char *request)
{
    record(fake, request);
    if (strncmp(request, "GET /_ping ", 11) == 0) {
        answer_ping(fake, fd);
        return 1;
    }
    if (strncmp(request, "GET /version ", 13) == 0) {
        answer_version(fake, fd);
        return 1;
    }
    return fake->answer(fake->ctx, fd, request);
}

static void *serve(void *arg)
{
    struct connection connection = *(struct connection *)arg;
    char data[65536];
    size_t length = 0;
    int keep = 1;

    free(arg);
    while (keep) {
        ssize_t n = recv(connection.fd, data + length, sizeof data - length - 1, 0);
        size_t whole;
        if (n <= 0) {
            break;
        }
        length += (size_t)n;
        data[length] = '\0';
        while (keep && length > 0 && (whole = request_length(data, length)) > 0) {
            char saved = data[whole];
            data[whole] = '\0';
            keep = answer(connection.fake, connection.fd, data);
            data[whole] = saved;
            length -= whole;
            memmove(data, data + whole, length + 1);
        }
    }
    shutdown(connection.fd, SHUT_RDWR);
    return NULL;
}

static void *accept_all(void *arg)
{
    struct fake *fake = arg;
    int fd;

    while ((fd = accept4(fake->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        struct connection *connection = malloc(sizeof *connection);
        *connection = (struct connection){fake, fd};
        pthread_mutex_lock(&fake->lock);
        assert_true(fake->count < MAX_CONNECTIONS);
        fake->fds[fake->count] = fd;
        pthread_create(&fake->threads[fake->count], NULL, serve, connection);
        fake->count++;
        fake->accepted++;
        pthread_mutex_unlock(&fake->lock);
    }
    return NULL;
}

void fake_start(struct fake *fake)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};

    snprintf(name.sun_path, sizeof name.sun_path, "%s/engine.sock", fake->folder);
    fake->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fake->listener >= 0);
    assert_int_equal(bind(fake->listener, (struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(listen(fake->listener, 64), 0);
    assert_int_equal(pthread_create(&fake->acceptor, NULL, accept_all, fake), 0);
    fake->running = 1;
}

void fake_stop(struct fake *fake)
{
    char path[128];

    if (!fake->running) {
        return;
    }
    snprintf(path, sizeof path, "%s/engine.sock", fake->folder);
    unlink(path);
    shutdown(fake->listener, SHUT_RDWR);
    pthread_join(fake->acceptor, NULL);
    close(fake->listener);
    for (unsigned i = 0; i < fake->count; i++) {
        shutdown(fake->fds[i], SHUT_RDWR);
        pthread_join(fake->threads[i], NULL);
        close(fake->fds[i]);
    }
    fake->count = 0;
    fake->running = 0;
}

void fake_set_api(struct fake *fake, const char *api, const char *min)
{
    pthread_mutex_lock(&fake->lock);
    snprintf(fake->api, sizeof fake->api, "%s", api ? api : "");
    snprintf(fake->min, sizeof fake->min, "%s", min ? min : "");
    pthread_mutex_unlock(&fake->lock);
}

struct fake *fake_new(const char *api, const char *min, fake_answer_fn answer_fn, void *ctx)
{
    struct fake *fake = calloc(1, sizeof *fake);

    assert_non_null(fake);
    fake->log = calloc(1, MAX_LOG);
    assert_non_null(fake->log);
    fake->answer = answer_fn;
    fake->ctx = ctx;
    pthread_mutex_init(&fake->lock, NULL);
    fake_set_api(fake, api, min);
    snprintf(fake->folder, sizeof fake->folder, "/tmp/enclave-test-XXXXXX");
    assert_non_null(mkdtemp(fake->folder));
    snprintf(fake->address, sizeof fake->address, "unix://%s/engine.sock", fake->folder);
    fake_start(fake);
    return fake;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *ftw)
{
    (void)info, (void)kind, (void)ftw;
    return remove(path);
}

void fake_free(struct fake *fake)
{
    fake_stop(fake);
    nftw(fake->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    pthread_mutex_destroy(&fake->lock);
    free(fake->log);
    free(fake);
}

const char *fake_address(const struct fake *fake)
{
    return fake->address;
}

const char *fake_folder(const struct fake *fake)
{
    return fake->folder;
}

unsigned fake_connections(struct fake *fake)
{
    unsigned count;

    pthread_mutex_lock(&fake->lock);
    count = fake->accepted;
    pthread_mutex_unlock(&fake->lock);
    return count;
}

unsigned fake_requests(struct fake *fake, const char *part)
{
    unsigned count = 0;

    pthread_mutex_lock(&fake->lock);
    for (size_t i = 0; i < fake->log_length; i += strlen(fake->log + i) + 1) {
        count += strstr(fake->log + i, part) != NULL;
    }
    pthread_mutex_unlock(&fake->lock);
    return count;
}

struct engine *fake_engine(const struct fake *fake)
{
    struct engine_options options = {.host = fake->address,
                                     .config_path = fake->folder,
                                     .tls = -1,
                                     .api_version = "",
                                     .name = "Docker",
                                     .start_hint = "start it"};
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct engine *engine = NULL;

    if (engine_new(&options, &engine, &err) != 0) {
        fail_msg("%s", err.message);
    }
    return engine;
}

int fake_cancel_after(int ms)
{
    struct itimerspec when = {
        .it_value = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L + 1}};
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

    assert_true(fd >= 0);
    assert_int_equal(timerfd_settime(fd, 0, &when, NULL), 0);
    return fd;
}

long fake_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
