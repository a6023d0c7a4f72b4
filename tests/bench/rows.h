/*
 * rows.h - what is measured. Each function prints the rows of one measurement.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BENCH_ROWS_H
#define BENCH_ROWS_H

#include "bench.h"

typedef int32_t (*rows_fn)(struct bench *bench, struct enclave_error *err);

/* rows_calls.c: one call, and many calls at once */
int32_t rows_run(struct bench *bench, struct enclave_error *err);
int32_t rows_shell(struct bench *bench, struct enclave_error *err);
int32_t rows_shell_engine(struct bench *bench, struct enclave_error *err);
int32_t rows_python(struct bench *bench, struct enclave_error *err);
int32_t rows_python_cold(struct bench *bench, struct enclave_error *err);
int32_t rows_python_64_in_1(struct bench *bench, struct enclave_error *err);
int32_t rows_python_64_in_8(struct bench *bench, struct enclave_error *err);
/* rows_remote.c: through a server */
int32_t rows_remote_shell(struct bench *bench, struct enclave_error *err);
/* rows_stream.c: much output */
int32_t rows_stdout(struct bench *bench, struct enclave_error *err);
int32_t rows_flood(struct bench *bench, struct enclave_error *err);
/* rows_files.c */
int32_t rows_file(struct bench *bench, struct enclave_error *err);
int32_t rows_dir(struct bench *bench, struct enclave_error *err);
/* rows_life.c: create and delete */
int32_t rows_life(struct bench *bench, struct enclave_error *err);
/* rows_whole.c: a sandbox for one command */
int32_t rows_cycle(struct bench *bench, struct enclave_error *err);
int32_t rows_burst(struct bench *bench, struct enclave_error *err);
/* rows_pool.c: what borrowing and giving back cost */
int32_t rows_pool(struct bench *bench, struct enclave_error *err);
/* rows_many.c: many sandboxes under one manager */
int32_t rows_many(struct bench *bench, struct enclave_error *err);
/* rows_core.c: the manager without sandboxes that cost anything */
int32_t rows_core(struct bench *bench, struct enclave_error *err);
/* rows_growth.c: how cost grows */
int32_t rows_growth_callers(struct bench *bench, struct enclave_error *err);
int32_t rows_growth_sandboxes(struct bench *bench, struct enclave_error *err);
int32_t rows_growth_bytes(struct bench *bench, struct enclave_error *err);

#endif
