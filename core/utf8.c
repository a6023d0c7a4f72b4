/*
 * utf8.c - see utf8.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "utf8.h"

#include <enclave/error.h>

#include <string.h>

/*
 * Looks at the sequence that begins at `p`. Returns its length when valid; otherwise 0, and `*ret_bad`
 * is how many bytes one U+FFFD stands for (Unicode 15, table 3-8: the maximal subpart).
 */
static size_t sequence(const unsigned char *p, size_t left, size_t *ret_bad)
{
    unsigned char low = 0x80, high = 0xbf;
    size_t need;

    *ret_bad = 1;
    if (p[0] < 0x80) {
        return 1;
    } else if (p[0] >= 0xc2 && p[0] <= 0xdf) {
        need = 2;
    } else if (p[0] >= 0xe0 && p[0] <= 0xef) {
        need = 3;
        low = p[0] == 0xe0 ? 0xa0 : 0x80;  /* no overlong forms */
        high = p[0] == 0xed ? 0x9f : 0xbf; /* no surrogates */
    } else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
        need = 4;
        low = p[0] == 0xf0 ? 0x90 : 0x80;
        high = p[0] == 0xf4 ? 0x8f : 0xbf; /* nothing past U+10FFFF */
    } else {
        return 0;
    }
    for (size_t i = 1; i < need; i++) {
        if (i >= left || p[i] < low || p[i] > high) {
            *ret_bad = i;
            return 0;
        }
        low = 0x80;
        high = 0xbf;
    }
    return need;
}

size_t utf8_valid_prefix(const char *data, size_t length)
{
    const unsigned char *bytes = (const unsigned char *)data;
    size_t at = 0;

    while (at < length) {
        uint64_t word;
        if (length - at >= sizeof word) { /* most output is ASCII: eight bytes at a time */
            memcpy(&word, bytes + at, sizeof word);
            if (!(word & UINT64_C(0x8080808080808080))) {
                at += sizeof word;
                continue;
            }
        }
        size_t bad;
        size_t n = sequence(bytes + at, length - at, &bad);
        if (n == 0) {
            break;
        }
        at += n;
    }
    return at;
}

size_t utf8_without_cut_end(const char *data, size_t length)
{
    const unsigned char *bytes = (const unsigned char *)data;
    for (size_t back = 1; back < 4 && back <= length; back++) {
        size_t bad, at = length - back;
        if (bytes[at] >= 0xc2 && bytes[at] <= 0xf4) { /* the beginning of a character */
            return sequence(bytes + at, back, &bad) == 0 && bad == back ? at : length;
        }
    }
    return length;
}

int32_t utf8_append_lossy(struct buffer *to, const char *data, size_t length)
{
    size_t at = 0;
    while (at < length) {
        size_t good = utf8_valid_prefix(data + at, length - at);
        int32_t r = buffer_append(to, data + at, good);
        if (r < 0) {
            return r;
        }
        at += good;
        if (at < length) {
            size_t bad;
            (void)sequence((const unsigned char *)data + at, length - at, &bad);
            r = buffer_append(to, "\xef\xbf\xbd", 3);
            if (r < 0) {
                return r;
            }
            at += bad;
        }
    }
    return 0;
}

int32_t base64_append(struct buffer *to, const void *data, size_t length)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *p = data;

    for (size_t i = 0; i < length; i += 3) {
        size_t n = length - i < 3 ? length - i : 3;
        uint32_t v =
            (uint32_t)p[i] << 16 | (n > 1 ? (uint32_t)p[i + 1] << 8 : 0) | (n > 2 ? p[i + 2] : 0);
        char quad[4] = {digits[v >> 18], digits[v >> 12 & 63], n > 1 ? digits[v >> 6 & 63] : '=',
                        n > 2 ? digits[v & 63] : '='};
        int32_t r = buffer_append(to, quad, 4);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}
