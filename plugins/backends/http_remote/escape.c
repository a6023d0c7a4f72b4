/* SPDX-License-Identifier: Apache-2.0 */
#include "escape.h"

#include "base64.h"

#include <enclave/error.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int32_t escape_url(struct buffer *to, const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "-._~";
    int32_t r = 0;

    while (r == 0 && *text) {
        size_t length = strspn(text, plain);
        char code[4];

        if (length > 0) {
            r = buffer_append(to, text, length);
            text += length;
        } else {
            snprintf(code, sizeof code, "%%%02X", (unsigned)(unsigned char)*text++);
            r = buffer_append(to, code, 3);
        }
    }
    return r;
}

int32_t escape_json(struct buffer *to, const char *text, size_t length)
{
    int32_t r = buffer_append(to, "\"", 1);

    for (size_t i = 0, n; r == 0 && i < length; i += n) {
        char code[8];

        for (n = 0; i + n < length && (unsigned char)text[i + n] >= 0x20 && text[i + n] != '"' &&
                    text[i + n] != '\\';
             n++) {
        }
        r = buffer_append(to, text + i, n);
        if (r == 0 && i + n < length) {
            snprintf(code, sizeof code, "\\u%04x", (unsigned)(unsigned char)text[i + n]);
            r = buffer_append(to, code, 6);
            n++;
        }
    }
    return r == 0 ? buffer_append(to, "\"", 1) : r;
}

int32_t escape_base64(struct buffer *to, const void *data, size_t length)
{
    char *text = base64_encode_url(data, length);
    int32_t r = text ? buffer_append(to, "\"", 1) : ENCLAVE_ENOMEM;

    for (char *p = text; p && *p; p++) { /* the standard alphabet differs in two letters */
        *p = *p == '-' ? '+' : *p == '_' ? '/' : *p;
    }
    if (r == 0) {
        r = buffer_append_text(to, text);
    }
    free(text);
    return r == 0 ? buffer_append(to, "\"", 1) : r;
}
