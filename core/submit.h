/*
 * submit.h - executions that nobody waits for: their queue, the threads that run them, their completions.
 * Does not know how a tool is executed (execute.h).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CORE_SUBMIT_H
#define CORE_SUBMIT_H

#include <enclave/enclave.h>

struct submitter;

/* What it is doing at the moment. */
struct submit_state {
    uint64_t running;
    uint64_t queued;
    uint64_t completed; /* and not taken yet */
    uint64_t threads;
};

/* NULL without memory. Its threads are made on demand. [loader] */
struct submitter *submitter_new(struct enclave_manager *manager);
/* Drop what is queued, cancel what runs; new ones are refused from now on. Accepts NULL. */
void submitter_stop(struct submitter *submitter);
/* After the stop: wait for the threads, drop the completions, free it. Accepts NULL. [loader] */
void submitter_free(struct submitter *submitter);

struct submit_state submitter_state(struct submitter *submitter);

/* For tests: after how long without work a thread ends; 10 s. Threads that wait already keep to what was. */
void submitter_set_idle(struct submitter *submitter, int64_t idle_us);

#endif
