/*
 * submit_support.h - what the tests of submitted executions share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CORE_TEST_SUBMIT_SUPPORT_H
#define CORE_TEST_SUBMIT_SUPPORT_H

#include <enclave/enclave.h>

#define HELLO "{\"argv\": [\"now\", \"out\", \"hello\"]}"
#define HANG "{\"argv\": [\"hang\"]}"

/* The completion that comes next; waits at most 30 s. */
struct enclave_completion submit_next(struct enclave_manager *manager);

/* Whether one waits to be taken. */
int submit_readable(struct enclave_manager *manager);

void submit_wait_running(struct enclave_manager *manager, uint64_t count);

#endif
