/*
 * test.h - the inside of struct test, shared by test.c (what a case uses) and tap.c (what runs it).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CONFORMANCE_TEST_H
#define CONFORMANCE_TEST_H

#include "tap.h"

#include <setjmp.h>

enum { TEST_NOTES_MAX = 16384, TEST_DEFERRED_MAX = 1024 };

enum test_state { TEST_PASSED, TEST_FAILED, TEST_SKIPPED };

struct test {
    void *subject;
    enum test_state state;
    jmp_buf end;
    char notes[TEST_NOTES_MAX]; /* lines */
    size_t notes_length;
    struct {
        void (*tidy)(struct test *t, void *what);
        void *what;
    } deferred[TEST_DEFERRED_MAX];
    size_t deferred_count;
};

/* Run a case to its end, with all that it deferred. */
void test_run(struct test *t, void (*run)(struct test *t));

#endif
