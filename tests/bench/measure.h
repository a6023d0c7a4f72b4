/*
 * measure.h - the clock, and what is made of many values of one thing.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stddef.h>

enum { SERIES_MAX = 16384 };

struct series {
    size_t count;
    double values[SERIES_MAX];
};

/* Monotonic. */
double now_ms(void);

/* What is beyond SERIES_MAX is not kept. */
void series_add(struct series *series, double value);
/* `quantile` is 0 to 1; sorts the series. 0 for an empty one. */
double series_quantile(struct series *series, double quantile);

#endif
