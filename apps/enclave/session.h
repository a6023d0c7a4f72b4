/*
 * session.h - a manager as the global options ask for it, and the JSON that it answers with.
 *
 * Owns: how options become enclave_manager_options. Does not own: what is done with the manager.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_APP_SESSION_H
#define ENCLAVE_APP_SESSION_H

#include "args.h"

#include <enclave/enclave.h>

#include <json-c/json.h>

/* Make a manager. Returns 0, or a code of error.h with `err` filled in. */
int32_t session_open(const struct globals *globals, struct enclave_manager **ret_manager,
                     struct enclave_error *err);

/* A question that is answered with JSON, such as enclave_manager_get_config(). */
typedef int32_t (*session_question)(struct enclave_manager *, char **, struct enclave_error *);

/* Open, ask, close, for verbs that only show something: with --json print the answer as it is,
 * else let `show` print it. Returns the exit code. */
int session_ask(const struct globals *globals, session_question question,
                void (*show)(struct json_object *answer));

/* The string member `key` of `object`, or `fallback` when it is missing, null or empty. */
const char *json_text(struct json_object *object, const char *key, const char *fallback);

/* json_object_put() for __attribute__((cleanup)). */
#define AUTO_JSON __attribute__((cleanup(json_put)))
void json_put(struct json_object **object);

/* enclave_free() of a `char *`. */
#define AUTO_TEXT __attribute__((cleanup(session_free_text)))
void session_free_text(char **text);

/* enclave_manager_free() */
#define AUTO_MANAGER __attribute__((cleanup(session_close)))
void session_close(struct enclave_manager **manager);

#endif
