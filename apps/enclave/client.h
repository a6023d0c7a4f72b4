/*
 * client.h - what the verbs for sandboxes of a server have in common.
 *
 * Owns: reaching the server, what is said where there is none, ids given by their beginning. Does not own: how a
 * server is reached (the backend's).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_APP_CLIENT_H
#define ENCLAVE_APP_CLIENT_H

#include "args.h"
#include "run_options.h"

#include <enclave/enclave.h>

#include <json-c/json.h>

struct client {
    const struct globals *globals;
    const char *verb;
    struct enclave_manager *manager; /* freed by client_close() */
};

/* Make a manager. 0, or the exit code after reporting. Whether there is a server behind it, the first question tells. */
int client_open(struct client *client);
void client_close(struct client *client);
#define AUTO_CLIENT __attribute__((cleanup(client_close)))

/* Report a failed call; returns the exit code. */
int client_fail(const struct client *client, const struct enclave_error *err);
/* Report that there is no server, and what to do about it; returns the exit code. */
int client_refuse(const struct globals *globals, const char *verb);

/* All sandboxes in a status, or all for 0: an array. 0, or the exit code after reporting. */
int client_list(const struct client *client, uint32_t status, struct json_object **ret_list);

/* The sandbox whose id is `given`, or else the only one whose id begins so. `ret_info` (may be NULL): its info.
 * Returns 0, or a code of error.h with `err` filled in: INVALID when several begin so. */
int32_t client_find(const struct client *client, const char *given, char ret_id[ENCLAVE_ID_SIZE],
                    struct json_object **ret_info, struct enclave_error *err);

/* An id, on a line of stdout; with --json as {"sandbox_id": ID}. */
void client_print_id(const struct globals *globals, const char *id);

/* For each of the sandboxes given: find it, `act`, and print its id when that went well. Goes on after a failure.
 * `missing_ok`: that there is none is no failure. Returns the exit code, that of the first failure. */
int client_each(const struct client *client, const struct values *given, bool missing_ok,
                int32_t (*act)(const struct client *client, const char *id,
                               struct json_object *info, struct enclave_error *err));

/* Print an answer: with --json as it is, else by `show`. Returns the exit code. */
int client_show(const struct client *client, struct json_object *answer,
                void (*show)(struct json_object *answer));

#endif
