/*
 * helper.h - asking a credential helper, a program `docker-credential-NAME`.
 *
 * Source of the protocol: https://github.com/docker/docker-credential-helpers ("Development").
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_ENGINE_HELPER_H
#define ENCLAVE_ENGINE_HELPER_H

#include "buffer.h"

#include <stdint.h>

#define HELPER_MAX_OUTPUT ((size_t)64 * 1024)

/*
 * Run `docker-credential-NAME get` with `server` on its stdin and append its stdout to `output`.
 * Whether it succeeded is for the output to tell: its exit status may have been taken by a
 * waitpid() of the embedding program. Errors: INVALID (the name), NOTFOUND (no such program in
 * PATH), TIMEOUT, CANCELLED, TOOBIG, IO, NOMEM; no message.
 */
int32_t helper_get(const char *name, const char *server, int64_t deadline, int cancel_fd,
                   struct buffer *output);

#endif
