/*
 * crowd.h - many callers at once, and how many calls a second they get done.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BENCH_CROWD_H
#define BENCH_CROWD_H

#include "measure.h"

#include <enclave/error.h>

/* One call. `number` is another for each, counting from 0. Any thread. A failure ends the crowd. */
typedef int32_t (*crowd_fn)(void *ctx, uint64_t number, struct enclave_error *err);

/* What they do: `total` calls in all, or, when that is 0, calls for `for_ms`. */
struct crowd_plan {
    int callers;
    uint64_t total;
    double for_ms;
    crowd_fn call;
    void *ctx;
    struct series *took; /* of each call, in ms; NULL: nobody asks */
};

int32_t crowd_run(const struct crowd_plan *plan, double *ret_per_second, struct enclave_error *err);

#endif
