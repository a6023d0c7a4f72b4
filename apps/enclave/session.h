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

/* The backend whose sandboxes are a server's: what --server chooses. */
#define SESSION_REMOTE "http-remote"

/* Make a manager. Returns 0, or a code of error.h with `err` filled in. */
int32_t session_open(const struct globals *globals, struct enclave_manager **ret_manager,
                     struct enclave_error *err);
/* One whose sandboxes go on without it. CONFIG, too, where they cannot: with a backend of this machine. */
int32_t session_open_keeping(const struct globals *globals, struct enclave_manager **ret_manager,
                             struct enclave_error *err);

/* The exit code for a call that failed, after telling it: with --json also on stdout, as {"error": {"code", "message"}};
 * on stderr, unless there are no words needed. */
int session_fail(const struct globals *globals, const struct enclave_error *err, bool words);

/* The URL of --server, or of $ENCLAVE_SERVER when neither it nor --backend is given; else NULL. */
const char *session_server(const struct globals *globals);
/* $ENCLAVE_SERVER, whatever else is given; NULL: unset, or empty. */
const char *session_server_of_environment(void);

/* A question that is answered with JSON, such as enclave_manager_get_config(). */
typedef int32_t (*session_question)(struct enclave_manager *, char **, struct enclave_error *);

/* Open, ask, close, for verbs that only show something: with --json print the answer as it is,
 * else let `show` print it. Returns the exit code. */
int session_ask(const struct globals *globals, session_question question,
                void (*show)(struct json_object *answer));

/* The member `key` of `object`, borrowed; NULL when it is missing or null, or `object` is no object. */
struct json_object *json_member(struct json_object *object, const char *key);

/* The string member `key` of `object`, or `fallback` when it is missing, null or empty. */
const char *json_text(struct json_object *object, const char *key, const char *fallback);

/* A row of enclave_manager_get_config()'s answer, borrowed from it; NULL when it is not there. */
struct json_object *session_setting(struct json_object *config, const char *section,
                                    const char *key);

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
