/*
 * launcher_client.h - this side of the launcher (launcher/main.c).
 *
 * Owns: its start, the socket, its end. Does not own: what is asked of it (arguments.h), the pipes
 * of sandboxes (sandbox.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_BUBBLEWRAP_LAUNCHER_CLIENT_H
#define ENCLAVE_BUBBLEWRAP_LAUNCHER_CLIENT_H

#include "arguments.h"
#include "launcher/protocol.h"

#include <enclave/error.h>

struct launcher;

/* Start `program`. Errors: NOTFOUND, IO, TIMEOUT, PROTOCOL, NOMEM. */
int32_t launcher_new(const char *program, struct launcher **ret_launcher,
                     struct enclave_error *err);
/* One more owner, each of which calls launcher_free(). [any-thread] */
struct launcher *launcher_ref(struct launcher *launcher);
/* The last one ends it, and with it what it started; waits for that. Accepts NULL. */
void launcher_free(struct launcher *launcher);

/* 0 when it has ended: so have its sandboxes. Does not block. */
int launcher_alive(const struct launcher *launcher);
const struct launcher_hello *launcher_facts(const struct launcher *launcher);

/*
 * Start a sandbox. `stream` is the agent's end, `pipe` that for writing; copies are sent. `request`
 * needs its limits and ids only. `*ret_token` names the sandbox for launcher_kill(). [any-thread].
 * Errors: LOST (the launcher is gone), TOOBIG, NOMEM.
 */
int32_t launcher_start(struct launcher *launcher, const struct launcher_request *request,
                       const struct arguments *arguments, int stream, int pipe, uint64_t *ret_token,
                       struct enclave_error *err);
/* End a sandbox, if it is there. Does not wait. [any-thread] */
void launcher_kill(struct launcher *launcher, uint64_t token);

#endif
