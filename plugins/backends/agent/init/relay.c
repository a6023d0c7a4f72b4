/*
 * relay.c - see relay.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "relay.h"

#include "util.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#define CHUNK (64u << 10)

static void copy(int from, int to)
{
    static char chunk[CHUNK];
    for (;;) {
        ssize_t n = read(from, chunk, sizeof(chunk));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0 || write_all(to, chunk, (size_t)n) < 0)
            return;
    }
}

/* A process for each direction, so that neither waits for the other. */
int relay(const char *socket_path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", socket_path);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
        dprintf(2, "enclave-agent: cannot connect to '%s': %s\n", socket_path, error_text(errno));
        return 1;
    }
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid < 0) {
        dprintf(2, "enclave-agent: cannot start a process: %s\n", error_text(errno));
        return 1;
    }
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent)
            copy(0, fd);
        shutdown(fd, SHUT_RDWR); /* which ends the other */
        _exit(0);
    }
    copy(fd, 1);
    kill(pid, SIGKILL);
    return 0;
}
