/*
 * metrics.h - GET /metrics: what the manager and the server count, in Prometheus' text format 0.0.4.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_SERVE_METRICS_H
#define ENCLAVE_SERVE_METRICS_H

#include "server.h"

#include <stddef.h>

/* A text of malloc(), NULL: out of memory. */
char *metrics_make(struct server *server, size_t *ret_length);

#endif
