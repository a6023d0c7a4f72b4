/*
 * text.c - text of the other side made fit for a message.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "text.h"

#include <stdint.h>
#include <string.h>

/* Length of the valid UTF-8 character at `p` (RFC 3629, table 3-7 of Unicode), or 0. */
static size_t utf8_length(const uint8_t *p, size_t available)
{
    uint8_t low = 0x80;
    uint8_t high = 0xbf;
    size_t n;

    if (p[0] < 0x80) {
        return 1;
    }
    if (p[0] >= 0xc2 && p[0] <= 0xdf) {
        n = 2;
    } else if ((p[0] & 0xf0) == 0xe0) {
        n = 3;
        low = p[0] == 0xe0 ? 0xa0 : 0x80;
        high = p[0] == 0xed ? 0x9f : 0xbf;
    } else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
        n = 4;
        low = p[0] == 0xf0 ? 0x90 : 0x80;
        high = p[0] == 0xf4 ? 0x8f : 0xbf;
    } else {
        return 0;
    }
    if (available < n || p[1] < low || p[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return n;
}

static int is_control(const uint8_t *p, size_t n)
{
    return (n == 1 && (p[0] < 0x20 || p[0] == 0x7f)) || (n == 2 && p[0] == 0xc2 && p[1] < 0xa0);
}

size_t agent_text_clean(char *to, size_t size, const void *from, size_t length, unsigned flags)
{
    const uint8_t *p = from;
    size_t at = 0;

    for (size_t i = 0; i < length;) {
        size_t n = utf8_length(p + i, length - i);
        const char *put = (const char *)p + i;
        size_t put_length = n;

        if (n == 0) {
            put = "?";
            put_length = 1;
            n = 1;
        } else if (is_control(p + i, n) && !(p[i] == '\n' && (flags & TEXT_LINES))) {
            put = " ";
            put_length = 1;
        }
        if (at + put_length >= size) {
            break;
        }
        memcpy(to + at, put, put_length);
        at += put_length;
        i += n;
    }
    while (at > 0 && (to[at - 1] == ' ' || (to[at - 1] == '\n' && !(flags & TEXT_LINES)))) {
        at--;
    }
    to[at] = '\0';
    return at;
}
