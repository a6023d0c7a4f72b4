/*
 * image_lock.c - see image_lock.h.
 *
 * flock(2) alone cannot be waited for together with something else. So what is locked is a FIFO, and
 * whoever wants it opens it for reading too: that end hangs up when the last writer is gone, and
 * poll(2) tells. The lock's holder is a writer as long as it holds it, since lock and writing end are
 * one description; close(2) drops the lock first and hangs up then. Those who try and fail are
 * writers for that moment only, so no hang-up is missed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "image_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* 1: taken; 0: another has it; -1: errno. */
static int try(int folder, const char *name, int *ret_fd)
{
    int fd = openat(folder, name, O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    int number;

    if (fd < 0) {
        return -1;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        *ret_fd = fd;
        return 1;
    }
    number = errno;
    (void)close(fd);
    errno = number;
    return number == EWOULDBLOCK ? 0 : -1;
}

/* 1: try again; 0: cancelled; -1: errno. */
static int wait_for_end(int reader, int cancel_fd)
{
    struct pollfd ends[2] = {{.fd = reader}, {.fd = cancel_fd, .events = POLLIN}};

    while (poll(ends, 2, -1) < 0) {
        if (errno != EINTR) {
            return -1;
        }
    }
    return ends[1].revents ? 0 : 1;
}

int image_lock_take(int folder, const char *name, int cancel_fd, int *ret_fd)
{
    int reader;
    int r;

    if (mkfifoat(folder, name, 0600) < 0 && errno != EEXIST) {
        return -1;
    }
    reader = openat(folder, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    if (reader < 0) {
        return -1;
    }
    while ((r = try(folder, name, ret_fd)) == 0) {
        r = wait_for_end(reader, cancel_fd);
        if (r != 1) {
            break;
        }
    }
    (void)close(reader);
    return r;
}
