/*
 * tap.h - runs named cases, several at once, and prints what became of them in the Test Anything Protocol
 * (https://testanything.org/tap-version-13-specification.html).
 *
 * Owns: order, deadlines, what a failure says, tidying up after a case. Does not know what is tested.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CONFORMANCE_TAP_H
#define CONFORMANCE_TAP_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* A case that is being run. Its functions are for the thread that runs the case. */
struct test;

struct tap_case {
    const char *name; /* within its group */
    const char *what; /* one line: what it demands */
    void (*run)(struct test *t);
};

struct tap_group {
    const char *name;
    const struct tap_case *cases;
    size_t count;
};

/* A group of the array `list`, which is named as the group. */
#define TAP_GROUP(group, list)                                                                     \
    const struct tap_group group##_group = {#group, list, sizeof(list) / sizeof *(list)}

struct tap_options {
    FILE *out;
    const char *only; /* cases whose GROUP.NAME it matches (fnmatch), or is a part of; NULL: all */
    unsigned jobs;    /* cases at once */
    int64_t deadline_ms; /* for each case */
    int verbose;         /* notes of cases that pass, and times */
    void *subject;       /* test_subject() */
};

struct tap_outcome {
    unsigned run, failed, skipped;
    unsigned stuck; /* threads of cases that never ended: what they use must stay */
};

/* Print GROUP.NAME and what it demands, a line each; NULL: do not. Returns how many. */
unsigned tap_list(FILE *out, const struct tap_group *const *groups, const char *only);

/*
 * Run the cases of the NULL-terminated list. One that fails stops no other. One that passes its deadline
 * has failed and is left behind; when too many are, the rest is given up ("Bail out!") and counts as failed.
 */
struct tap_outcome tap_run(const struct tap_options *options,
                           const struct tap_group *const *groups);

/* ------------------------------------------------------------------------------- inside a case */

void *test_subject(const struct test *t);

/* Ends the case here. What was deferred is done. */
__attribute__((noreturn, format(printf, 4, 5))) void test_fail(struct test *t, const char *file,
                                                               int line, const char *format, ...);
__attribute__((noreturn, format(printf, 2, 3))) void test_skip(struct test *t, const char *format,
                                                               ...);
/* A line that is printed when the case fails, or always with `verbose`. */
__attribute__((format(printf, 2, 3))) void test_note(struct test *t, const char *format, ...);
/* The case has failed and goes on: for what is deferred. */
__attribute__((format(printf, 2, 3))) void test_spoil(struct test *t, const char *format, ...);

/* Have `tidy(t, what)` called when the case has ended, however it did; the last one first. */
void test_defer(struct test *t, void (*tidy)(struct test *t, void *what), void *what);
/* Not any more: the case has seen to it itself. */
void test_forget(struct test *t, const void *what);
/* Zeroed memory, and a formatted text, until the case ends. */
void *test_alloc(struct test *t, size_t size);
__attribute__((format(printf, 2, 3))) char *test_text(struct test *t, const char *format, ...);

/* Monotonic. */
int64_t test_now_ms(void);

#define fail(t, ...) test_fail(t, __FILE__, __LINE__, __VA_ARGS__)
#define expect(t, condition)                                                                       \
    ((condition) ? (void)0 : test_fail(t, __FILE__, __LINE__, "expected %s", #condition))
#define expect_int(t, got, wanted)                                                                 \
    test_expect_int(t, __FILE__, __LINE__, #got, (int64_t)(got), (int64_t)(wanted))
#define expect_text(t, got, wanted) test_expect_text(t, __FILE__, __LINE__, #got, got, wanted)
#define expect_part(t, got, wanted) test_expect_part(t, __FILE__, __LINE__, #got, got, wanted)

void test_expect_int(struct test *t, const char *file, int line, const char *what, int64_t got,
                     int64_t wanted);
void test_expect_text(struct test *t, const char *file, int line, const char *what, const char *got,
                      const char *wanted);
void test_expect_part(struct test *t, const char *file, int line, const char *what, const char *got,
                      const char *wanted);

#endif
