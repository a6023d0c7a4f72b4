/*
 * native.h - the floor of most rows: the same program, started by us, without a sandbox.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BENCH_NATIVE_H
#define BENCH_NATIVE_H

#include <enclave/error.h>

/*
 * Run a program, read its output through a pipe as any caller that wants it would, wait for it.
 * `expected` (NULL: anything) is what it must print. Any thread.
 */
int32_t native_run(const char *const *argv, const char *expected, double *ret_ms,
                   struct enclave_error *err);

#endif
