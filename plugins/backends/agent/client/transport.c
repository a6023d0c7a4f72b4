/*
 * transport.c - the transport over a plain socket.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent.h"

#include <errno.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

/* The descriptor itself is the context, so that there is nothing to allocate. */
static int descriptor(void *ctx)
{
    return (int)(intptr_t)ctx;
}

static ssize_t socket_read(void *ctx, void *buffer, size_t capacity)
{
    ssize_t n = recv(descriptor(ctx), buffer, capacity, MSG_DONTWAIT);

    return n < 0 ? -errno : n;
}

static ssize_t socket_write(void *ctx, const void *data, size_t length)
{
    ssize_t n = send(descriptor(ctx), data, length, MSG_DONTWAIT | MSG_NOSIGNAL);

    return n < 0 ? -errno : n;
}

static void socket_close(void *ctx)
{
    close(descriptor(ctx));
}

struct agent_transport agent_transport_socket(int fd, uint32_t flags)
{
    return (struct agent_transport){.fd = fd,
                                    .flags = flags | AGENT_TRANSPORT_PLAIN,
                                    .ctx = (void *)(intptr_t)fd,
                                    .read = socket_read,
                                    .write = socket_write,
                                    .close = socket_close};
}
