/*
 * job.h - one submitted execution: what was given, copied, and how it ended.
 * Does not know of queues and threads (submit.h).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CORE_JOB_H
#define CORE_JOB_H

#include "cancel.h"
#include "sandbox.h"

#include <sys/queue.h>

struct job {
    uint64_t ticket;
    void *user_data;
    struct sandbox *sandbox; /* with a reference */
    const char *tool;
    const char *params;
    struct enclave_execute_options options; /* `cancel` is the job's own */
    struct enclave_cancel *callers;         /* triggers the own one; NULL: none was given */
    struct cancel_watch watch;              /* on it */
    uint64_t bytes;
    int64_t submitted_us;
    int taken;            /* out of its lane */
    TAILQ_ENTRY(job) row; /* in its lane; when it has ended, among the completions */
    LIST_ENTRY(job) same; /* in its bucket, until it has ended */
    int32_t code;
    char *message; /* of an error */
    struct enclave_result *result;
    char copies[]; /* what the pointers above point to */
};

/* Takes over the reference to the sandbox, also on failure. NULL without memory. */
struct job *job_new(struct sandbox *sandbox, const char *tool, const char *params,
                    const struct enclave_execute_options *options, void *user_data);
void job_free(struct job *job);

/* Its completion; the result stays the job's as well. */
struct enclave_completion job_completion(const struct job *job);

#endif
