/*
 * health.h - the answer of GET /health, kept for a fraction of a second, since it is asked for often and by many.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_SERVE_HEALTH_H
#define ENCLAVE_SERVE_HEALTH_H

#include "request.h"

struct health;

/* NULL: out of memory. */
struct health *health_new(void);
void health_free(struct health *health);

/* Set the answer. */
void health_answer(struct health *health, struct request *request);

#endif
