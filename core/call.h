/*
 * call.h - one call of a tool: what the host table's services work on.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CORE_CALL_H
#define CORE_CALL_H

#include "buffer.h"
#include "sandbox.h"

#include <enclave/enclave.h>
#include <enclave/tool.h>

/* Bytes of each stream that a result keeps unless the tool says otherwise; and what it may say. */
#define CALL_OUTPUT_DEFAULT (UINT64_C(1) << 20)
#define CALL_OUTPUT_MAX (UINT64_C(1) << 28) /* three times that is still an int, json-c's length */

/* Used by the thread that executes, and by threads that the tool lets work for it: hence the lock. */
struct enclave_call {
    struct sandbox *sandbox;
    const struct enclave_execute_options *options; /* never NULL */
    char execution_id[128];
    int64_t timeout_ms;  /* 0: none */
    int64_t deadline_us; /* INT64_MAX: none */

    pthread_mutex_t lock; /* guards all below */
    struct buffer output;
    struct buffer error;
    struct enclave_outcome outcome; /* of the last command; cause 0: none was run */
    char reason[256];               /* what the backend said about it */
    int outlived;                   /* as in struct exec */
    char program[128];              /* its argv[0], as far as it goes */
    int64_t run_timeout_ms;         /* that the last command had */
    char *tool_error;               /* set_error() */
    json_object *metadata;          /* set_metadata() */
};

/* The services, put into the host table by host.c. */
int32_t call_get_info(struct enclave_call *call, struct enclave_call_info *ret,
                      struct enclave_error *err);
int32_t call_run(struct enclave_call *call, const struct enclave_command *command,
                 struct enclave_outcome *ret, struct enclave_error *err);
int32_t call_file_read(struct enclave_call *call, const struct enclave_file_request *request,
                       const struct enclave_sink *to, struct enclave_error *err);
int32_t call_file_write(struct enclave_call *call, const struct enclave_file_request *request,
                        const struct enclave_source *from, struct enclave_error *err);
int32_t call_file_stat(struct enclave_call *call, const struct enclave_file_request *request,
                       const struct enclave_entry_sink *to, struct enclave_error *err);
int32_t call_file_list(struct enclave_call *call, const struct enclave_file_request *request,
                       const struct enclave_entry_sink *to, struct enclave_error *err);
int32_t call_file_remove(struct enclave_call *call, const struct enclave_file_request *request,
                         struct enclave_error *err);
int32_t call_set_output(struct enclave_call *call, const void *data, uint64_t length,
                        struct enclave_error *err);
int32_t call_set_error(struct enclave_call *call, const char *text, struct enclave_error *err);
int32_t call_set_metadata(struct enclave_call *call, const char *key, const char *value,
                          struct enclave_error *err);

#endif
