/*
 * progress.h - how far an image has been pulled: a bar on a terminal, lines with -v, else nothing.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_APP_PROGRESS_H
#define ENCLAVE_APP_PROGRESS_H

#include <enclave/types.h>

#include <stdbool.h>

struct progress {
    bool bar;         /* stderr is a terminal */
    int64_t drawn_ms; /* when something was shown last, CLOCK_MONOTONIC; 0: never */
};

void progress_begin(struct progress *progress);

/* An enclave_progress_fn; `ctx` is a struct progress. */
void progress_show(void *ctx, const struct enclave_progress *step);

void progress_end(struct progress *progress);

#endif
