/*
 * pem.h - certificate and key files, read whole.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_SERVE_PEM_H
#define ENCLAVE_SERVE_PEM_H

#include <enclave/error.h>

#include <stdbool.h>

/* `secret`: refuse a file that others may read. CONFIG. */
int32_t pem_read(const char *path, bool secret, char **ret_text, struct enclave_error *err);

/* Free a text of a secret. Accepts NULL. */
void pem_free(char *text);

#endif
