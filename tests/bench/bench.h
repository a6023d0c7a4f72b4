/*
 * bench.h - what all rows share: the setup, sandboxes to measure in, and taking turns with a floor.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include "engine_api.h"
#include "report.h"

#include <enclave/enclave.h>

/* What the floors are of: another backend's are Docker's. */
enum bench_kind { BENCH_DOCKER, BENCH_PODMAN, BENCH_NO_ENGINE };

struct bench {
    const char *program; /* the `enclave` command */
    const char *backend;
    enum bench_kind kind;
    const char *image;
    int json;
    int rounds;    /* of the slow rows; quick ones take 20 times as many, heavy ones a fifth */
    int sandboxes; /* of the row `many` */
    struct enclave_manager *manager;
    struct engine_api *engine; /* NULL: no engine answers on a socket of this machine */
};

enum { QUICK = 20, HEAVY = 5 };

/* A signal asked us to end; everything that repeats looks at it. */
int bench_interrupted(void);

/* ------------------------------------------------------------------------------------ sandboxes */

/* A roomy one, with 2 CPUs where that can be limited; `tools` is its tools_config, in JSON. */
int32_t box_create(const struct bench *bench, const char *tools, char id[ENCLAVE_ID_SIZE],
                   struct enclave_error *err);
void box_delete(const struct bench *bench, const char *id);

/* One call of a tool, its time in ms; `expected` (NULL: anything) is the output that it must have. */
int32_t box_call(const struct bench *bench, const char *id, const char *tool, const char *params,
                 const char *expected, double *ret_ms, struct enclave_error *err);
/* The result is an error of ours unless the program succeeded. */
int32_t check_result(const struct enclave_result *result, struct enclave_error *err);

/* --------------------------------------------------------------------------------- taking turns */

/* One measurement: its value, in the unit of its row. */
typedef int32_t (*sample_fn)(void *ctx, double *ret_value, struct enclave_error *err);

struct turns {
    sample_fn measured;
    sample_fn floor; /* NULL: there is none */
    void *ctx;
    int rounds;
    int per_floor; /* samples of ours for one of the floor, when that is slow; 0 is 1 */
    int no_warm_up;
};

/* Round by round the floor, then ours, so that whatever else the machine does meets both. A
 * round before the first is to warm up and is not kept. */
int32_t take_turns(const struct turns *turns, struct row *row, struct enclave_error *err);

#endif
