/*
 * clock.h - times: monotonic for deadlines and ages, UTC for what people read.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CORE_CLOCK_H
#define CORE_CLOCK_H

#include <pthread.h>
#include <stdint.h>
#include <time.h>

/* Microseconds of CLOCK_MONOTONIC. */
int64_t clock_monotonic_us(void);
/* Microseconds since the Unix epoch, UTC. */
int64_t clock_utc_us(void);

/* Seconds as a timeout in milliseconds: 0 (no limit) only for 0, and never so long that it overflows. */
int64_t clock_seconds_to_ms(double seconds);
#define CLOCK_MS_MAX INT64_C(1000000000000)

#define CLOCK_TEXT_SIZE 32
/* ISO 8601 with microseconds and "Z", as "2025-01-31T12:00:00.000000Z". */
void clock_format_utc(int64_t utc_us, char ret_text[CLOCK_TEXT_SIZE]);

/* A condition variable whose timed waits count on CLOCK_MONOTONIC. 0 or ENCLAVE_ENOMEM. */
int32_t clock_cond_init(pthread_cond_t *cond);
/* Wait until `deadline_us` (monotonic); INT64_MAX: for ever. 0, or ETIMEDOUT. */
int clock_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t deadline_us);

#endif
