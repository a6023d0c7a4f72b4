/*
 * footprint.h - what this process holds: descriptors, threads, memory (proc(5)).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_TEST_FOOTPRINT_H
#define ENCLAVE_TEST_FOOTPRINT_H

struct footprint {
    int fds;
    int threads;
    long rss_kib;
};
struct footprint footprint_now(void);

#endif
