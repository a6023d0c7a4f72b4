/*
 * test.c - what a case uses: expectations, notes, and what is done when it has ended. See tap.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "test.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SHOWN_MAX = 400 };

void *test_subject(const struct test *t)
{
    return t->subject;
}

int64_t test_now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void test_run(struct test *t, void (*run)(struct test *t))
{
    if (setjmp(t->end) == 0) {
        run(t);
    }
    while (t->deferred_count > 0) {
        t->deferred_count--;
        t->deferred[t->deferred_count].tidy(t, t->deferred[t->deferred_count].what);
    }
}

/* -------------------------------------------------------------------------------------- telling */

__attribute__((format(printf, 2, 0))) static void note(struct test *t, const char *format,
                                                       va_list args)
{
    size_t room = sizeof t->notes - t->notes_length - 1;
    char *line = t->notes + t->notes_length;
    int n = room > 1 ? vsnprintf(line, room, format, args) : -1;

    if (n < 0) {
        return;
    }
    n = (size_t)n < room ? n : (int)room - 1;
    for (int i = 0; i < n; i++) {
        line[i] = line[i] == '\n' ? ' ' : line[i];
    }
    line[n] = '\n';
    line[n + 1] = '\0';
    t->notes_length += (size_t)n + 1;
}

void test_note(struct test *t, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    note(t, format, args);
    va_end(args);
}

void test_spoil(struct test *t, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    note(t, format, args);
    va_end(args);
    t->state = TEST_FAILED;
}

void test_skip(struct test *t, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    note(t, format, args);
    va_end(args);
    t->state = TEST_SKIPPED;
    longjmp(t->end, 1);
}

void test_fail(struct test *t, const char *file, int line, const char *format, ...)
{
    char text[2 * SHOWN_MAX + 256];
    const char *slash = strrchr(file, '/');
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    test_spoil(t, "%s:%d: %s", slash ? slash + 1 : file, line, text);
    longjmp(t->end, 1);
}

/* ------------------------------------------------------------------------------------- tidying */

void test_defer(struct test *t, void (*tidy)(struct test *t, void *what), void *what)
{
    if (t->deferred_count == TEST_DEFERRED_MAX) {
        tidy(t, what);
        fail(t, "the case keeps more than %d things", TEST_DEFERRED_MAX);
    }
    t->deferred[t->deferred_count].tidy = tidy;
    t->deferred[t->deferred_count++].what = what;
}

void test_forget(struct test *t, const void *what)
{
    for (size_t i = 0; i < t->deferred_count; i++) {
        if (t->deferred[i].what == what) {
            t->deferred_count--;
            memmove(&t->deferred[i], &t->deferred[i + 1],
                    (t->deferred_count - i) * sizeof t->deferred[i]);
            return;
        }
    }
}

static void free_memory(struct test *t, void *what)
{
    (void)t;
    free(what);
}

void *test_alloc(struct test *t, size_t size)
{
    void *memory = calloc(1, size ? size : 1);

    if (!memory) {
        fail(t, "out of memory for %zu bytes", size);
    }
    test_defer(t, free_memory, memory);
    return memory;
}

char *test_text(struct test *t, const char *format, ...)
{
    char *text = NULL;
    va_list args;

    va_start(args, format);
    int n = vasprintf(&text, format, args);
    va_end(args);
    if (n < 0) {
        fail(t, "out of memory for a text");
    }
    test_defer(t, free_memory, text);
    return text;
}

/* --------------------------------------------------------------------------------- expectations */

/* As in C, so that what cannot be seen is seen; what is long is cut. */
static const char *shown(const char *text, char out[SHOWN_MAX])
{
    size_t n = 0;

    if (!text) {
        return "NULL";
    }
    out[n++] = '"';
    for (; *text && n < SHOWN_MAX - 8; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '\n' || c == '"' || c == '\\') {
            out[n++] = '\\';
            out[n++] = c == '\n' ? 'n' : (char)c;
        } else if (c < 0x20 || c == 0x7f) {
            n += (size_t)snprintf(out + n, SHOWN_MAX - n, "\\%03o", c);
        } else {
            out[n++] = (char)c;
        }
    }
    (void)snprintf(out + n, SHOWN_MAX - n, "\"%s", *text ? "..." : "");
    return out;
}

void test_expect_int(struct test *t, const char *file, int line, const char *what, int64_t got,
                     int64_t wanted)
{
    if (got != wanted) {
        test_fail(t, file, line, "%s: expected %" PRId64 ", got %" PRId64, what, wanted, got);
    }
}

void test_expect_text(struct test *t, const char *file, int line, const char *what, const char *got,
                      const char *wanted)
{
    char a[SHOWN_MAX], b[SHOWN_MAX];

    if (!got || strcmp(got, wanted) != 0) {
        test_fail(t, file, line, "%s: expected %s, got %s", what, shown(wanted, a), shown(got, b));
    }
}

void test_expect_part(struct test *t, const char *file, int line, const char *what, const char *got,
                      const char *wanted)
{
    char a[SHOWN_MAX], b[SHOWN_MAX];

    if (!got || !strstr(got, wanted)) {
        test_fail(t, file, line, "%s: expected something with %s, got %s", what, shown(wanted, a),
                  shown(got, b));
    }
}
