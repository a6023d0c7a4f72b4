/*
 * crowd.h - several threads that do the same at the same time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CONFORMANCE_CROWD_H
#define CONFORMANCE_CROWD_H

#include "box.h"

struct member {
    const struct box *box; /* as given */
    int index;
    void *ctx;      /* as given */
    int32_t answer; /* what `work` returned */
    struct enclave_error err;
};

enum { CROWD_MAX = 16 };

/* Run `work` in so many threads that begin together, and wait for all. Inside, nothing of tap.h may be used. */
void crowd(int count, const struct box *box, void *ctx, int32_t (*work)(struct member *member),
           struct member members[CROWD_MAX]);
/* The same, and each must return 0. */
void crowd_well(struct test *t, int count, const struct box *box, void *ctx,
                int32_t (*work)(struct member *member));

#endif
