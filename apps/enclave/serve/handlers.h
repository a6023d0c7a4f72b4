/*
 * handlers.h - what is done for each route: the functions of the handle_*.c files.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_SERVE_HANDLERS_H
#define ENCLAVE_SERVE_HANDLERS_H

#include "request.h"

/* handle_server.c: the server itself */
void handle_health(struct request *request);
void handle_stats(struct request *request);
void handle_metrics(struct request *request);
void handle_openapi(struct request *request);
void handle_sweep(struct request *request);

/* handle_create.c */
void handle_create(struct request *request);

/* handle_sandbox.c: one sandbox, or the list of them */
void handle_list(struct request *request);
void handle_info(struct request *request);
void handle_tools(struct request *request);
void handle_stop(struct request *request);
void handle_delete(struct request *request);
void handle_keep_alive(struct request *request);

/* handle_files.c */
void handle_get_file(struct request *request);
void handle_put_file(struct request *request);
void handle_get_archive(struct request *request);
void handle_put_archive(struct request *request);

/* handle_execute.c */
void handle_execute(struct request *request);
void handle_cancel(struct request *request);

/* handle_pool.c */
void handle_pool_initialize(struct request *request);
void handle_pool_execute(struct request *request);

#endif
