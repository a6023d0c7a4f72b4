/*
 * call.h - a request to the server until it is answered: what is safe to repeat is, with growing pauses, until the
 * retry_timeout is over.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HTTP_REMOTE_CALL_H
#define HTTP_REMOTE_CALL_H

#include "backend.h"

/*
 * Repeated are: requests that have not reached the server; those that are `repeatable` when the connection broke; and those
 * that the server has put off (429, 503 with Retry-After). 0 for an answer below 300, which is then in `*ret_answer`; else the
 * server's error or the connection's. Free ret_answer->body in any case.
 */
int32_t remote_call(struct remote *remote, const struct exchange_request *request,
                    struct exchange_answer *ret_answer, struct enclave_error *err);

/* The JSON in an answer, of the given type. json_object_put() it. */
int32_t remote_call_parse(struct remote *remote, const struct exchange_request *request,
                          const struct exchange_answer *answer, json_type type,
                          json_object **ret_json, struct enclave_error *err);

/* As remote_call(), with an answer that is remote_call_parse()d. */
int32_t remote_call_json(struct remote *remote, const struct exchange_request *request,
                         json_type type, json_object **ret_json, struct enclave_error *err);

/* As remote_call_json(); the text, as it came, goes to `to`. */
int32_t remote_call_text(struct remote *remote, const struct exchange_request *request,
                         json_type type, const struct enclave_sink *to, struct enclave_error *err);

#endif
