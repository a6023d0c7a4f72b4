/*
 * exec.h - one command on top of a backend's `spawn`: deadline, output limits, streaming, stdin, cancel,
 * and the truth about its end. Knows no tool and no JSON.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CORE_EXEC_H
#define CORE_EXEC_H

#include "buffer.h"

#include <enclave/backend.h>
#include <enclave/enclave.h>
#include <enclave/tool.h>

/* Where one stream goes. */
struct exec_stream {
    struct buffer *keep;             /* its first bytes, up to the buffer's limit; NULL: none */
    const struct enclave_sink *sink; /* all of it; NULL: none */
    uint64_t bytes;                  /* seen in all */
};

struct exec {
    /* What to do; filled in by the caller. */
    const struct enclave_backend_ops *ops;
    const char *backend; /* its name, for messages */
    void *sandbox;
    struct enclave_spawn spawn; /* without flags and window */
    const void *stdin_data;
    uint64_t stdin_length;
    int64_t deadline_us; /* clock_monotonic_us(); INT64_MAX: none */
    struct enclave_cancel *cancel;
    enclave_output_fn output; /* all of both streams, in the calling thread; NULL: none */
    void *output_ctx;
    int kill_on_limit; /* end it when `keep` is full */
    struct exec_stream out;
    struct exec_stream err;
    /* What became of it. */
    struct enclave_outcome outcome;
    char reason[256]; /* from the backend; "" when it said nothing */
    int outlived;     /* the program had ended; processes that it left behind were killed */
};

/* Run it; blocks. 0 when its end is known, in exec->outcome; an error when it could not be attempted, or a
 * sink failed (the command has been ended then). */
int32_t exec_run(struct exec *exec, struct enclave_error *err);

#endif
