/*
 * stream.h - what the program in the sandbox writes, passed on to our stdout and stderr at once.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_APP_STREAM_H
#define ENCLAVE_APP_STREAM_H

#include <stdint.h>

struct stream {
    int cancel_fd;     /* readable: stop writing; -1: never */
    int error;         /* errno of the first write that failed, 0: none */
    uint64_t bytes[3]; /* passed on, by ENCLAVE_STDOUT and ENCLAVE_STDERR */
};

/* An enclave_output_fn; `ctx` is a struct stream. */
int32_t stream_output(void *ctx, uint32_t which, const void *data, uint64_t length);

#endif
