/*
 * submit_support.c - see submit_support.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "submit_support.h"

#include "support.h"

#include "manager.h"
#include "submit.h"

#include <poll.h>
#include <sched.h>

struct enclave_completion submit_next(struct enclave_manager *manager)
{
    struct enclave_completion completion = ENCLAVE_COMPLETION_INIT;
    struct pollfd completions = {.events = POLLIN};
    assert_int_equal(enclave_manager_completion_fd(manager, &completions.fd, NULL), 0);
    while (enclave_manager_next_completion(manager, &completion, NULL) != 0) {
        assert_int_equal(poll(&completions, 1, 30000), 1);
    }
    return completion;
}

void submit_wait_running(struct enclave_manager *manager, uint64_t count)
{
    while (submitter_state(manager->submitter).running < count) {
        (void)sched_yield();
    }
}

int submit_readable(struct enclave_manager *manager)
{
    struct pollfd completions = {.events = POLLIN};
    assert_int_equal(enclave_manager_completion_fd(manager, &completions.fd, NULL), 0);
    return poll(&completions, 1, 0);
}
