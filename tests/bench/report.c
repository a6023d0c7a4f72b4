/*
 * report.c - see report.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "report.h"

#include <enclave/enclave.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

/* What a series comes to. p5 and p95: so many of 100 values are better than it. */
struct summary {
    double p5;
    double median;
    double p95;
};

static struct summary summarize(struct series *series, const char *unit)
{
    const char *slash = strchr(unit, '/');
    int more_is_better = slash && strcmp(slash, "/s") == 0;

    return (struct summary){series_quantile(series, more_is_better ? 0.95 : 0.05),
                            series_quantile(series, 0.5),
                            series_quantile(series, more_is_better ? 0.05 : 0.95)};
}

void row_fact(struct row *row, const char *name, double value)
{
    if (row->fact_count < FACTS_MAX) {
        row->facts[row->fact_count].name = name;
        row->facts[row->fact_count].value = value;
        row->fact_count++;
    }
}

static void put_text(json_object *object, const char *name, const char *value)
{
    json_object_object_add(object, name, json_object_new_string(value));
}

static void put_number(json_object *object, const char *name, double value)
{
    char text[32];

    (void)snprintf(text, sizeof text, "%.6g", value); /* not 17 digits of noise */
    json_object_object_add(object, name, json_object_new_double_s(value, text));
}

static void print_object(json_object *object)
{
    puts(json_object_to_json_string_ext(object,
                                        JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
    (void)fflush(stdout);
    json_object_put(object);
}

/* ------------------------------------------------------------------------------------- the head */

void report_begin(int json, const struct machine *machine, const char *backend, const char *engine,
                  const char *image)
{
    if (!json) {
        printf("enclave-bench %s, %s: %s, %ld x %s, %ld MB; backend %s, %s, image %s\n\n",
               enclave_version(), machine->date, machine->kernel, machine->cpus, machine->cpu,
               machine->memory_mb, backend, engine, image);
        printf("%-22s %-7s %5s %10s %10s %10s %7s %10s  %s\n", "row", "unit", "n", "median", "p95",
               "floor", "ratio", "over", "what, and what the floor is");
        return;
    }
    json_object *object = json_object_new_object();
    put_text(object, "bench", "enclave-bench");
    put_text(object, "version", enclave_version());
    put_text(object, "date", machine->date);
    put_text(object, "kernel", machine->kernel);
    put_text(object, "cpu", machine->cpu);
    put_number(object, "cpus", (double)machine->cpus);
    put_number(object, "memory_mb", (double)machine->memory_mb);
    put_text(object, "backend", backend);
    put_text(object, "engine", engine);
    put_text(object, "image", image);
    print_object(object);
}

/* ------------------------------------------------------------------------------------- the rows */

static void print_row(const struct row *row, struct summary ours, struct summary floor)
{
    printf("%-22s %-7s %5zu %10.3f %10.3f", row->key, row->unit, row->measured.count, ours.median,
           ours.p95);
    if (floor.median > 0) {
        printf(" %10.3f %7.3f %+10.3f  %s; floor: %s", floor.median, ours.median / floor.median,
               ours.median - floor.median, row->what, row->floor_is);
    } else {
        printf(" %10s %7s %10s  %s", "-", "-", "-", row->what);
    }
    for (size_t i = 0; i < row->fact_count; i++) {
        printf("; %s %.4g", row->facts[i].name, row->facts[i].value);
    }
    putchar('\n');
    (void)fflush(stdout);
}

static void print_json_row(const struct row *row, struct summary ours, struct summary floor)
{
    json_object *object = json_object_new_object();

    put_text(object, "row", row->key);
    put_text(object, "what", row->what);
    put_text(object, "unit", row->unit);
    put_number(object, "n", (double)row->measured.count);
    put_number(object, "p5", ours.p5);
    put_number(object, "median", ours.median);
    put_number(object, "p95", ours.p95);
    if (floor.median > 0) {
        put_text(object, "floor", row->floor_is);
        put_number(object, "floor_n", (double)row->floor.count);
        put_number(object, "floor_p5", floor.p5);
        put_number(object, "floor_median", floor.median);
        put_number(object, "floor_p95", floor.p95);
        put_number(object, "ratio", ours.median / floor.median);
        put_number(object, "over", ours.median - floor.median);
    }
    for (size_t i = 0; i < row->fact_count; i++) {
        put_number(object, row->facts[i].name, row->facts[i].value);
    }
    print_object(object);
}

void report_row(int json, struct row *row)
{
    if (row->measured.count == 0) {
        return;
    }
    struct summary ours = summarize(&row->measured, row->unit);
    struct summary floor = summarize(&row->floor, row->unit);
    (json ? print_json_row : print_row)(row, ours, floor);
}

void report_missing(int json, const char *key, const char *why)
{
    if (!json) {
        printf("%-22s not available: %s\n", key, why);
        (void)fflush(stdout);
        return;
    }
    json_object *object = json_object_new_object();
    put_text(object, "row", key);
    put_text(object, "not_available", why);
    print_object(object);
}
