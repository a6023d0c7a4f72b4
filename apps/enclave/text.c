/*
 * text.c - see text.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "text.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* A word longer than this is not a mistyped option. */
#define WORD_MAX 32

void text_free(void *pointer)
{
    void *memory;

    memcpy(&memory, pointer, sizeof memory);
    free(memory);
}

/* Length of the UTF-8 sequence that `text` starts with (RFC 3629), 0 when it is none. */
static size_t sequence(const unsigned char *text, size_t length, uint32_t *ret_code)
{
    static const uint32_t lowest[] = {0, 0, 0x80, 0x800, 0x10000};
    uint32_t code = text[0];
    size_t size;

    if (code < 0x80) {
        *ret_code = code;
        return 1;
    }
    if (code >= 0xc2 && code < 0xe0) {
        size = 2;
        code &= 0x1f;
    } else if (code >= 0xe0 && code < 0xf0) {
        size = 3;
        code &= 0x0f;
    } else if (code >= 0xf0 && code < 0xf5) {
        size = 4;
        code &= 0x07;
    } else {
        return 0;
    }
    if (size > length) {
        return 0;
    }
    for (size_t i = 1; i < size; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            return 0;
        }
        code = code << 6 | (text[i] & 0x3f);
    }
    if (code < lowest[size] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) {
        return 0;
    }
    *ret_code = code;
    return size;
}

/* C0, DEL, C1, line separators, and what reorders the text around it (Unicode TR 36). */
static bool is_harmless(uint32_t code)
{
    return code >= 0x20 && (code < 0x7f || code > 0x9f) && code != 0x061c && code != 0x200e &&
           code != 0x200f && (code < 0x2028 || code > 0x202e) && (code < 0x2066 || code > 0x2069);
}

/* Print, or with `file` NULL only measure. */
static size_t show(FILE *file, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t left = strlen(text);
    size_t columns = 0;

    while (left > 0) {
        uint32_t code = 0;
        size_t size = sequence(at, left, &code);
        if (size > 0 && is_harmless(code)) {
            columns++;
            if (file) {
                (void)fwrite(at, 1, size, file);
            }
        } else {
            size = size > 0 ? size : 1;
            columns += 4 * size;
            for (size_t i = 0; file && i < size; i++) {
                fprintf(file, "\\x%02x", at[i]);
            }
        }
        at += size;
        left -= size;
    }
    return columns;
}

size_t text_print(FILE *file, const char *text)
{
    return show(file, text);
}

size_t text_width(const char *text)
{
    return show(NULL, text);
}

void text_print_json(FILE *file, const char *json)
{
    const unsigned char *at = (const unsigned char *)json, *start = at;
    size_t left = strlen(json);

    while (left > 0) {
        uint32_t code = 0;
        size_t size = sequence(at, left, &code);
        bool as_it_is = size > 0 && (code < 0x20 || is_harmless(code)); /* below: white space */
        size = size > 0 ? size : 1;
        if (!as_it_is) {
            (void)fwrite(start, 1, (size_t)(at - start), file);
            fprintf(file, "\\u%04x", code ? (unsigned)code : 0xfffdU);
            start = at + size;
        }
        at += size;
        left -= size;
    }
    (void)fwrite(start, 1, (size_t)(at - start), file);
    putc('\n', file);
}

size_t text_utf8_prefix(const char *text, size_t length)
{
    const unsigned char *bytes = (const unsigned char *)text;
    size_t at = 0;

    while (at < length) {
        uint32_t code;
        size_t size = sequence(bytes + at, length - at, &code);
        if (size == 0) {
            break;
        }
        at += size;
    }
    return at;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Changes from one word to another: a letter more, less, other, or two exchanged (optimal string
 * alignment distance). Both are of at most WORD_MAX bytes. */
static size_t distance(const char *a, const char *b)
{
    size_t rows[3][WORD_MAX + 1]; /* of the table, the last three */
    size_t width = strlen(b);
    size_t height = strlen(a);

    for (size_t j = 0; j <= width; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= height; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i - 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= width; j++) {
            row[j] = least(above[j - 1] + (a[i - 1] != b[j - 1]), least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row[j] = least(row[j], rows[(i - 2) % 3][j - 2] + 1);
            }
        }
    }
    return rows[height % 3][width];
}

const char *text_closest(const char *word, const char *const *words)
{
    const char *closest = NULL;
    size_t length = strlen(word);
    size_t best = length < 5 ? 2 : 3; /* first distance that is too far */

    if (length < 2 || length > WORD_MAX) {
        return NULL;
    }
    for (; *words; words++) {
        size_t far = strlen(*words) > WORD_MAX ? WORD_MAX : distance(word, *words);
        if (far < best) {
            best = far;
            closest = *words;
        }
    }
    return closest;
}

bool text_number(const char *text, double lowest, double highest, double *ret_number)
{
    char *end = NULL;
    double number;

    /* strtod() alone also takes blanks, "inf", "nan" and hexadecimal. */
    if (text[0] == '\0' || strspn(text, "0123456789.eE+-") != strlen(text)) {
        return false;
    }
    number = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(number) || number < lowest || number > highest) {
        return false;
    }
    *ret_number = number;
    return true;
}
