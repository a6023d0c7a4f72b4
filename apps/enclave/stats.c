/*
 * stats.c - `enclave stats`: what a server counts.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "client.h"
#include "report.h"
#include "session.h"
#include "table.h"
#include "verbs.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char help[] =
    "Show what a server counts: sandboxes, executions by tool and end, times, pools.\n\n"
    "Usage: enclave stats [OPTION]...\n\n"
    "      --json              all of it, as a JSON object (docs/api.md)\n"
    "      --server URL        http://HOST:PORT, https://HOST:PORT or unix:PATH;\n"
    "                          without: $ENCLAVE_SERVER, else the configuration\n"
    "      --key-file FILE     file with the key for that server\n\n"
    "Exit code: 0, or 125 when the server failed.\n\n"
    "Examples:\n"
    "  enclave stats\n"
    "  enclave stats --json | jq .executions_by_tool\n";

/* ------------------------------------------------------------------------------------- tables */

/* Rows of texts, in JSON so that somebody owns them. */
static void row(void *ctx, size_t index, const char **cells)
{
    struct json_object *texts = json_object_array_get_idx(ctx, index);

    for (size_t c = 0; c < json_object_array_length(texts); c++) {
        cells[c] = json_object_get_string(json_object_array_get_idx(texts, c));
    }
}

/* Add a row; NULL ends the texts. */
static void add(struct json_object *rows, const char *first, ...)
{
    struct json_object *texts = json_object_new_array();
    va_list args;

    va_start(args, first);
    for (const char *text = first; text; text = va_arg(args, const char *)) {
        json_object_array_add(texts, json_object_new_string(text));
    }
    va_end(args);
    json_object_array_add(rows, texts);
}

/* A table after an empty line; none without rows. */
static void print_rows(const char *const *headings, size_t columns, struct json_object *rows)
{
    if (json_object_array_length(rows) > 0) {
        putchar('\n');
        table_print(stdout, headings, columns, json_object_array_length(rows), row, rows);
    }
}

static const char *number(struct json_object *object, const char *key)
{
    return json_text(object, key, "0");
}

/* ---------------------------------------------------------------------------------- the parts */

/* A row for each member of an object of counts. */
static void add_counts(struct json_object *rows, const char *what, struct json_object *counts)
{
    char name[96];

    if (!json_object_is_type(counts, json_type_object)) {
        return;
    }
    json_object_object_foreach(counts, key, count)
    {
        if (json_object_get_int64(count) != 0) {
            (void)snprintf(name, sizeof name, "  %s%.63s", what, key);
            add(rows, name, json_object_get_string(count), NULL);
        }
    }
}

static void show_counts(struct json_object *stats)
{
    static const char *const headings[] = {"WHAT", "COUNT"};
    AUTO_JSON struct json_object *rows = json_object_new_array();

    add(rows, "sandboxes", number(stats, "total_sandboxes"), NULL);
    add_counts(rows, "", json_member(stats, "status_counts"));
    add_counts(rows, "of ", json_member(stats, "sandbox_types"));
    add(rows, "created", number(stats, "created"), NULL);
    add(rows, "deleted", number(stats, "deleted"), NULL);
    add_counts(rows, "reclaimed: ", json_member(stats, "reclaimed"));
    add(rows, "executions", number(stats, "executions"), NULL);
    table_print(stdout, headings, 2, json_object_array_length(rows), row, rows);
}

static void show_tools(struct json_object *tools)
{
    static const char *const headings[] = {"TOOL", "EXITED", "SIGNALED",  "TIMEOUT",
                                           "OOM",  "LOST",   "CANCELLED", "FAILED"};
    AUTO_JSON struct json_object *rows = json_object_new_array();

    if (!json_object_is_type(tools, json_type_object)) {
        return;
    }
    json_object_object_foreach(tools, name, counts)
    {
        add(rows, name, number(counts, "exited"), number(counts, "signaled"),
            number(counts, "timeout"), number(counts, "oom"), number(counts, "backend_lost"),
            number(counts, "cancelled"), number(counts, "failed"), NULL);
    }
    print_rows(headings, 8, rows);
}

static void format_seconds(struct json_object *times, const char *key, char *text, size_t size)
{
    double seconds = json_object_get_double(json_member(times, key));

    if (seconds < 1) {
        (void)snprintf(text, size, "%.3g ms", seconds * 1e3);
    } else {
        (void)snprintf(text, size, "%.3g s", seconds);
    }
}

static void show_times(struct json_object *times)
{
    static const char *const headings[] = {"TIME", "COUNT", "P50", "P95", "P99"};
    AUTO_JSON struct json_object *rows = json_object_new_array();
    char p50[32], p95[32], p99[32];

    if (!json_object_is_type(times, json_type_object)) {
        return;
    }
    json_object_object_foreach(times, name, histogram)
    {
        if (strcmp(number(histogram, "count"), "0") == 0) {
            continue;
        }
        format_seconds(histogram, "p50", p50, sizeof p50);
        format_seconds(histogram, "p95", p95, sizeof p95);
        format_seconds(histogram, "p99", p99, sizeof p99);
        add(rows, name, number(histogram, "count"), p50, p95, p99, NULL);
    }
    print_rows(headings, 5, rows);
}

static void show_pools(struct json_object *pools)
{
    static const char *const headings[] = {"POOL", "SIZE", "IDLE", "BUSY", "WAITING", "REUSE"};
    AUTO_JSON struct json_object *rows = json_object_new_array();

    if (!json_object_is_type(pools, json_type_object)) {
        return;
    }
    json_object_object_foreach(pools, name, pool)
    {
        add(rows, name, number(pool, "size"), number(pool, "idle"), number(pool, "busy"),
            number(pool, "waiting"), json_text(pool, "reuse", "-"), NULL);
    }
    print_rows(headings, 6, rows);
}

static void show(struct json_object *stats)
{
    show_counts(stats);
    show_tools(json_member(stats, "executions_by_tool"));
    show_times(json_member(stats, "times"));
    show_pools(json_member(stats, "pools"));
}

/* -------------------------------------------------------------------------------------- asking */

static int run(struct globals *globals, int argc, char **argv, int first)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    AUTO_CLIENT struct client client = {.globals = globals, .verb = "stats"};
    AUTO_TEXT char *text = NULL;
    AUTO_JSON struct json_object *stats = NULL;
    AUTO_JSON struct json_object *list = NULL;
    int code = verb_parse_plain(&verb_stats, globals, argc, argv, first);

    if (code >= 0) {
        return code;
    }
    code = client_open(&client);
    /* Asked first, since it also tells why a server does not answer. */
    code = code == 0 ? client_list(&client, ENCLAVE_STATUS_ERROR, &list) : code;
    if (code != 0) {
        return code;
    }
    if (enclave_manager_get_stats(client.manager, &text, &err) != 0) {
        return client_fail(&client, &err);
    }
    stats = json_tokener_parse(text);
    if (!json_member(stats, "remote")) {
        (void)enclave_error_set(&err, ENCLAVE_EUNREACHABLE, "stats: the server does not tell them");
        return client_fail(&client, &err);
    }
    return client_show(&client, json_member(stats, "remote"), show);
}

const struct verb verb_stats = {"stats", "Show what a server counts", help, run};
