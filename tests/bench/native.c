/*
 * native.c - see native.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "native.h"

#include "measure.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { READ_SIZE = 65536, KEPT = 64 };

/* Reads to the end; the beginning is kept in `text`. */
static void drain(int fd, char text[KEPT])
{
    char bytes[READ_SIZE];
    size_t kept = 0;
    ssize_t length;

    while ((length = read(fd, bytes, sizeof bytes)) > 0 || (length < 0 && errno == EINTR)) {
        for (ssize_t i = 0; i < length && kept < KEPT - 1; i++) {
            text[kept++] = bytes[i];
        }
    }
    text[kept] = '\0';
}

/* Its end of the pipe is its stdout; stderr is ours, so that what goes wrong is seen. */
static int spawn(const char *const *argv, int out, pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    int r = posix_spawn_file_actions_init(&actions);

    if (r != 0) {
        return r;
    }
    r = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    if (r == 0) {
        r = posix_spawnp(ret_pid, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv, environ);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    return r;
}

static int wait_for(pid_t pid)
{
    int status = 0;

    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return -1;
        }
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int32_t native_run(const char *const *argv, const char *expected, double *ret_ms,
                   struct enclave_error *err)
{
    char text[KEPT];
    int fds[2];
    pid_t pid;
    double start = now_ms();

    if (pipe2(fds, O_CLOEXEC) < 0) {
        return enclave_error_set(err, ENCLAVE_EIO, "make a pipe: %s", strerror(errno));
    }
    int r = spawn(argv, fds[1], &pid);
    (void)close(fds[1]);
    if (r != 0) {
        (void)close(fds[0]);
        return enclave_error_set(err, ENCLAVE_EIO, "start '%s': %s", argv[0], strerror(r));
    }
    drain(fds[0], text);
    (void)close(fds[0]);
    int code = wait_for(pid);
    double took = now_ms() - start;
    if (code != 0) {
        return enclave_error_set(err, ENCLAVE_EIO, "'%s %s' ended with code %d", argv[0],
                                 argv[1] ? argv[1] : "", code);
    }
    if (expected && strcmp(text, expected) != 0) {
        return enclave_error_set(err, ENCLAVE_EIO, "'%s' printed '%s' and not '%s'", argv[0], text,
                                 expected);
    }
    *ret_ms = took;
    return 0;
}
