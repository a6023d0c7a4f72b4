/*
 * main.c - the program enclave-launcher: starts the bwrap of each sandbox of one backend, and sees
 * to it that nothing is left when that backend, or its process, is gone.
 *
 * It is a process of its own, and no child of the manager's, since a library must not care what the
 * program around it does with children: that may ignore SIGCHLD, wait for any child, or end the
 * thread that made one. It holds nothing of the manager's but the socket.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "box.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* -------------------------------------------------------------------------------------- requests */

static size_t take_fds(const struct msghdr *message, int fds[LAUNCHER_FDS_MAX])
{
    struct cmsghdr *control = CMSG_FIRSTHDR(message);
    size_t count = 0;

    if (control && control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_RIGHTS) {
        count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(fds, CMSG_DATA(control), count * sizeof(int));
    }
    return count;
}

static void handle(struct boxes *boxes, char *bytes, size_t length, const int *fds, size_t count)
{
    struct launcher_request request;

    if (length < sizeof request) {
        return;
    }
    memcpy(&request, bytes, sizeof request);
    if (request.type == LAUNCHER_START && count >= 2) {
        boxes_start(boxes, &request, bytes + sizeof request, length - sizeof request, fds, count);
    } else if (request.type == LAUNCHER_KILL) {
        boxes_kill(boxes, request.token);
    }
}

/* One request. 0, or -1 at the end. */
static int receive(struct boxes *boxes)
{
    static char bytes[LAUNCHER_MESSAGE_MAX];
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(LAUNCHER_FDS_MAX * sizeof(int))];
    } control;
    struct iovec part = {.iov_base = bytes, .iov_len = sizeof bytes};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.space,
                             .msg_controllen = sizeof control.space};
    int fds[LAUNCHER_FDS_MAX];
    ssize_t n = recvmsg(LAUNCHER_SOCKET_FD, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    size_t count;

    if (n < 0) {
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    }
    if (n == 0) {
        return -1;
    }
    count = take_fds(&message, fds);
    if (!(message.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
        handle(boxes, bytes, (size_t)n, fds, count);
    }
    for (size_t i = 0; i < count; i++) {
        close(fds[i]);
    }
    return 0;
}

/* ----------------------------------------------------------------------------------------- start */

static int watch_signals(void)
{
    sigset_t watched;

    sigemptyset(&watched);
    sigaddset(&watched, SIGCHLD);
    sigaddset(&watched, SIGTERM);
    sigprocmask(SIG_SETMASK, &watched, NULL);
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Root of the whole machine, and not of a container that has some of its uids: all ids are there. */
static int is_root(void)
{
    FILE *file = fopen("/proc/self/uid_map", "re");
    unsigned long inside = 1;
    unsigned long outside = 1;
    unsigned long count = 0;

    if (file) {
        if (fscanf(file, "%lu %lu %lu", &inside, &outside, &count) != 3) {
            count = 0;
        }
        (void)fclose(file);
    }
    return geteuid() == 0 && inside == 0 && outside == 0 && count == UINT32_MAX;
}

/* One descriptor for each sandbox. */
static void raise_limits(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
}

static int greet(const struct launcher_hello *hello)
{
    return send(LAUNCHER_SOCKET_FD, hello, sizeof *hello, MSG_NOSIGNAL) == (ssize_t)sizeof *hello
               ? 0
               : -1;
}

/* 1 when a signal says to end. */
static int take_signals(int fd)
{
    struct signalfd_siginfo info;
    int end = 0;

    while (read(fd, &info, sizeof info) == (ssize_t)sizeof info) {
        end |= info.ssi_signo == SIGTERM;
    }
    return end;
}

static void serve(struct boxes *boxes, int signals)
{
    int has_manager = fcntl(LAUNCHER_MANAGER_FD, F_GETFD) >= 0; /* else: Linux before 5.3 */
    struct pollfd fds[] = {{.fd = LAUNCHER_SOCKET_FD, .events = POLLIN},
                           {.fd = has_manager ? LAUNCHER_MANAGER_FD : -1, .events = POLLIN},
                           {.fd = signals, .events = POLLIN}};

    for (;;) {
        int ended = 0;

        if (poll(fds, sizeof fds / sizeof *fds, boxes_tidy(boxes)) < 0 && errno != EINTR) {
            return;
        }
        ended = fds[2].revents && take_signals(signals);
        boxes_reap(boxes);
        /* The pidfd counts where a child of the manager's still holds the socket. */
        if (ended || (fds[1].revents & POLLIN) || (fds[0].revents && receive(boxes) < 0)) {
            return;
        }
    }
}

int main(void)
{
    struct boxes boxes = {.is_root = is_root()};
    struct launcher_hello hello = {.magic = LAUNCHER_MAGIC, .is_root = (uint32_t)boxes.is_root};
    struct stat st;
    int signals;

    if (fstat(LAUNCHER_SOCKET_FD, &st) < 0 || !S_ISSOCK(st.st_mode)) {
        (void)fprintf(stderr, "enclave-launcher is started by Enclave's bubblewrap backend\n");
        return 2;
    }
    umask(022);
    raise_limits();
    signals = watch_signals();
    if (signals < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0) {
        return 1;
    }
    cgroups_open(&boxes.cgroups, &hello);
    if (greet(&hello) == 0) {
        serve(&boxes, signals);
    }
    shutdown(LAUNCHER_SOCKET_FD, SHUT_RD); /* its closing tells that all is gone */
    boxes_end(&boxes, signals);
    return 0;
}
