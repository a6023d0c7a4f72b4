/*
 * failure.h - how a request failed, in codes and words: those of this side for what became of the connection, the server's
 * own for what it answered.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HTTP_REMOTE_FAILURE_H
#define HTTP_REMOTE_FAILURE_H

#include "exchange.h"

#include <json-c/json.h>

/* The exchange was ended by us: TIMEOUT, CANCELLED, LOST (no sign of life), NOMEM. */
int32_t failure_of_waiting(const struct exchanger *exchanger,
                           const struct exchange_request *request, int32_t code, int sent,
                           struct enclave_error *err);
/* A callback ended it: a ceiling, a receiver or a source, whose own code is kept. */
int32_t failure_of_callback(const struct exchanger *exchanger,
                            const struct exchange_request *request, int32_t code,
                            struct enclave_error *err);
int failure_is_of_tls(CURL *easy, CURLcode result);
/* The connection failed. */
int32_t failure_of_transfer(const struct exchanger *exchanger,
                            const struct exchange_request *request, CURL *easy, CURLcode result,
                            const char *detail, int sent, struct enclave_error *err);

/* 0 for an answer below 300; else what the server says, as its manager would have said it. */
int32_t failure_of_answer(const struct exchanger *exchanger, const struct exchange_request *request,
                          const struct exchange_answer *answer, struct enclave_error *err);
/* The same of an error as JSON, {"detail", "code", ...}; `status` when it names no code. */
int32_t failure_of_json(const char *what, json_object *error, long status,
                        struct enclave_error *err);
/* It answered with something that is not what was asked for. */
int32_t failure_of_content(const struct exchanger *exchanger, const char *what,
                           const char *expected, struct enclave_error *err);

#endif
