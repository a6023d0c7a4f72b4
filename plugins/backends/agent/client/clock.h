/*
 * clock.h - monotonic time in milliseconds, and deadlines made of it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_AGENT_CLOCK_H
#define ENCLAVE_AGENT_CLOCK_H

#include <limits.h>
#include <stdint.h>
#include <time.h>

static inline int64_t clock_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* When `timeout_ms` from now is over; 0 or less: INT64_MAX, never. */
static inline int64_t clock_deadline(int64_t timeout_ms)
{
    int64_t now = clock_ms();

    return timeout_ms <= 0 || timeout_ms > INT64_MAX - now ? INT64_MAX : now + timeout_ms;
}

/* What is left of it, for poll() and epoll_wait(); -1: forever. Rounded up, so that it is over when
 * they return. */
static inline int clock_left(int64_t deadline)
{
    int64_t left;

    if (deadline == INT64_MAX) {
        return -1;
    }
    left = deadline - clock_ms() + 1;
    return left <= 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

#endif
