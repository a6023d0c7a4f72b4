/*
 * pipe_end.c - see pipe_end.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "pipe_end.h"

#include "monotonic.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

/* Printable, whatever a sandbox wrote. */
static void keep_line(struct pipe_end *pipe, const char *text, size_t length)
{
    if (length == 0) {
        return;
    }
    if (length >= sizeof pipe->said) {
        length = sizeof pipe->said - 1;
    }
    for (size_t i = 0; i < length; i++) {
        pipe->said[i] = text[i];
        if (text[i] < 0x20 || text[i] > 0x7e) {
            pipe->said[i] = '?';
        }
    }
    pipe->said[length] = '\0';
}

/* Messages are written as whole lines, so they are looked at as they come. */
static void keep(struct pipe_end *pipe, const char *text, size_t length)
{
    const char *end = text + length;

    while (text < end) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        const char *stop = newline ? newline : end;

        keep_line(pipe, text, (size_t)(stop - text));
        text = stop + 1;
    }
}

static void drain(struct pipe_end *pipe)
{
    char text[4096];
    ssize_t n;

    while ((n = read(pipe->fd, text, sizeof text)) > 0) {
        keep(pipe, text, (size_t)n);
    }
    pipe->at_end = n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

int pipe_end_wait(struct pipe_end *pipe, int64_t timeout_ms)
{
    int64_t deadline = monotonic_ms() + timeout_ms;
    struct pollfd poll_fd = {.fd = pipe->fd, .events = POLLIN};

    for (;;) {
        int64_t left = deadline - monotonic_ms();

        if (!pipe->at_end) {
            drain(pipe);
        }
        if (pipe->at_end || left <= 0) {
            return pipe->at_end;
        }
        (void)poll(&poll_fd, 1, (int)left);
    }
}
