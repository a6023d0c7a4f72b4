/*
 * clock.c - see clock.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "clock.h"

#include <enclave/error.h>

#include <inttypes.h>
#include <stdio.h>

static int64_t read_us(clockid_t id)
{
    struct timespec now;
    (void)clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_monotonic_us(void)
{
    return read_us(CLOCK_MONOTONIC);
}

int64_t clock_utc_us(void)
{
    return read_us(CLOCK_REALTIME);
}

int64_t clock_seconds_to_ms(double seconds)
{
    if (!(seconds > 0)) {
        return 0;
    }
    if (seconds >= (double)CLOCK_MS_MAX / 1000) {
        return CLOCK_MS_MAX;
    }
    int64_t ms = (int64_t)(seconds * 1000 + 0.5);
    return ms > 0 ? ms : 1;
}

void clock_format_utc(int64_t utc_us, char ret_text[CLOCK_TEXT_SIZE])
{
    time_t seconds = (time_t)(utc_us / 1000000);
    struct tm utc;
    char date[20] = "1970-01-01T00:00:00";

    if (gmtime_r(&seconds, &utc)) {
        (void)strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc);
    }
    (void)snprintf(ret_text, CLOCK_TEXT_SIZE, "%.19s.%06dZ", date, (int)(utc_us % 1000000));
}

int32_t clock_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0) {
        return ENCLAVE_ENOMEM;
    }
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    int r = pthread_cond_init(cond, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    return r == 0 ? 0 : ENCLAVE_ENOMEM;
}

int clock_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t deadline_us)
{
    if (deadline_us == INT64_MAX) {
        return pthread_cond_wait(cond, lock);
    }
    struct timespec until = {.tv_sec = (time_t)(deadline_us / 1000000),
                             .tv_nsec = (long)(deadline_us % 1000000) * 1000};
    return pthread_cond_timedwait(cond, lock, &until);
}
