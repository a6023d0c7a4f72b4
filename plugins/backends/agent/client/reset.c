/*
 * reset.c - the sandbox as it was at the beginning.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "call.h"

/* With what an agent is given to end it after that, the 15 seconds of enclave_backend_ops.reset. */
#define RESET_TIMEOUT_MS 5000

int32_t agent_reset(struct agent *agent, struct enclave_error *err)
{
    static const struct call_kind kind = {WIRE_FILE_RESET, "reset", 0, 0};
    struct enclave_file_request request = {
        .size = sizeof request, .path = "/", .timeout_ms = RESET_TIMEOUT_MS};
    struct call call;
    int32_t rc = call_open(&call, agent, &kind, &request, -1, err);

    if (rc < 0) {
        return rc;
    }
    return call_close(&call, call_end_input(&call, err), err);
}
