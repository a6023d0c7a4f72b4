/*
 * measure.c - see measure.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "measure.h"

#include <stdlib.h>
#include <time.h>

double now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

void series_add(struct series *series, double value)
{
    if (series->count < SERIES_MAX) {
        series->values[series->count++] = value;
    }
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

double series_quantile(struct series *series, double quantile)
{
    if (series->count == 0) {
        return 0;
    }
    qsort(series->values, series->count, sizeof *series->values, by_value);
    return series->values[(size_t)(quantile * (double)(series->count - 1) + 0.5)];
}
