/*
 * tap_test.c - the runner itself: what it prints of cases that pass, fail, are skipped and do not end.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tap.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* What cases note down while they run, and what the ones that hang wait for. */
struct diary {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    char text[64];
    int let_go;
    int hanging;
};

static void write_down(struct test *t, const char *word)
{
    struct diary *diary = test_subject(t);

    pthread_mutex_lock(&diary->lock);
    strncat(diary->text, word, sizeof diary->text - strlen(diary->text) - 1);
    pthread_mutex_unlock(&diary->lock);
}

static void tidy(struct test *t, void *what)
{
    write_down(t, what);
}

static void passes(struct test *t)
{
    test_defer(t, tidy, " b");
    test_defer(t, tidy, " forgotten");
    test_defer(t, tidy, " a");
    test_forget(t, " forgotten");
    write_down(t, " passes");
    test_note(t, "noted");
    expect(t, 1 + 1 == 2);
    expect_int(t, 3, 3);
    expect_text(t, "x", "x");
    expect_part(t, test_text(t, "%d and %d", 1, 2), "and");
}

static void fails(struct test *t)
{
    test_defer(t, tidy, " tidied");
    test_note(t, "noted");
    expect_text(t, "got\n\"it\"", "wanted");
    write_down(t, " never");
}

static void spoil(struct test *t, void *what)
{
    test_spoil(t, "tidying up: %s", (const char *)what);
}

static void spoiled(struct test *t)
{
    test_defer(t, spoil, "too bad");
}

static void skipped(struct test *t)
{
    test_note(t, "noted");
    test_skip(t, "no %s", "reason");
}

static void hangs(struct test *t)
{
    struct diary *diary = test_subject(t);

    pthread_mutex_lock(&diary->lock);
    diary->hanging++;
    while (!diary->let_go) {
        pthread_cond_wait(&diary->changed, &diary->lock);
    }
    diary->hanging--;
    pthread_cond_broadcast(&diary->changed);
    pthread_mutex_unlock(&diary->lock);
}

static const struct tap_case plain_cases[] = {
    {"passes", "one", passes},    {"fails", "two", fails},        {"spoiled", "three", spoiled},
    {"skipped", "four", skipped}, {"passes_too", "five", passes},
};
static TAP_GROUP(plain, plain_cases);
static const struct tap_case bad_cases[] = {
    {"hangs", "six", hangs},
    {"goes_on", "seven", passes},
};
static TAP_GROUP(bad, bad_cases);
static const struct tap_case worst_cases[] = {
    {"h1", "", hangs}, {"h2", "", hangs}, {"h3", "", hangs}, {"h4", "", hangs},   {"h5", "", hangs},
    {"h6", "", hangs}, {"h7", "", hangs}, {"h8", "", hangs}, {"last", "", hangs},
};
static TAP_GROUP(worst, worst_cases);
static const struct tap_group *const plain_only[] = {&plain_group, NULL};
static const struct tap_group *const plain_and_bad[] = {&plain_group, &bad_group, NULL};
static const struct tap_group *const worst_only[] = {&worst_group, NULL};

/* Run; the text printed is the caller's. */
static char *run(const struct tap_group *const *groups, struct tap_options options,
                 struct diary *diary, struct tap_outcome *ret_outcome)
{
    char *text = NULL;
    size_t length = 0;

    *diary = (struct diary){.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    options.out = open_memstream(&text, &length);
    options.subject = diary;
    options.deadline_ms = options.deadline_ms ? options.deadline_ms : 60000;
    assert_non_null(options.out);
    *ret_outcome = tap_run(&options, groups);
    fclose(options.out);
    return text;
}

/* So that nothing uses what is about to be gone. */
static void let_go(struct diary *diary)
{
    pthread_mutex_lock(&diary->lock);
    diary->let_go = 1;
    pthread_cond_broadcast(&diary->changed);
    while (diary->hanging > 0) {
        pthread_cond_wait(&diary->changed, &diary->lock);
    }
    pthread_mutex_unlock(&diary->lock);
}

static void test_output(void **state)
{
    struct tap_outcome outcome;
    static struct diary diary; /* a case left behind may still write into it */
    char *text = run(plain_only, (struct tap_options){.jobs = 1}, &diary, &outcome);
    char *line = strstr(text, "tap_test.c:");

    (void)state;
    assert_non_null(line);
    assert_non_null(strstr(line, "expected \"wanted\", got \"got\\n\\\"it\\\"\""));
    *line = 'X'; /* in place of the line's number and what it says */
    memmove(line + 1, strchr(line, '\n'), strlen(strchr(line, '\n')) + 1);
    assert_string_equal(text, "TAP version 13\n1..5\n"
                              "ok 1 - plain.passes\n"
                              "not ok 2 - plain.fails\n# demanded: two\n# noted\n# X\n"
                              "not ok 3 - plain.spoiled\n# demanded: three\n# tidying up: too bad\n"
                              "ok 4 - plain.skipped # SKIP no reason\n"
                              "ok 5 - plain.passes_too\n");
    assert_string_equal(diary.text, " passes a b tidied passes a b");
    assert_int_equal(outcome.run, 5);
    assert_int_equal(outcome.failed, 2);
    assert_int_equal(outcome.skipped, 1);
    assert_int_equal(outcome.stuck, 0);
    free(text);
}

static void test_choice(void **state)
{
    struct tap_outcome outcome;
    static struct diary diary; /* a case left behind may still write into it */
    char *text =
        run(plain_and_bad, (struct tap_options){.jobs = 4, .only = "passes*"}, &diary, &outcome);

    (void)state;
    assert_int_equal(outcome.run, 0); /* a pattern fits the whole name */
    free(text);
    text = run(plain_and_bad, (struct tap_options){.jobs = 4, .only = "plain.passes*"}, &diary,
               &outcome);
    assert_string_equal(text,
                        "TAP version 13\n1..2\nok 1 - plain.passes\nok 2 - plain.passes_too\n");
    free(text);
    assert_int_equal(tap_list(NULL, plain_and_bad, "passes"), 2);
    assert_int_equal(tap_list(NULL, plain_and_bad, NULL), 7);
}

static void test_what_hangs_is_left_behind(void **state)
{
    struct tap_outcome outcome;
    static struct diary diary; /* a case left behind may still write into it */
    char *text =
        run(plain_and_bad, (struct tap_options){.jobs = 1, .only = "bad.", .deadline_ms = 200},
            &diary, &outcome);

    (void)state;
    assert_string_equal(text, "TAP version 13\n1..2\n"
                              "not ok 1 - bad.hangs\n# demanded: six\n"
                              "# timed out: it has not ended after 0 s\n"
                              "ok 2 - bad.goes_on\n");
    assert_int_equal(outcome.stuck, 1);
    free(text);
    let_go(&diary);
}

static void test_too_much_that_hangs_ends_the_run(void **state)
{
    struct tap_outcome outcome;
    static struct diary diary; /* a case left behind may still write into it */
    char *text =
        run(worst_only, (struct tap_options){.jobs = 8, .deadline_ms = 200}, &diary, &outcome);

    (void)state;
    assert_non_null(strstr(text, "not ok 8 - worst.h8\n"));
    assert_non_null(strstr(text, "Bail out! too many cases do not end\n"));
    assert_int_equal(outcome.failed, 9);
    free(text);
    let_go(&diary);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_output),
        cmocka_unit_test(test_choice),
        cmocka_unit_test(test_what_hangs_is_left_behind),
        cmocka_unit_test(test_too_much_that_hangs_ends_the_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
