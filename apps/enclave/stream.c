/*
 * stream.c - see stream.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "stream.h"

#include <enclave/enclave.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>

/*
 * Wait until some bytes can be written. A reader that is slow or stopped must not keep us from
 * noticing Ctrl-C, so what may block is poll(), never write(). 0, or -1 to give up.
 */
static int wait_writable(struct stream *stream, int fd)
{
    struct pollfd fds[] = {{.fd = fd, .events = POLLOUT},
                           {.fd = stream->cancel_fd, .events = POLLIN}};

    for (;;) {
        if (poll(fds, 2, -1) < 0 && errno != EINTR) {
            stream->error = errno;
            return -1;
        }
        if (fds[1].revents) {
            return -1;
        }
        if (fds[0].revents) {
            return 0; /* an error, too, is for write() to tell */
        }
    }
}

int32_t stream_output(void *ctx, uint32_t which, const void *data, uint64_t length)
{
    struct stream *stream = ctx;
    int fd = which == ENCLAVE_STDERR ? STDERR_FILENO : STDOUT_FILENO;
    const char *at = data;

    while (length > 0) {
        /* POLLOUT promises room for PIPE_BUF bytes in a pipe, and for no more (pipe(7)). */
        size_t chunk = length < PIPE_BUF ? (size_t)length : PIPE_BUF;
        ssize_t n;
        if (wait_writable(stream, fd) != 0) {
            return ENCLAVE_ECANCELLED;
        }
        n = write(fd, at, chunk);
        if (n < 0 && (errno == EINTR || errno == EAGAIN)) {
            continue;
        }
        if (n < 0) {
            stream->error = errno;
            return ENCLAVE_EIO;
        }
        at += n;
        length -= (uint64_t)n;
        stream->bytes[which == ENCLAVE_STDERR ? ENCLAVE_STDERR : ENCLAVE_STDOUT] += (uint64_t)n;
    }
    return 0;
}
