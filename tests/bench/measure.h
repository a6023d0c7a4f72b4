/*
 * measure.h - taking times, and what is made of them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stddef.h>
#include <stdint.h>

enum { SERIES_MAX = 4096 };

/* Times of one thing, in microseconds. */
struct series {
    size_t count;
    int64_t us[SERIES_MAX];
};

int64_t now_us(void);
void series_add(struct series *series, int64_t us);
/* 0 to 1; sorts the series. 0 for an empty one. */
int64_t series_quantile(struct series *series, double quantile);

/* Run a program with its output thrown away and wait for it; its exit code, or -1. */
int run_program(const char *const *argv);

#endif
