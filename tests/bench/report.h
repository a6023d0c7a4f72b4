/*
 * report.h - a row, and how rows are shown: a table for people, or one JSON object on each line.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include "machine.h"
#include "measure.h"

enum { FACTS_MAX = 4 };

/* One thing measured, beside its floor. Texts are borrowed. */
struct row {
    const char *key;      /* "shell": what --only and programs know it by */
    const char *what;     /* one line for people */
    const char *floor_is; /* what it is compared with; NULL: nothing */
    const char *unit;     /* "ms"; of a unit "/s" and "MB/s" more is better */
    struct series measured;
    struct series floor;
    /* More numbers that belong to it. */
    size_t fact_count;
    struct {
        const char *name;
        double value;
    } facts[FACTS_MAX];
};

void row_fact(struct row *row, const char *name, double value);

void report_begin(int json, const struct machine *machine, const char *backend, const char *engine,
                  const char *image);
/* Sorts the row's series. A row without a single value is not shown. */
void report_row(int json, struct row *row);
/* A row that cannot be measured here. */
void report_missing(int json, const char *key, const char *why);

#endif
