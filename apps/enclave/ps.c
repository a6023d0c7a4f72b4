/*
 * ps.c - `enclave ps`: the sandboxes of a server.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "client.h"
#include "report.h"
#include "session.h"
#include "table.h"
#include "text.h"
#include "verbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char help[] =
    "List the sandboxes of a server: with a key, those of the key.\n\n"
    "Usage: enclave ps [OPTION]...\n\n"
    "      --status STATUS     only those that are running, stopped, error, idle, ...\n"
    "  -q, --quiet             only the ids, one a line\n"
    "      --json              all that is known of them, as a JSON array\n"
    "      --server URL        http://HOST:PORT, https://HOST:PORT or unix:PATH;\n"
    "                          without: $ENCLAVE_SERVER, else the configuration\n"
    "      --key-file FILE     file with the key for that server\n\n"
    "Exit code: 0, also for an empty list; 125 when it is not to be had.\n\n"
    "Examples:\n"
    "  enclave ps --server http://127.0.0.1:8000\n"
    "  enclave ps -q --status stopped | xargs -r enclave rm\n"
    "  enclave ps --json | jq -r '.[] | select(.type == \"docker\") | .id'\n";

enum { PS_STATUS = ARG_OWN };

static const struct arg_option options[] = {
    {"status", '\0', "STATUS", PS_STATUS},
    {NULL, '\0', NULL, 0},
};

static int take_status(const char *value, uint32_t *ret_status)
{
    for (uint32_t s = ENCLAVE_STATUS_INITIALIZING; s <= ENCLAVE_STATUS_ERROR; s++) {
        if (strcmp(enclave_status_name(s), value) == 0) {
            *ret_status = s;
            return 0;
        }
    }
    report_error("--status '%.60s' is none of initializing, running, idle, busy, stopping, "
                 "stopped, error",
                 value);
    return -1;
}

static int take(void *ctx, int id, const char *value)
{
    if (id == PS_STATUS) {
        return take_status(value, ctx);
    }
    report_error("unexpected argument '%.60s'; try 'enclave ps --help'", value);
    return -1;
}

struct cells {
    struct json_object *info;
    char age[16];
};

/* "12s", "5m", "3h", "2d", of a time such as 2026-01-31T12:00:00.123456Z; without a zone it is the server's, which is
 * not known here. */
static void format_age(const char *created, char *age, size_t size)
{
    static const struct {
        char unit;
        double seconds;
    } units[] = {{'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};
    struct tm parts = {0};
    const char *rest = strptime(created, "%Y-%m-%dT%H:%M:%S", &parts);
    double seconds = rest ? difftime(time(NULL), timegm(&parts)) : 0;
    size_t u = 0;

    if (!rest || created[strlen(created) - 1] != 'Z') {
        (void)snprintf(age, size, "-");
        return;
    }
    seconds = seconds < 0 ? 0 : seconds > 1e9 ? 1e9 : seconds;
    while (units[u].unit != 's' && seconds < 2 * units[u].seconds) { /* 90m, not 1h */
        u++;
    }
    (void)snprintf(age, size, "%d%c", (int)(seconds / units[u].seconds), units[u].unit);
}

static void row(void *ctx, size_t index, const char **cells)
{
    struct cells *one = (struct cells *)ctx + index;

    cells[0] = json_text(one->info, "id", "-");
    cells[1] = json_text(one->info, "status", "-");
    cells[2] = json_text(one->info, "type", "-");
    cells[3] = json_text(json_member(one->info, "config"), "image", "-");
    cells[4] = one->age;
    /* Whose it is for the server: for it we are the owner, by the name of our key. */
    cells[5] = json_text(json_member(one->info, "metadata"), "remote_owner", "-");
}

static void show_table(struct json_object *list)
{
    static const char *const headings[] = {"ID", "STATUS", "TYPE", "IMAGE", "AGE", "OWNER"};
    size_t count = json_object_array_length(list);
    AUTO_FREE struct cells *rows = calloc(count + 1, sizeof *rows);

    if (!rows) {
        report_error("out of memory");
        return;
    }
    for (size_t i = 0; i < count; i++) {
        rows[i].info = json_object_array_get_idx(list, i);
        format_age(json_text(rows[i].info, "created_at", ""), rows[i].age, sizeof rows[i].age);
    }
    table_print(stdout, headings, 6, count, row, rows);
}

static void show_ids(struct json_object *list)
{
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        text_print(stdout, json_text(json_object_array_get_idx(list, i), "id", "-"));
        putchar('\n');
    }
}

static int by_creation(const void *a, const void *b)
{
    struct json_object *const *x = a, *const *y = b;

    return strcmp(json_text(*x, "created_at", ""), json_text(*y, "created_at", ""));
}

static int run(struct globals *globals, int argc, char **argv, int first)
{
    uint32_t status = 0;
    struct arg_parser parser = {
        .options = options, .globals = globals, .take = take, .ctx = &status};
    AUTO_CLIENT struct client client = {.globals = globals, .verb = "ps"};
    AUTO_JSON struct json_object *list = NULL;
    int code = verb_parse(&verb_ps, &parser, argc, argv, first);

    if (code >= 0) {
        return code;
    }
    code = client_open(&client);
    code = code == 0 ? client_list(&client, status, &list) : code;
    if (code != 0) {
        return code;
    }
    json_object_array_sort(list, by_creation);
    return client_show(&client, list, globals->level == REPORT_QUIET ? show_ids : show_table);
}

const struct verb verb_ps = {"ps", "List the sandboxes of a server", help, run};
