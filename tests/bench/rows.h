/*
 * rows.h - what is measured, each beside its floor, interleaved in one run.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BENCH_ROWS_H
#define BENCH_ROWS_H

#include "measure.h"

#include <enclave/enclave.h>

struct bench {
    const char *program; /* the `enclave` command */
    const char *backend;
    const char *image;
    int rounds; /* of the slow rows; the quick ones take 20 times as many */
    struct enclave_manager *manager;
};

struct row {
    const char *name;
    const char *floor; /* what it is compared with; NULL: nothing */
    struct series measured;
    struct series floor_measured;
};

/* Each fills in one row; 0, or a negative code with `err`. */
typedef int32_t (*row_fn)(struct bench *bench, struct row *row, struct enclave_error *err);

extern const row_fn all_rows[];
extern const size_t row_count;

#endif
