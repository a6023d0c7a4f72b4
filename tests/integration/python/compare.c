/*
 * compare.c - see compare.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "compare.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* As much of a difference as one wants to read. */
enum { LINES_SHOWN = 30, COLUMNS_SHOWN = 400 };

static int normalise(struct bytes *bytes, const char *prefix)
{
    const char *from = bytes->data, *end = from + bytes->length, *hit;
    size_t length = strlen(prefix);
    struct bytes clean = {0};
    int r = 0;

    while (r == 0 && from && (hit = memmem(from, (size_t)(end - from), prefix, length))) {
        r = bytes_append(&clean, from, (size_t)(hit - from)) || bytes_append(&clean, "@", 1);
        for (from = hit + length; from < end && (isalnum((unsigned char)*from) || *from == '_');) {
            from++;
        }
    }
    if (r == 0) {
        r = bytes_append(&clean, from, from ? (size_t)(end - from) : 0);
    }
    bytes_free(bytes);
    *bytes = clean;
    return r ? -1 : 0;
}

int compare_normalise(struct capture *capture, const char *prefix)
{
    int out = normalise(&capture->out, prefix), err = normalise(&capture->err, prefix);

    return out == 0 && err == 0 ? 0 : -1;
}

/* The length of the line that begins at `at`, its newline included. */
static size_t line_at(const struct bytes *bytes, size_t at)
{
    const char *newline = memchr(bytes->data + at, '\n', bytes->length - at);

    return newline ? (size_t)(newline - bytes->data) + 1 - at : bytes->length - at;
}

static void print_line(char mark, const char *text, size_t length)
{
    printf("    %c ", mark);
    for (size_t i = 0; i < length && i < COLUMNS_SHOWN; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c == '\n') {
            continue;
        }
        printf(c < 0x20 || c == 0x7f ? "\\x%02x" : "%c", c);
    }
    printf("%s\n", length > COLUMNS_SHOWN     ? "..."
                   : text[length - 1] == '\n' ? ""
                                              : " (no newline)");
}

static void print_lines(char mark, const struct bytes *bytes, size_t from, size_t to)
{
    int shown = 0;

    for (size_t at = from; at < to;) {
        size_t length = line_at(bytes, at);

        if (shown++ == LINES_SHOWN) {
            printf("    %c ... %zu more bytes\n", mark, to - at);
            return;
        }
        print_line(mark, bytes->data + at, length);
        at += length;
    }
}

/* What is left of both without the lines that they have in common at the beginning and the end. */
static void print_difference(const char *stream, const struct bytes *a, const struct bytes *b)
{
    size_t same = 0, at = 0, tail = 0;
    size_t shorter = a->length < b->length ? a->length : b->length;

    while (same < shorter && a->data[same] == b->data[same]) {
        same++;
        at = a->data[same - 1] == '\n' ? same : at;
    }
    for (size_t n = 1; n <= shorter - at; n++) {
        if (a->data[a->length - n] != b->data[b->length - n]) {
            break;
        }
        if (n == shorter - at || a->data[a->length - n - 1] == '\n') {
            tail = n;
        }
    }
    printf("  %s, from byte %zu on (- expected, + got):\n", stream, at);
    print_lines('-', a, at, a->length - tail);
    print_lines('+', b, at, b->length - tail);
}

static int same_bytes(const struct bytes *a, const struct bytes *b)
{
    return a->length == b->length && (a->length == 0 || memcmp(a->data, b->data, a->length) == 0);
}

static void print_end(const char *what, const struct capture *c)
{
    if (c->error != 0) {
        printf("  %s: %s: %s\n", what, enclave_error_name(c->error), c->reason);
    } else {
        printf("  %s: %s, exit code %d, signal %d\n", what, enclave_cause_name(c->cause),
               c->exit_code, c->signal);
    }
}

int compare_same(const char *title, const struct capture *expected, const struct capture *got)
{
    int ends = expected->error == 0 && got->error == 0 && expected->cause == got->cause &&
               expected->exit_code == got->exit_code && expected->signal == got->signal;
    int out = same_bytes(&expected->out, &got->out), err = same_bytes(&expected->err, &got->err);

    if (ends && out && err) {
        return 1;
    }
    printf("%s\n", title);
    if (!ends) {
        print_end("expected", expected);
        print_end("got", got);
    }
    if (!out) {
        print_difference("stdout", &expected->out, &got->out);
    }
    if (!err) {
        print_difference("stderr", &expected->err, &got->err);
    }
    return 0;
}
