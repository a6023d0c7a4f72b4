/*
 * job.h - executions that go on beside the case: to be looked at, cancelled, or lost meanwhile. One that is
 * not waited for is cancelled and waited for when the case ends.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CONFORMANCE_JOB_H
#define CONFORMANCE_JOB_H

#include "box.h"

struct job;

/* A line for the shell, with no timeout of its own. */
struct job *job_start(struct test *t, const struct box *box, const char *command);
/* Until its output has this part. Fails the case when it ends before, or after 30 seconds. */
void job_wait_output(struct test *t, struct job *job, const char *part);
/* Hold its listener, and with it the writer, until job_go_on(). */
void job_hold(struct job *job);
void job_go_on(struct job *job);
void job_cancel(struct job *job);
/* 1: it has ended. */
int job_over(struct job *job);
/* Wait for its end. NULL: it failed with an error, `*ret_err`. The result lives as long as the case. */
struct enclave_result *job_end(struct test *t, struct job *job, struct enclave_error *ret_err);

#endif
