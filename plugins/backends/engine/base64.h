/*
 * base64.h - base64 (RFC 4648): encoding for headers, decoding of what config.json holds.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_ENGINE_BASE64_H
#define ENCLAVE_ENGINE_BASE64_H

#include <stddef.h>

/* The URL-safe alphabet, padded. free(); NULL without memory. */
char *base64_encode_url(const void *data, size_t length);
/* The standard alphabet; padding may be missing. NUL-terminated; free(). NULL: not base64, or no
 * memory. */
char *base64_decode(const char *text, size_t *ret_length);

#endif
