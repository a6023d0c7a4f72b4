/*
 * encoding.h - between the bytes of a file and the text of a parameter or result.
 *
 * Owns: the encodings that file_operation knows. utf-8 passes bytes as they are (the host marks
 * what is not UTF-8 in a result); base64 carries any file both ways.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCODING_H
#define ENCODING_H

#include "buffer.h"

#include <enclave/error.h>

enum encoding { ENCODING_UTF8, ENCODING_ASCII, ENCODING_LATIN1, ENCODING_BASE64 };

/* NULL means utf-8. ENCLAVE_EINVALID names those that are known. */
int32_t encoding_find(const char *name, enum encoding *ret, struct enclave_error *err);

/* Append to `text` what a file of these bytes reads as. ENCLAVE_EINVALID: they do not fit. */
int32_t encoding_to_text(enum encoding encoding, const void *bytes, size_t length,
                         struct buffer *text, struct enclave_error *err);

/* Append to `bytes` what `text` (UTF-8) is written as. ENCLAVE_EINVALID: it does not fit. */
int32_t encoding_to_bytes(enum encoding encoding, const void *text, size_t length,
                          struct buffer *bytes, struct enclave_error *err);

#endif
