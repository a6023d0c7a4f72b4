/*
 * base64.h - bytes in JSON (RFC 4648, the standard alphabet, padded).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_SERVE_BASE64_H
#define ENCLAVE_SERVE_BASE64_H

#include <stdbool.h>
#include <stddef.h>

/* A text with a NUL behind it, of malloc(). NULL: out of memory. */
char *base64_encode(const void *data, size_t length);

/* Into `to`, which has room for 3 bytes for each 4 characters. False: it is none. */
bool base64_decode(const char *text, size_t length, void *to, size_t *ret_length);

#endif
