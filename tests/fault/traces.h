/*
 * traces.h - what of containers there still is on this host, past the engine's own word: processes, cgroups, mounts,
 * folders that name them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_TEST_TRACES_H
#define ENCLAVE_TEST_TRACES_H

#include <stddef.h>

#define TRACES_MAX 64

struct traces {
    size_t count;
    char ids[TRACES_MAX][65];
    char root[256]; /* the engine's folder */
};

/* The containers that an instance has now. */
void traces_note(struct traces *traces, const char *instance);
/* How many traces of them are left; the last one found is copied. */
int traces_left(const struct traces *traces, char *ret_last, size_t size);

#endif
