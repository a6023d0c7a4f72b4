/*
 * call.h - one FILE execution, run from the caller's thread: bytes in, bytes out, deadline, cancel.
 *
 * Owns: the bounded queue between the loop's thread and the caller's, the wait, the translation of
 * an errno. Does not own: what the bytes mean (files.c, archive_put.c, archive_get.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_AGENT_CALL_H
#define ENCLAVE_AGENT_CALL_H

#include "agent.h"

#include "../wire.h"

#include <pthread.h>

/* Result of call_write() besides 0 and errors: the agent has ended it; call_close() says why. */
#define CALL_ENDED 1

#define CALL_REASON_SIZE 256

struct call {
    const char *what; /* "read" */
    char path[160];   /* as much of it as messages quote */
    void *process;
    int64_t timeout_ms;
    int64_t deadline;
    int cancel_fd;
    int wake_fd;
    int input_cut;   /* it ended before all input was written */
    uint8_t *gather; /* input that is not sent yet: a frame for each tree record would cost more
                        than what is in them */
    size_t gathered;

    pthread_mutex_t lock; /* guards all below; taken with no other lock held */
    int waiting;          /* the caller polls wake_fd */
    int writable;
    int ended;
    struct enclave_exit end;
    char reason[CALL_REASON_SIZE];
    uint8_t *ring;
    size_t size; /* of `ring`: the window, so that the agent's credit keeps it from overflowing */
    size_t start;
    size_t length;
};

struct call_kind {
    enum wire_file_op op;
    const char *what;
    uint8_t has_input;
    uint8_t has_output;
};

/* `request` is borrowed for this call only. After success call_close() is due. */
int32_t call_open(struct call *call, struct agent *agent, const struct call_kind *kind,
                  const struct enclave_file_request *request, int32_t cancel_fd,
                  struct enclave_error *err);
/* Wait for output. It stays in place until call_done(); a length of 0 is its end. */
int32_t call_read(struct call *call, const uint8_t **ret_data, size_t *ret_length,
                  struct enclave_error *err);
void call_done(struct call *call, size_t length);
/* All of it, now or with what is written next; waits for room. */
int32_t call_write(struct call *call, const void *data, size_t length, struct enclave_error *err);
/* End of the input, then wait for the end, without regard to output. */
int32_t call_end_input(struct call *call, struct enclave_error *err);
/*
 * Free it. With `code` below 0 the operation is ended first, and `code` returned. Otherwise it has
 * ended, and the result is the agent's.
 */
int32_t call_close(struct call *call, int32_t code, struct enclave_error *err);

#endif
