/*
 * watch.h - what the process and its manager hold when nothing is under way, sample after sample, and whether it grew.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SOAK_WATCH_H
#define SOAK_WATCH_H

#include <enclave/enclave.h>

#include <stddef.h>

struct sample {
    double minutes;
    long resident_kib;
    int descriptors, threads;
};

/* Wait until the manager has come to rest, with nothing but an idle pool of so many sandboxes, and look. -1 when it does
 * not within half a minute: then there is something left. */
int watch_take(struct enclave_manager *manager, const char *pool, int size,
               struct sample *ret_sample);

/* What the last third has on average more than the first, KiB. */
long watch_drift_kib(const struct sample *samples, size_t count);

#endif
