/*
 * tap.c - which case runs when and for how long, and what is printed; see tap.h.
 *
 * The calling thread is the watchdog and prints; workers take one case after the other. A worker whose case
 * passes its deadline cannot be ended, so it is left behind and another one takes its place.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "test.h"

#include <fnmatch.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { STUCK_MAX = 8, NAME_MAX_LENGTH = 128 };

enum stage { WAITING, RUNNING, DONE };

struct entry {
    const struct tap_case *one;
    char name[NAME_MAX_LENGTH];
    enum stage stage;
    int64_t began_ms, took_ms;
    struct test *test; /* the worker's until DONE, then the watchdog's; NULL after a timeout */
};

struct run {
    const struct tap_options *options;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    struct entry *entries;
    size_t count;
    size_t next;      /* to be begun */
    size_t printed;   /* lines are printed in order */
    unsigned workers; /* that have not been left behind */
    unsigned users;   /* threads that know this: the watchdog, and workers, left behind or not */
    int over;         /* no case is begun any more */
    struct tap_outcome outcome;
};

/* ------------------------------------------------------------------------------------ choosing */

static int chosen(const char *only, const char *name)
{
    return !only || strstr(name, only) || fnmatch(only, name, 0) == 0;
}

/* Calls `take` for each that is chosen; returns how many. */
static unsigned each_case(const struct tap_group *const *groups, const char *only,
                          void (*take)(void *ctx, const struct tap_case *one, const char *name),
                          void *ctx)
{
    unsigned count = 0;

    for (; *groups; groups++) {
        for (size_t i = 0; i < (*groups)->count; i++) {
            const struct tap_case *one = &(*groups)->cases[i];
            char name[NAME_MAX_LENGTH];
            (void)snprintf(name, sizeof name, "%s.%s", (*groups)->name, one->name);
            if (chosen(only, name)) {
                count++;
                take(ctx, one, name);
            }
        }
    }
    return count;
}

static void list_case(void *ctx, const struct tap_case *one, const char *name)
{
    if (ctx) {
        (void)fprintf(ctx, "%-36s %s\n", name, one->what);
    }
}

unsigned tap_list(FILE *out, const struct tap_group *const *groups, const char *only)
{
    return each_case(groups, only, list_case, out);
}

static void add_case(void *ctx, const struct tap_case *one, const char *name)
{
    struct run *run = ctx;
    struct entry *entry = &run->entries[run->count++];

    entry->one = one;
    memcpy(entry->name, name, sizeof entry->name);
}

/* ------------------------------------------------------------------------------------- printing */

static void print_notes(FILE *out, char *notes)
{
    char *rest = NULL;

    for (char *line = strtok_r(notes, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        (void)fprintf(out, "# %s\n", line);
    }
}

static void print_entry(struct run *run, size_t number, struct entry *entry)
{
    FILE *out = run->options->out;
    struct test *t = entry->test;
    int failed = !t || t->state == TEST_FAILED, skipped = t && t->state == TEST_SKIPPED;

    run->outcome.run++;
    run->outcome.failed += failed;
    run->outcome.skipped += skipped;
    (void)fprintf(out, "%sok %zu - %s", failed ? "not " : "", number, entry->name);
    if (skipped) { /* its last line says why */
        t->notes[t->notes_length - 1] = '\0';
        char *newline = strrchr(t->notes, '\n');
        (void)fprintf(out, " # SKIP %s", newline ? newline + 1 : t->notes);
    }
    (void)fputc('\n', out);
    if (failed) {
        (void)fprintf(out, "# demanded: %s\n", entry->one->what);
    }
    if (!t) {
        (void)fprintf(out, "# timed out: it has not ended after %lld s\n",
                      (long long)run->options->deadline_ms / 1000);
    } else if (failed || (run->options->verbose && !skipped)) {
        print_notes(out, t->notes);
    }
    if (run->options->verbose) {
        (void)fprintf(out, "# took %lld ms\n", (long long)entry->took_ms);
    }
    (void)fflush(out);
    free(t);
    entry->test = NULL;
}

static void print_done(struct run *run)
{
    while (run->printed < run->count && run->entries[run->printed].stage == DONE) {
        print_entry(run, run->printed + 1, &run->entries[run->printed]);
        run->printed++;
    }
}

/* ------------------------------------------------------------------------------------- workers */

/* The next case to run, begun; NULL when there is none. The lock is held. */
static struct entry *begin(struct run *run)
{
    if (run->over || run->next == run->count) {
        return NULL;
    }
    struct entry *entry = &run->entries[run->next++];
    entry->stage = RUNNING;
    entry->began_ms = test_now_ms();
    (void)pthread_cond_signal(&run->changed); /* the watchdog has a deadline more */
    return entry;
}

/* Unlock, for good; the last one frees it. */
static void leave(struct run *run)
{
    int last = --run->users == 0;

    (void)pthread_mutex_unlock(&run->lock);
    if (last) {
        (void)pthread_cond_destroy(&run->changed);
        (void)pthread_mutex_destroy(&run->lock);
        for (size_t i = 0; i < run->count; i++) {
            free(run->entries[i].test); /* what ended after the run was given up */
        }
        free(run->entries);
        free(run);
    }
}

/* The lock is held. */
static void finish(struct run *run, struct entry *entry)
{
    entry->stage = DONE;
    entry->took_ms = test_now_ms() - entry->began_ms;
    (void)pthread_cond_signal(&run->changed);
}

static void *work(void *ctx)
{
    struct run *run = ctx;
    struct entry *entry;

    (void)pthread_mutex_lock(&run->lock);
    while ((entry = begin(run))) {
        struct test *t = calloc(1, sizeof *t);
        if (!t) {
            abort();
        }
        t->subject = run->options->subject;
        entry->test = t;
        (void)pthread_mutex_unlock(&run->lock);
        test_run(t, entry->one->run);
        (void)pthread_mutex_lock(&run->lock);
        if (entry->stage == DONE) { /* too late: another one took this worker's place */
            free(t);
            leave(run);
            return NULL;
        }
        finish(run, entry);
    }
    run->workers--;
    (void)pthread_cond_signal(&run->changed);
    leave(run);
    return NULL;
}

static void start_worker(struct run *run)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, work, run) == 0) {
        (void)pthread_detach(thread);
        run->workers++;
        run->users++;
    }
}

/* ------------------------------------------------------------------------------------ watchdog */

/* Give up what is overdue. Returns when the next case will be, or -1. */
static int64_t give_up_overdue(struct run *run)
{
    int64_t first = -1, now = test_now_ms();

    for (size_t i = 0; i < run->next; i++) {
        struct entry *entry = &run->entries[i];
        int64_t due = entry->began_ms + run->options->deadline_ms;
        if (entry->stage != RUNNING) {
            continue;
        }
        if (due <= now) {
            entry->test = NULL;
            finish(run, entry);
            run->outcome.stuck++;
            run->workers--;
            start_worker(run);
        } else if (first < 0 || due < first) {
            first = due;
        }
    }
    return first;
}

static void watch(struct run *run)
{
    while (run->printed < run->count) {
        int64_t due = give_up_overdue(run);
        print_done(run);
        if (run->outcome.stuck >= STUCK_MAX || run->workers == 0) {
            break;
        }
        struct timespec until = {(time_t)(due / 1000), (long)(due % 1000) * 1000000};
        if (due < 0) {
            (void)pthread_cond_wait(&run->changed, &run->lock);
        } else {
            (void)pthread_cond_timedwait(&run->changed, &run->lock, &until);
        }
    }
    print_done(run);
    run->over = 1;
    if (run->printed < run->count) {
        (void)fprintf(run->options->out, "Bail out! %s\n",
                      run->outcome.stuck ? "too many cases do not end" : "no thread to run cases");
        run->outcome.failed += (unsigned)(run->count - run->printed);
    }
    while (run->workers > 0 && run->printed == run->count) {
        (void)pthread_cond_wait(&run->changed, &run->lock);
    }
}

static void init(struct run *run)
{
    pthread_condattr_t monotonic;

    (void)pthread_mutex_init(&run->lock, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&run->changed, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
}

struct tap_outcome tap_run(const struct tap_options *options, const struct tap_group *const *groups)
{
    unsigned count = tap_list(NULL, groups, options->only);
    struct run *run = calloc(1, sizeof *run);

    if (!run || !(run->entries = calloc(count + 1, sizeof *run->entries))) {
        abort();
    }
    run->options = options;
    run->users = 1;
    init(run);
    (void)each_case(groups, options->only, add_case, run);
    (void)fprintf(options->out, "TAP version 13\n1..%u\n", count);
    (void)pthread_mutex_lock(&run->lock);
    for (unsigned i = 0; i < options->jobs; i++) {
        start_worker(run);
    }
    watch(run);
    struct tap_outcome outcome = run->outcome;
    leave(run);
    return outcome;
}
