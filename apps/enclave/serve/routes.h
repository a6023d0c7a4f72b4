/*
 * routes.h - the one table of what can be asked for: requests are matched, and /openapi.json is made, by it.
 *
 * Owns: methods, paths, and what each takes and gives. Does not own: the handlers, which stand in the handle_*.c files.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_SERVE_ROUTES_H
#define ENCLAVE_SERVE_ROUTES_H

#include "request.h"

enum route_body { BODY_NONE, BODY_JSON, BODY_JSON_OPTIONAL, BODY_BYTES };
enum route_subject { SUBJECT_NONE, SUBJECT_SANDBOX, SUBJECT_EXECUTION };

/* A query parameter, or a header. */
struct route_parameter {
    const char *name; /* NULL ends the list */
    const char *in;   /* "query" or "header" */
    bool required;
    const char *schema; /* JSON */
    const char *text;
};

struct route {
    const char *method;
    const char *path; /* "/sandbox/{id}/stop" */
    const char *operation;
    const char *summary;
    void (*handle)(struct request *request);
    enum route_subject subject;
    enum route_body body;
    const char *takes;      /* schema of the body, a name of schemas.json */
    const char *gives;      /* schema of the answer with status 200; NULL: see gives_type */
    const char *gives_type; /* its content type; NULL: application/json */
    const char *errors;     /* "400 404": other statuses than those of all routes */
    const struct route_parameter *parameters; /* NULL: none */
    bool streams;                             /* events, to those that accept them */
};

extern const struct route routes[];
extern const size_t routes_count;

/* Find the route of a request, and its subject. False: an answer (400, 404, 405) is set. */
bool routes_match(struct request *request);

#endif
