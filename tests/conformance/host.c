/*
 * host.c - see host.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "host.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* --------------------------------------------------------------------------------------- files */

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *place)
{
    (void)st;
    (void)kind;
    (void)place;
    (void)remove(path);
    return 0;
}

static void tidy_folder(struct test *t, void *path)
{
    (void)t;
    (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

char *host_folder(struct test *t, const char *parent, mode_t mode)
{
    char *path = test_text(t, "%s/enclave-conformance-XXXXXX", parent);

    if (!mkdtemp(path) || chmod(path, mode) < 0) {
        fail(t, "cannot make a folder in '%s': %m", parent);
    }
    test_defer(t, tidy_folder, path);
    return path;
}

void host_write(struct test *t, const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) || fchmod(fd, 0644) < 0) {
        fail(t, "cannot write '%s': %m", path);
    }
    (void)close(fd);
}

char *host_read(struct test *t, const char *path)
{
    char text[4096];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);

    if (fd >= 0) {
        (void)close(fd);
    }
    text[n > 0 ? n : 0] = '\0';
    return test_text(t, "%s", text);
}

/* ------------------------------------------------------------------------------------- sockets */

static void tidy_fd(struct test *t, void *fd)
{
    (void)t;
    (void)close((int)(intptr_t)fd);
}

static int bind_any(struct test *t, int *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &length) < 0) {
        fail(t, "no TCP socket: %m");
    }
    *ret_port = ntohs(address.sin_port);
    return fd;
}

int host_listen(struct test *t, int *ret_port)
{
    int fd = bind_any(t, ret_port);

    test_defer(t, tidy_fd, (void *)(intptr_t)fd);
    if (listen(fd, 16) < 0) {
        fail(t, "listen: %m");
    }
    return fd;
}

void host_listen_abstract(struct test *t, const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "%s", name);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) < 0 || listen(fd, 16) < 0) {
        fail(t, "no Unix socket: %m");
    }
    test_defer(t, tidy_fd, (void *)(intptr_t)fd);
}

int host_free_port(struct test *t)
{
    int port, fd = bind_any(t, &port);

    (void)close(fd);
    return port;
}

char *host_ask(struct test *t, int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct timeval limit = {.tv_sec = 10};
    char text[256] = "";
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0) {
        fail(t, "no TCP socket: %m");
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ssize_t n = connect(fd, (struct sockaddr *)&address, sizeof address) < 0
                    ? 0
                    : recv(fd, text, sizeof text - 1, MSG_WAITALL);
    (void)close(fd);
    text[n > 0 ? n : 0] = '\0';
    return test_text(t, "%s", text);
}

/* ----------------------------------------------------------------------------------- processes */

static size_t read_proc(const char *pid, const char *name, char *text, size_t size)
{
    char path[300];

    (void)snprintf(path, sizeof path, "/proc/%s/%s", pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, text, size - 1);
    if (fd >= 0) {
        (void)close(fd);
    }
    n = n > 0 ? n : 0;
    text[n] = '\0';
    return (size_t)n;
}

pid_t host_process(const char *mark, int *ret_count)
{
    DIR *proc = opendir("/proc");
    pid_t found = 0;

    *ret_count = 0;
    for (struct dirent *entry; proc && (entry = readdir(proc));) {
        char line[4096];
        if (entry->d_name[0] < '1' || entry->d_name[0] > '9') {
            continue;
        }
        size_t n = read_proc(entry->d_name, "cmdline", line, sizeof line);
        if (memmem(line, n, mark, strlen(mark))) {
            found = (pid_t)atoi(entry->d_name);
            ++*ret_count;
        }
    }
    if (proc) {
        (void)closedir(proc);
    }
    return found;
}

/* Nothing tells the end of another one's process that has no parent here, so this looks again and again. */
int host_wait_gone(const char *mark, int64_t limit_ms)
{
    struct timespec pause = {0, 20 * 1000000};
    int64_t until = test_now_ms() + limit_ms;
    int count;

    while (host_process(mark, &count) != 0) {
        if (test_now_ms() > until) {
            return 0;
        }
        (void)nanosleep(&pause, NULL);
    }
    return 1;
}

static long status_number(const char *status, const char *key, int last)
{
    const char *line = strstr(status, key);
    long number = 0;

    if (line) {
        char *end = (char *)line + strlen(key);
        do {
            number = strtol(end, &end, 10);
        } while (last && *end == '\t');
    }
    return number;
}

pid_t host_first_of_namespace(pid_t pid)
{
    for (int depth = 0; pid > 1 && depth < 64; depth++) {
        char name[32], status[4096];
        (void)snprintf(name, sizeof name, "%d", (int)pid);
        (void)read_proc(name, "status", status, sizeof status);
        if (status_number(status, "\nNSpid:", 1) == 1) {
            return pid;
        }
        pid = (pid_t)status_number(status, "\nPPid:", 0);
    }
    return 0;
}
