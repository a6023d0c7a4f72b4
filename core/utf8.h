/*
 * utf8.h - bytes that may not be text, made into text.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CORE_UTF8_H
#define CORE_UTF8_H

#include "buffer.h"

/* Length of the longest prefix that is valid UTF-8 (RFC 3629). */
size_t utf8_valid_prefix(const char *data, size_t length);

/* `length` without a character at the end of which only the beginning is there, as when output was cut. */
size_t utf8_without_cut_end(const char *data, size_t length);

/* Append `data` with U+FFFD in place of each maximal part that is not UTF-8. As buffer_append. */
int32_t utf8_append_lossy(struct buffer *to, const char *data, size_t length);

/* Append `data` in base64 (RFC 4648, section 4). As buffer_append. */
int32_t base64_append(struct buffer *to, const void *data, size_t length);

#endif
