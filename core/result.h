/*
 * result.h - making the result of an execution.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CORE_RESULT_H
#define CORE_RESULT_H

#include "buffer.h"

#include <enclave/backend.h>
#include <enclave/enclave.h>
#include <enclave/tool.h>

#include <json-c/json.h>

/* All that a result is made of. Borrowed. */
struct result_facts {
    const char *tool_name;
    const char *execution_id;
    const struct buffer *output;
    const struct buffer *error; /* stderr as captured; NULL or empty: none */
    const char *sentence;       /* used when there is no stderr; NULL: none */
    const char *tool_error;     /* the tool's own error text, which wins; NULL: none */
    struct enclave_outcome outcome;
    json_object *metadata; /* of the tool; NULL: none */
    int64_t started_at_us; /* UTC */
    int64_t wall_us;
};

/* 0 or NOMEM. */
int32_t result_make(const struct result_facts *facts, struct enclave_result **ret_result,
                    struct enclave_error *err);

/* The same of what another manager told: 0, NOMEM, PROTOCOL. Its metadata stay as they are. */
int32_t result_take(const char *tool_name, const char *execution_id,
                    const struct enclave_tool_result *told, struct enclave_result **ret_result,
                    struct enclave_error *err);

#endif
