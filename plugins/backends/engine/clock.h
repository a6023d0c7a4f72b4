/*
 * clock.h - deadlines on the monotonic clock, in milliseconds.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_ENGINE_CLOCK_H
#define ENCLAVE_ENGINE_CLOCK_H

#include <limits.h>
#include <stdint.h>
#include <time.h>

#define CLOCK_NEVER INT64_MAX

static inline int64_t clock_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The deadline `timeout_ms` from now; 0 or less: never. */
static inline int64_t clock_deadline(int64_t timeout_ms)
{
    int64_t now = clock_now_ms();

    return timeout_ms <= 0 || timeout_ms > CLOCK_NEVER - now ? CLOCK_NEVER : now + timeout_ms;
}

/* The earlier one of `deadline` and `timeout_ms` from now. */
static inline int64_t clock_sooner(int64_t deadline, int64_t timeout_ms)
{
    int64_t other = clock_deadline(timeout_ms);

    return deadline < other ? deadline : other;
}

/* Milliseconds to wait with poll(2): at least 0, at most a minute, after which one looks again. */
static inline int clock_wait_ms(int64_t deadline)
{
    int64_t left = deadline == CLOCK_NEVER ? 60000 : deadline - clock_now_ms();

    return left <= 0 ? 0 : left > 60000 ? 60000 : (int)left;
}

static inline int clock_is_over(int64_t deadline)
{
    return deadline != CLOCK_NEVER && clock_now_ms() >= deadline;
}

#endif
