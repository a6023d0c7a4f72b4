/*
 * capture.h - one call of a tool, with what it wrote byte by byte.
 *
 * Owns: the call, and the memory that its output is kept in. Does not own: any judgement of it. May be
 * used from any thread: nothing here asserts.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_TEST_CAPTURE_H
#define ENCLAVE_TEST_CAPTURE_H

#include "support.h"

#include <json-c/json.h>

/* Bytes, and a NUL behind them; all zero is empty. */
struct bytes {
    char *data;
    size_t length;
};

struct capture {
    int32_t error;    /* of the call itself; 0: there is an outcome */
    char reason[512]; /* of that error */
    uint32_t cause;
    int32_t exit_code;
    int32_t signal;
    int warm;         /* metadata.warm */
    struct bytes out; /* stdout */
    struct bytes err; /* stderr */
};

/* Append; -1 when it would grow over 64 MiB or memory is short. */
int bytes_append(struct bytes *bytes, const void *data, size_t length);
void bytes_free(struct bytes *bytes);

/* Everything in the file at `path`; 0, or -1. */
int bytes_read_file(struct bytes *ret_bytes, const char *path);

/* Takes `params` over. `input` and `cancel` may be NULL. */
void capture_run(struct enclave_manager *manager, const char *id, const char *tool,
                 json_object *params, const struct bytes *input, struct enclave_cancel *cancel,
                 int64_t timeout_ms, struct capture *ret_capture);
void capture_free(struct capture *capture);

#endif
