/*
 * uri.h - the target of a request as it came: path and query, taken apart before anything is decoded.
 *
 * Owns: splitting, percent-decoding, and the refusal of control characters. Does not own: which paths there are.
 * (RFC 3986; "+" is a blank in a query, as clients of forms send it.)
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_SERVE_URI_H
#define ENCLAVE_SERVE_URI_H

#include <stdbool.h>
#include <stddef.h>

enum { URI_SEGMENTS_MAX = 8, URI_PARAMETERS_MAX = 16 };

struct uri {
    char *segment[URI_SEGMENTS_MAX]; /* as they came, not decoded */
    size_t segments;
    char *name[URI_PARAMETERS_MAX]; /* decoded */
    char *value[URI_PARAMETERS_MAX];
    size_t parameters;
};

/* Take `text` apart, in place; the parts point into it. False: it is no path of ours ("/..." of at most 8 segments),
 * or has too many or malformed parameters. */
bool uri_parse(char *text, struct uri *ret);

/* A query parameter, NULL when it is missing. Of two with one name the last counts. */
const char *uri_value(const struct uri *uri, const char *name);

/* Decode in place. False: a malformed escape, or a control character (NUL, CR and LF among them). */
bool uri_decode(char *text, bool plus_is_blank);

#endif
