/*
 * base64.c - see base64.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base64.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *base64_encode(const void *data, size_t length)
{
    const unsigned char *from = data;
    char *text = malloc((length + 2) / 3 * 4 + 1), *to = text;

    for (size_t i = 0; text && i < length; i += 3) {
        size_t left = length - i;
        uint32_t bits = (uint32_t)from[i] << 16 | (left > 1 ? (uint32_t)from[i + 1] << 8 : 0) |
                        (left > 2 ? from[i + 2] : 0);
        *to++ = alphabet[bits >> 18];
        *to++ = alphabet[bits >> 12 & 63];
        *to++ = left > 1 ? alphabet[bits >> 6 & 63] : '=';
        *to++ = left > 2 ? alphabet[bits & 63] : '=';
    }
    if (text) {
        *to = '\0';
    }
    return text;
}

bool base64_decode(const char *text, size_t length, void *to, size_t *ret_length)
{
    unsigned char *out = to;
    size_t padding = length >= 4 ? (text[length - 1] == '=') + (text[length - 2] == '=') : 0;

    if (length % 4 != 0) {
        return false;
    }
    for (size_t i = 0; i < length; i += 4) {
        uint32_t bits = 0;
        for (size_t j = i; j < i + 4; j++) {
            bool pad = j >= length - padding;
            const char *at = pad || !text[j] ? NULL : strchr(alphabet, text[j]);
            if (!pad && !at) {
                return false;
            }
            bits = bits << 6 | (at ? (uint32_t)(at - alphabet) : 0);
        }
        *out++ = (unsigned char)(bits >> 16);
        *out++ = (unsigned char)(bits >> 8);
        *out++ = (unsigned char)bits;
    }
    *ret_length = length / 4 * 3 - padding;
    return true;
}
