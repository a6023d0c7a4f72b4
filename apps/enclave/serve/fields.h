/*
 * fields.h - members of a JSON body and parameters of a query, and what is answered when they do not fit.
 *
 * Owns: the 422 of each mistake, in the form of the reference system. Does not own: what values mean.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_SERVE_FIELDS_H
#define ENCLAVE_SERVE_FIELDS_H

#include "request.h"

#include <json-c/json.h>

/* The body, an object; NULL when there is none and none is `required`. Each returns false after setting an answer. */
bool fields_body(struct request *request, bool required, struct json_object **ret_object);

/* A member, borrowed; NULL when it is missing or null and not `required`. */
bool fields_text(struct request *request, struct json_object *body, const char *name, bool required,
                 const char **ret_text);
bool fields_object(struct request *request, struct json_object *body, const char *name,
                   struct json_object **ret_object);
/* Not negative; *ret is left as it is when the member is missing or null. */
bool fields_number(struct request *request, struct json_object *body, const char *name,
                   double *ret);

/* A query parameter that has to be there. */
bool fields_query(struct request *request, const char *name, const char **ret_text);
/* One that is an integer, or a number, if it is there; *ret is left as it is when it is missing. */
bool fields_query_integer(struct request *request, const char *name, uint64_t max, uint64_t *ret);
bool fields_query_number(struct request *request, const char *name, double *ret);

#endif
