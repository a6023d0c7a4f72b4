/*
 * log.h - the server's log: one line for each request and each event, as text or JSON, on stderr.
 *
 * Owns: the form of a line, and that it is one. Does not own: what is worth a line. No body, parameter, output or key
 * is ever in it. [any-thread]
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_SERVE_LOG_H
#define ENCLAVE_SERVE_LOG_H

#include <stdbool.h>
#include <stdint.h>

/* A request that was answered. */
struct log_request {
    const char *id, *key, *method, *path; /* key: its name, NULL without keys; path without query */
    unsigned status;
    int64_t duration_us;
    bool gone; /* the client did not wait for the answer */
};

/* Once, before the first line. `level`: the lowest of ENCLAVE_LOG_... that is left out is above it. */
void log_setup(bool json, uint32_t level);
bool log_wants(uint32_t level);

void log_line(uint32_t level, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_answered(uint32_t level, const struct log_request *request);

/* The `log` of struct enclave_manager_options. */
void log_manager(void *ctx, uint32_t level, const char *message);

#endif
