/*
 * progress.c - see progress.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "progress.h"

#include "report.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define BAR_WIDTH 16
#define BAR_INTERVAL_MS 100   /* engines report many times a second */
#define LINE_INTERVAL_MS 5000 /* where each report stays on the page */

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void progress_begin(struct progress *progress)
{
    *progress = (struct progress){.bar = report_has_status()};
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

/* "45%  12.3 of 27.1 MB", as far as it is known. */
static void format_amount(const struct enclave_progress *step, char *text, size_t size)
{
    double megabytes = (double)step->done / 1e6;

    if (step->total > 0) {
        uint64_t done = step->done < step->total ? step->done : step->total;
        (void)snprintf(text, size, "%3.0f%%  %.1f of %.1f MB",
                       100.0 * (double)done / (double)step->total, megabytes,
                       (double)step->total / 1e6);
    } else if (step->done > 0) {
        (void)snprintf(text, size, "%.1f MB", megabytes);
    } else {
        text[0] = '\0';
    }
}

static void format_bar(const struct enclave_progress *step, char bar[BAR_WIDTH + 1])
{
    size_t filled = 0;

    if (step->total > 0) {
        double part = (double)step->done / (double)step->total;
        filled = part >= 1 ? BAR_WIDTH : (size_t)(part * BAR_WIDTH);
    }
    memset(bar, '.', BAR_WIDTH);
    memset(bar, '#', filled);
    bar[BAR_WIDTH] = '\0';
}

void progress_show(void *ctx, const struct enclave_progress *step)
{
    struct progress *progress = ctx;
    int64_t now = now_ms();
    int64_t interval = progress->bar ? BAR_INTERVAL_MS : LINE_INTERVAL_MS;
    char amount[64];
    char bar[BAR_WIDTH + 1];

    if (progress->drawn_ms != 0 && now - progress->drawn_ms < interval) {
        return;
    }
    progress->drawn_ms = now;
    format_amount(step, amount, sizeof amount);
    if (progress->bar) {
        format_bar(step, bar);
        report_status("%s %.40s [%s] %s  %s", or_empty(step->what), or_empty(step->item), bar,
                      amount, or_empty(step->text));
    } else {
        report_note("%s %s: %s %s", or_empty(step->what), or_empty(step->item),
                    or_empty(step->text), amount);
    }
}

void progress_end(struct progress *progress)
{
    if (progress->bar) {
        report_status_clear();
    }
}
