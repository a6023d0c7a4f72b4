/*
 * floors.h - the floors that depend on the backend: what the same is without Enclave, by the command of an
 * engine, by bwrap, or natively.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BENCH_FLOORS_H
#define BENCH_FLOORS_H

#include "bench.h"

/* Of one run from nothing to nothing, and its name for people. */
const char *floor_run_name(const struct bench *bench);
int32_t floor_run(const struct bench *bench, double *ret_ms, struct enclave_error *err);

/* Of `bytes` on stdout, through a pipe. */
const char *floor_stream_name(const struct bench *bench);
int32_t floor_stream(const struct bench *bench, unsigned long long bytes, double *ret_ms,
                     struct enclave_error *err);

/* bwrap with namespaces of its own and the host's files, running `true`. */
#define FLOOR_BWRAP_NAME "bwrap --unshare-all --ro-bind / / true"
int32_t floor_bwrap(double *ret_ms, struct enclave_error *err);

#endif
