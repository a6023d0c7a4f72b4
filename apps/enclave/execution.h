/*
 * execution.h - one execution as the command line asks for it: its parameters, its output as it comes, what is
 * said of its end, the exit code.
 *
 * Does not own: the sandbox that it runs in.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_APP_EXECUTION_H
#define ENCLAVE_APP_EXECUTION_H

#include "args.h"
#include "run_options.h"
#include "signals.h"
#include "stream.h"

#include <enclave/enclave.h>

struct execution {
    const struct globals *globals;
    const struct run_options *options;
    struct signals *signals;
    struct enclave_manager *manager;
    struct stream stream;
    char id[ENCLAVE_ID_SIZE]; /* of the sandbox */
};

/* Run `body`, which makes the manager, with signals caught (signals.h). Returns its exit code, or that of a signal. */
int execution_guard(const struct globals *globals, struct run_options *options, unsigned patience,
                    int (*body)(struct execution *execution));

/* Execute and show. Returns the exit code. */
int execution_run(struct execution *execution);

/* The exit code for a call that failed, after telling it. A signal counts more, and needs no words. */
int execution_fail(const struct execution *execution, const struct enclave_error *err);

#endif
