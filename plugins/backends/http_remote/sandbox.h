/*
 * sandbox.h - one sandbox on the server, and the ops that are about one.
 *
 * create.c makes and finds them, sandbox.c ends and describes them, execute.c runs tools in them, files.c moves files.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HTTP_REMOTE_SANDBOX_H
#define HTTP_REMOTE_SANDBOX_H

#include "backend.h"

struct sandbox {
    struct remote *remote;
    char id[ENCLAVE_ID_SIZE];
    uint32_t status;        /* ENCLAVE_STATUS_..., as last heard; atomic */
    int detached;           /* destroy leaves it where it is; atomic */
    struct cuts executions; /* under way */
};

/* ^[a-z0-9][a-z0-9_-]{0,62}$: it becomes part of paths. */
int sandbox_id_is_valid(const char *id);
/* NULL: out of memory. */
struct sandbox *sandbox_new(struct remote *remote, const char *id);
void sandbox_free(struct sandbox *sandbox);
/* DELETE it. A sandbox that is gone when it is asked for again is no error. `what` is for messages. */
int32_t sandbox_delete(struct remote *remote, const char *id, const char *what, int64_t deadline,
                       struct enclave_error *err);

int32_t sandbox_create(void *backend, const struct enclave_sandbox_spec *spec,
                       struct enclave_sandbox_facts *facts, void **ret_sandbox,
                       struct enclave_error *err);
int32_t sandbox_lookup(void *backend, const char *id, void **ret_sandbox,
                       struct enclave_error *err);

int32_t sandbox_stop(void *sandbox, struct enclave_error *err);
int32_t sandbox_destroy(void *sandbox, struct enclave_error *err);
int32_t sandbox_detach(void *sandbox, struct enclave_error *err);
uint32_t sandbox_status(void *sandbox);
int32_t sandbox_info(void *sandbox, const struct enclave_sink *to, struct enclave_error *err);
int32_t sandbox_list_tools(void *sandbox, const struct enclave_sink *to, struct enclave_error *err);
int32_t sandbox_keep_alive(void *sandbox, int64_t seconds, struct enclave_error *err);

int32_t sandbox_execute_tool(void *sandbox, const struct enclave_tool_call *call,
                             struct enclave_error *err);

int32_t sandbox_file_read(void *sandbox, const struct enclave_file_request *request,
                          int32_t cancel_fd, const struct enclave_sink *to,
                          struct enclave_error *err);
int32_t sandbox_file_write(void *sandbox, const struct enclave_file_request *request,
                           int32_t cancel_fd, const struct enclave_source *from,
                           struct enclave_error *err);
int32_t sandbox_file_stat(void *sandbox, const struct enclave_file_request *request,
                          int32_t cancel_fd, const struct enclave_entry_sink *to,
                          struct enclave_error *err);
int32_t sandbox_file_list(void *sandbox, const struct enclave_file_request *request,
                          int32_t cancel_fd, const struct enclave_entry_sink *to,
                          struct enclave_error *err);
int32_t sandbox_file_remove(void *sandbox, const struct enclave_file_request *request,
                            int32_t cancel_fd, struct enclave_error *err);
int32_t sandbox_put_archive(void *sandbox, const struct enclave_file_request *request,
                            int32_t cancel_fd, const struct enclave_source *tar,
                            struct enclave_error *err);
int32_t sandbox_get_archive(void *sandbox, const struct enclave_file_request *request,
                            int32_t cancel_fd, const struct enclave_sink *tar,
                            struct enclave_error *err);

#endif
