/* SPDX-License-Identifier: Apache-2.0 */
#include "fake.h"

#include "cmocka_all.h"

#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct fake {
    char folder[64];
    char address[128];
    char api[16];
    char min[16];
    int podman;
    fake_answer_fn answer;
    void *ctx;
    struct fake_server *server;
    pthread_mutex_t lock; /* guards api, min and podman */
};

void fake_send_answer(int fd, int status, const char *body)
{
    char head[256];

    snprintf(head, sizeof head,
             "HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
             status, strlen(body));
    fake_send(fd, head);
    fake_send(fd, body);
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

static int answer(void *ctx, int fd, const char *request)
{
    struct fake *fake = ctx;

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

void fake_start(struct fake *fake)
{
    fake_server_start(fake->server);
}

void fake_stop(struct fake *fake)
{
    fake_server_stop(fake->server);
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
    fake->answer = answer_fn;
    fake->ctx = ctx;
    pthread_mutex_init(&fake->lock, NULL);
    fake_set_api(fake, api, min);
    snprintf(fake->folder, sizeof fake->folder, "/tmp/enclave-test-XXXXXX");
    assert_non_null(mkdtemp(fake->folder));
    snprintf(fake->address, sizeof fake->address, "unix://%s/engine.sock", fake->folder);
    fake->server = fake_server_new(fake->address + strlen("unix://"), answer, fake);
    return fake;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *ftw)
{
    (void)info, (void)kind, (void)ftw;
    return remove(path);
}

void fake_free(struct fake *fake)
{
    fake_server_free(fake->server);
    nftw(fake->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    pthread_mutex_destroy(&fake->lock);
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
    return fake_server_connections(fake->server);
}

unsigned fake_requests(struct fake *fake, const char *part)
{
    return fake_server_requests(fake->server, part);
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

long fake_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
