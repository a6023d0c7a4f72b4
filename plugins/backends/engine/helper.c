/* SPDX-License-Identifier: Apache-2.0 */
#include "helper.h"

#include "clock.h"

#include <enclave/error.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

extern char **environ;

/* A helper that runs. */
struct helper {
    pid_t pid;
    int pidfd; /* -1: to be had only from Linux 5.3 on */
    int in;    /* a socket, since writing to a pipe may raise SIGPIPE */
    int out;
};

static int name_is_valid(const char *name)
{
    size_t length = strlen(name);

    return length > 0 && length <= 64 && name[0] != '.' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
               length;
}

static void close_pair(int pair[2])
{
    for (int i = 0; i < 2; i++) {
        if (pair[i] >= 0) {
            close(pair[i]);
        }
    }
}

static int set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t all, none;

    sigfillset(&all);
    sigemptyset(&none);
    return posix_spawnattr_setsigdefault(attributes, &all) ||
           posix_spawnattr_setsigmask(attributes, &none) ||
           posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
}

static int set_files(posix_spawn_file_actions_t *files, int in, int out)
{
    return posix_spawn_file_actions_adddup2(files, in, 0) ||
           posix_spawn_file_actions_adddup2(files, out, 1) ||
           posix_spawn_file_actions_addopen(files, 2, "/dev/null", O_WRONLY, 0) ||
           /* The embedding program may have files without CLOEXEC. */
           posix_spawn_file_actions_addclosefrom_np(files, 3);
}

/* An errno. */
static int spawn(const char *program, int in, int out, pid_t *ret_pid)
{
    char *const argv[] = {(char *)program, (char *)"get", NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    int error;

    if (posix_spawn_file_actions_init(&files) != 0) {
        return ENOMEM;
    }
    if (posix_spawnattr_init(&attributes) != 0) {
        posix_spawn_file_actions_destroy(&files);
        return ENOMEM;
    }
    error = set_files(&files, in, out) || set_attributes(&attributes)
                ? ENOMEM
                : posix_spawnp(ret_pid, program, &files, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return error;
}

static int32_t start(const char *name, struct helper *helper)
{
    char program[96];
    int in[2] = {-1, -1}, out[2] = {-1, -1};
    int error;

    snprintf(program, sizeof program, "docker-credential-%s", name);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in) < 0 || pipe2(out, O_CLOEXEC) < 0) {
        close_pair(in);
        close_pair(out);
        return ENCLAVE_EIO;
    }
    error = spawn(program, in[1], out[1], &helper->pid);
    close(in[1]);
    close(out[1]);
    in[1] = out[1] = -1;
    if (error) {
        close_pair(in);
        close_pair(out);
        return error == ENOENT || error == EACCES ? ENCLAVE_ENOTFOUND
               : error == ENOMEM                  ? ENCLAVE_ENOMEM
                                                  : ENCLAVE_EIO;
    }
    helper->in = in[0];
    helper->out = out[0];
    helper->pidfd = (int)syscall(SYS_pidfd_open, helper->pid, 0);
    return 0;
}

/* Wait until `fd` is readable or at its end. */
static int32_t wait_for(int fd, int64_t deadline, int cancel_fd)
{
    struct pollfd wait[2] = {{.fd = fd, .events = POLLIN}, {.fd = cancel_fd, .events = POLLIN}};

    for (;;) {
        if (clock_is_over(deadline)) {
            return ENCLAVE_ETIMEOUT;
        }
        if (poll(wait, 2, clock_wait_ms(deadline)) < 0 && errno != EINTR) {
            return ENCLAVE_EIO;
        }
        if (wait[1].revents) {
            return ENCLAVE_ECANCELLED;
        }
        if (wait[0].revents) {
            return 0;
        }
    }
}

static int32_t read_output(const struct helper *helper, int64_t deadline, int cancel_fd,
                           struct buffer *output)
{
    char chunk[4096];

    for (;;) {
        int32_t code = wait_for(helper->out, deadline, cancel_fd);
        ssize_t n = code ? -1 : read(helper->out, chunk, sizeof chunk);

        if (n == 0) {
            explicit_bzero(chunk, sizeof chunk);
            return 0;
        }
        if (n > 0) {
            code = buffer_append(output, chunk, (size_t)n);
        } else if (!code && errno != EINTR) {
            code = ENCLAVE_EIO;
        }
        if (code) {
            explicit_bzero(chunk, sizeof chunk);
            return code;
        }
    }
}

/* Killed when it does not end by itself. The pidfd keeps a pid that is used again from being hit.
 */
static void finish(struct helper *helper, int64_t deadline, int cancel_fd)
{
    close(helper->in);
    close(helper->out);
    if (helper->pidfd < 0) {
        (void)kill(helper->pid, SIGKILL);
        while (waitpid(helper->pid, NULL, 0) < 0 && errno == EINTR) {
        }
        return;
    }
    if (wait_for(helper->pidfd, deadline, cancel_fd) != 0) {
        (void)syscall(SYS_pidfd_send_signal, helper->pidfd, SIGKILL, NULL, 0);
    }
    siginfo_t info;
    while (waitid(P_PIDFD, (id_t)helper->pidfd, &info, WEXITED) < 0 && errno == EINTR) {
    }
    close(helper->pidfd);
}

int32_t helper_get(const char *name, const char *server, int64_t deadline, int cancel_fd,
                   struct buffer *output)
{
    struct helper helper;
    size_t length = strlen(server);
    int32_t code;

    if (!name_is_valid(name)) {
        return ENCLAVE_EINVALID;
    }
    code = start(name, &helper);
    if (code) {
        return code;
    }
    /* A short text always fits into a new socket; a helper that does not read it will not answer.
     */
    (void)!send(helper.in, server, length, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)shutdown(helper.in, SHUT_WR);
    code = read_output(&helper, deadline, cancel_fd, output);
    finish(&helper, code ? 0 : deadline, cancel_fd);
    return code;
}
