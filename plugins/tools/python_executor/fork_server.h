/*
 * fork_server.h - the warm interpreter from which calls are forked: fork_server.py, and how it is
 * started. Owns the strings of the description; whether a call is forked is the backend's decision.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PYTHON_FORK_SERVER_H
#define PYTHON_FORK_SERVER_H

#include "tool_json.h"

struct fork_server {
    bool wanted;
    struct enclave_fork_server spec; /* valid as long as this does not move */
    const char *argv[6];
    char *preload; /* names with commas in between */
};

/* Describe the interpreter by the options; `python_path` is borrowed. `*ret` is cleared when this
 * fails. */
int32_t fork_server_read(struct json_object *options, const char *python_path, bool unbuffered,
                         struct fork_server *ret, struct enclave_error *err);
void fork_server_clear(struct fork_server *server);

#endif
