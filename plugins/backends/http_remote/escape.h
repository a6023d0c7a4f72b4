/*
 * escape.h - texts made fit for a URL and for JSON.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HTTP_REMOTE_ESCAPE_H
#define HTTP_REMOTE_ESCAPE_H

#include "buffer.h"

/* Percent-encoded, but for what is unreserved (RFC 3986, section 2.3). */
int32_t escape_url(struct buffer *to, const char *text);
/* A JSON string, with its quotes. The text is UTF-8, or at least the server will say that it is not. */
int32_t escape_json(struct buffer *to, const char *text, size_t length);
/* A JSON string with the bytes in base64. */
int32_t escape_base64(struct buffer *to, const void *data, size_t length);

#endif
