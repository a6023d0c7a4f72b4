/*
 * metrics.c - see metrics.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "metrics.h"

#include "../session.h"
#include "clock.h"
#include "connections.h"
#include "executions.h"
#include "jobs.h"
#include "memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void head(FILE *to, const char *name, const char *type, const char *help)
{
    fprintf(to, "# HELP enclave_%s %s\n# TYPE enclave_%s %s\n", name, help, name, type);
}

static void value(FILE *to, const char *name, const char *type, const char *help, double number)
{
    head(to, name, type, help);
    fprintf(to, "enclave_%s %.17g\n", name, number);
}

/* A label's value; names of tools, types and pools have nothing that would need an escape, but for a foreign plugin. */
static void label(FILE *to, const char *name, const char *text)
{
    fprintf(to, "%s=\"", name);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') {
            fputc('\\', to);
        }
        fputc(*text, to);
    }
    fputc('"', to);
}

static void counts(FILE *to, struct json_object *stats, const char *member, const char *name,
                   const char *type, const char *by, const char *help)
{
    struct json_object *all = NULL;

    head(to, name, type, help);
    if (!json_object_object_get_ex(stats, member, &all)) {
        return;
    }
    json_object_object_foreach(all, key, number)
    {
        fprintf(to, "enclave_%s{", name);
        label(to, by, key);
        fprintf(to, "} %.17g\n", json_object_get_double(number));
    }
}

static void by_tool(FILE *to, struct json_object *stats)
{
    struct json_object *tools = NULL;

    head(to, "executions_total", "counter", "Executions by tool and cause of their end");
    if (!json_object_object_get_ex(stats, "executions_by_tool", &tools)) {
        return;
    }
    json_object_object_foreach(tools, tool, causes)
    {
        json_object_object_foreach(causes, cause, number)
        {
            fputs("enclave_executions_total{", to);
            label(to, "tool", tool);
            fputc(',', to);
            label(to, "cause", cause);
            fprintf(to, "} %.17g\n", json_object_get_double(number));
        }
    }
}

static double number_of(struct json_object *object, const char *name)
{
    struct json_object *member = NULL;

    return json_object_object_get_ex(object, name, &member) ? json_object_get_double(member) : 0;
}

static void histogram(FILE *to, const char *which, struct json_object *one)
{
    struct json_object *buckets = NULL;
    char name[64];

    (void)snprintf(name, sizeof name, "%s_seconds", which);
    head(to, name, "histogram", "Times of the manager, see docs/api.md");
    (void)json_object_object_get_ex(one, "buckets", &buckets);
    for (size_t i = 0; buckets && i < json_object_array_length(buckets); i++) {
        struct json_object *bucket = json_object_array_get_idx(buckets, i);
        fprintf(to, "enclave_%s_bucket{le=\"%.9g\"} %.17g\n", name,
                json_object_get_double(json_object_array_get_idx(bucket, 0)),
                json_object_get_double(json_object_array_get_idx(bucket, 1)));
    }
    fprintf(to, "enclave_%s_bucket{le=\"+Inf\"} %.17g\n", name, number_of(one, "count"));
    fprintf(to, "enclave_%s_sum %.17g\nenclave_%s_count %.17g\n", name, number_of(one, "sum"), name,
            number_of(one, "count"));
}

static void of_manager(FILE *to, struct json_object *stats)
{
    struct json_object *times = NULL, *submitted = NULL;

    value(to, "sandboxes", "gauge", "Sandboxes", number_of(stats, "total_sandboxes"));
    value(to, "sandboxes_created_total", "counter", "Sandboxes that were made",
          number_of(stats, "created"));
    value(to, "sandboxes_deleted_total", "counter", "Sandboxes that were deleted",
          number_of(stats, "deleted"));
    counts(to, stats, "status_counts", "sandboxes_by_status", "gauge", "status",
           "Sandboxes by status");
    counts(to, stats, "sandbox_types", "sandboxes_by_type", "gauge", "type",
           "Sandboxes by backend");
    counts(to, stats, "reclaimed", "sandboxes_reclaimed_total", "counter", "reason",
           "Sandboxes that the manager deleted by itself");
    by_tool(to, stats);
    if (json_object_object_get_ex(stats, "submitted", &submitted)) {
        value(to, "executions_running", "gauge", "Executions that run",
              number_of(submitted, "running"));
        value(to, "executions_queued", "gauge", "Executions that wait",
              number_of(submitted, "queued"));
    }
    if (json_object_object_get_ex(stats, "times", &times)) {
        json_object_object_foreach(times, which, one)
        {
            histogram(to, which, one);
        }
    }
}

static void of_server(FILE *to, struct server *server)
{
    struct counters *counters = &server->counters;
    struct jobs *const kinds[] = {server->quick, server->jobs, server->transfers};
    unsigned queued = 0, running = 0;

    value(to, "uptime_seconds", "gauge", "Since the start",
          (double)(clock_us() - server->started_us) / 1e6);
    head(to, "http_requests_total", "counter", "Requests that were answered, by class of status");
    for (unsigned class = 1; class < 6; class ++) {
        fprintf(to, "enclave_http_requests_total{class=\"%uxx\"} %llu\n", class,
                atomic_load(&counters->requests[class]));
    }
    value(to, "http_requests_active", "gauge", "Requests under way",
          atomic_load(&counters->active));
    value(to, "http_connections", "gauge", "Open connections",
          connections_count(server->connections));
    value(to, "http_executions_active", "gauge", "Executions that clients wait for",
          executions_count(server->executions));
    value(to, "http_unauthorized_total", "counter", "Requests with a wrong key, or none",
          (double)atomic_load(&counters->unauthorized));
    value(to, "http_refused_total", "counter", "Requests past a limit",
          (double)atomic_load(&counters->refused));
    value(to, "http_gone_total", "counter", "Clients that did not wait for their answer",
          (double)atomic_load(&counters->gone));
    value(to, "http_expired_total", "counter", "Connections closed at a deadline",
          (double)atomic_load(&counters->expired));
    value(to, "http_buffered_bytes", "gauge", "Bodies and files in memory",
          (double)memory_held(server->memory));
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        unsigned waiting = 0, at_work = 0;
        jobs_counts(kinds[i], &waiting, &at_work);
        queued += waiting;
        running += at_work;
    }
    value(to, "http_jobs_queued", "gauge", "Calls that wait for a thread", queued);
    value(to, "http_jobs_running", "gauge", "Calls that have one", running);
}

char *metrics_make(struct server *server, size_t *ret_length)
{
    AUTO_TEXT char *text = NULL;
    AUTO_JSON struct json_object *stats = NULL;
    char *buffer = NULL;
    FILE *to = open_memstream(&buffer, ret_length);

    if (!to) {
        return NULL;
    }
    if (enclave_manager_get_stats(server->manager, &text, NULL) == 0) {
        stats = json_tokener_parse(text);
        of_manager(to, stats);
    }
    of_server(to, server);
    if (fclose(to) != 0) {
        free(buffer);
        return NULL;
    }
    return buffer;
}
