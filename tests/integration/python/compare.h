/*
 * compare.h - whether two calls of a script did the same, and how they differ.
 *
 * Owns: taking the script's own folder out of what it wrote, comparing, printing the difference.
 * Does not own: running anything.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_TEST_COMPARE_H
#define ENCLAVE_TEST_COMPARE_H

#include "capture.h"

/*
 * Put "@" in the place of the script's folder, in both streams: `prefix` and the name behind it, up
 * to the next '/' or whatever else is no letter, digit or '_'. 0, or -1 when memory is short.
 */
int compare_normalise(struct capture *capture, const char *prefix);

/* 1 when they are the same; else 0, and the difference is printed under `title`. */
int compare_same(const char *title, const struct capture *expected, const struct capture *got);

#endif
