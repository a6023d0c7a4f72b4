/*
 * rows_remote.c - one call of a tool through `enclave serve` on the loopback, beside the same in this process.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "rows.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct remote {
    const struct bench *here;
    struct bench there; /* with a manager whose backend is http-remote */
    pid_t server;
    char url[96];
    char id[ENCLAVE_ID_SIZE];
    char remote_id[ENCLAVE_ID_SIZE];
};

static const char params[] = "{\"command\": \"echo hi\"}";

/* One that nobody has at this moment. */
static int free_port(void)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof name;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), port = -1;

    if (fd >= 0 && bind(fd, (struct sockaddr *)&name, sizeof name) == 0 &&
        getsockname(fd, (struct sockaddr *)&name, &size) == 0) {
        port = ntohs(name.sin_port);
    }
    (void)close(fd);
    return port;
}

static int32_t start_server(struct remote *remote, struct enclave_error *err)
{
    char address[32];
    const char *argv[] = {remote->here->program, "serve",    "-q",    "--backend",
                          remote->here->backend, "--listen", address, NULL};

    (void)snprintf(address, sizeof address, "127.0.0.1:%d", free_port());
    (void)snprintf(remote->url, sizeof remote->url, "backend http-remote.base_url=http://%s",
                   address);
    int r =
        posix_spawnp(&remote->server, argv[0], NULL, NULL, (char *const *)(uintptr_t)argv, environ);
    return r == 0
               ? 0
               : enclave_error_set(err, ENCLAVE_EIO, "start '%s serve': %s", argv[0], strerror(r));
}

static void stop_server(struct remote *remote)
{
    if (remote->server > 0) {
        (void)kill(remote->server, SIGTERM);
        (void)waitpid(remote->server, NULL, 0);
    }
}

/* The backend waits for a server that is not there yet. */
static int32_t open_manager(struct remote *remote, struct enclave_error *err)
{
    char image[256];
    const char *overrides[] = {"enclave.backend=http-remote", image, remote->url, NULL};
    struct enclave_manager_options options = ENCLAVE_MANAGER_OPTIONS_INIT;

    (void)snprintf(image, sizeof image, "sandbox.image=%s", remote->here->image);
    options.overrides = overrides;
    remote->there = *remote->here;
    remote->there.manager = NULL;
    return enclave_manager_new(&options, &remote->there.manager, err);
}

static int32_t sample_there(void *ctx, double *ret_ms, struct enclave_error *err)
{
    struct remote *remote = ctx;

    return box_call(&remote->there, remote->remote_id, "shell_executor", params, "hi\n", ret_ms,
                    err);
}

static int32_t sample_here(void *ctx, double *ret_ms, struct enclave_error *err)
{
    struct remote *remote = ctx;

    return box_call(remote->here, remote->id, "shell_executor", params, "hi\n", ret_ms, err);
}

static int32_t measure(struct remote *remote, struct enclave_error *err)
{
    struct row row = {.key = "remote-shell",
                      .what = "shell_executor 'echo hi' through enclave serve, loopback",
                      .floor_is = "the same in this process",
                      .unit = "ms"};
    int32_t r = box_create(remote->here, "[\"shell_executor\"]", remote->id, err);

    if (r < 0) {
        return r;
    }
    r = box_create(&remote->there, "[\"shell_executor\"]", remote->remote_id, err);
    if (r == 0) {
        r = take_turns(&(struct turns){.measured = sample_there,
                                       .floor = sample_here,
                                       .ctx = remote,
                                       .rounds = remote->here->rounds * QUICK},
                       &row, err);
        box_delete(&remote->there, remote->remote_id);
    }
    box_delete(remote->here, remote->id);
    row_fact(&row, "overhead_ms",
             series_quantile(&row.measured, 0.5) - series_quantile(&row.floor, 0.5));
    report_row(remote->here->json, &row);
    return r;
}

int32_t rows_remote_shell(struct bench *bench, struct enclave_error *err)
{
    struct remote remote = {.here = bench};
    int32_t r = start_server(&remote, err);

    if (r == 0) {
        r = open_manager(&remote, err);
    }
    if (r == 0) {
        r = measure(&remote, err);
    }
    enclave_manager_free(remote.there.manager);
    stop_server(&remote);
    return r;
}
