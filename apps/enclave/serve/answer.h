/*
 * answer.h - answers: JSON, errors in the form that clients of the reference system know, bytes.
 *
 * Owns: the form of an error ({"detail", "code", "cause"}), and the headers that each answer has. Does not own: when it is
 * sent. Each of these sets the answer of a request, replacing one that was set. [any-thread], one for one request.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_SERVE_ANSWER_H
#define ENCLAVE_SERVE_ANSWER_H

#include "request.h"

#include <json-c/json.h>

/* JSON text that enclave_free() frees. Takes it. */
void answer_text(struct request *request, unsigned status, char *text);
/* Takes the object. NULL: out of memory. */
void answer_json(struct request *request, unsigned status, struct json_object *object);
/* {"message": TEXT} */
void answer_message(struct request *request, const char *text);
/* What `free_data` frees, given `owner`. */
void answer_bytes(struct request *request, const char *type, void *data, size_t length,
                  void (*free_data)(void *owner), void *owner);
/* What `response` says; takes it. NULL: out of memory. */
void answer_response(struct request *request, unsigned status, const char *type,
                     struct MHD_Response *response);

/* What a call failed with; the status is that of its code. */
void answer_error(struct request *request, const struct enclave_error *err);
/* The same with another status, and a detail of its own (NULL: the message); then `message` has the call's. */
void answer_error_as(struct request *request, unsigned status, const char *detail,
                     const struct enclave_error *err);
/* The object of such an error: {"detail", "code", "cause"[, "message"]}. */
struct json_object *answer_error_object(const char *detail, const struct enclave_error *err);

/* An error of the server's own: code and formatted message. */
void answer_fail(struct request *request, int32_t code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* 503, with Retry-After. */
void answer_overload(struct request *request, const char *what);
/* Paths and methods that there are not. */
void answer_no_path(struct request *request);
void answer_no_method(struct request *request, const char *allowed);

/* 422: one member of a request does not fit. `where` is "query" or "body", `name` may be NULL; takes `input`. */
void answer_misfit(struct request *request, const char *type, const char *where, const char *name,
                   const char *message, struct json_object *input);
/* The same for what a call found out: `err` gives code and message. */
void answer_misfit_as(struct request *request, const struct enclave_error *err, const char *type,
                      const char *where, const char *name, const char *message,
                      struct json_object *input);

#endif
