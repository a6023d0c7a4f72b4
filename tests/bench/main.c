/*
 * main.c - enclave-bench: measure, print a table or JSON, assert nothing.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "rows.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void usage(void)
{
    fputs("usage: enclave-bench [--json] [--rounds N] [--backend NAME] [--program FILE]\n"
          "  Times in milliseconds; each row beside its floor, measured in the same run.\n",
          stderr);
}

static double ms(int64_t us)
{
    return (double)us / 1000;
}

static void print_row(struct row *row)
{
    int64_t median = series_quantile(&row->measured, 0.5);
    int64_t floor = series_quantile(&row->floor_measured, 0.5);
    printf("%-50s %5zu %9.3f %9.3f", row->name, row->measured.count, ms(median),
           ms(series_quantile(&row->measured, 0.95)));
    if (floor > 0) {
        printf(" %9.3f %7.2f %+9.3f  %s", ms(floor), (double)median / (double)floor,
               ms(median - floor), row->floor);
    }
    putchar('\n');
    fflush(stdout);
}

static void print_json_row(struct row *row)
{
    int64_t median = series_quantile(&row->measured, 0.5);
    int64_t floor = series_quantile(&row->floor_measured, 0.5);
    json_object *object = json_object_new_object();
    json_object_object_add(object, "name", json_object_new_string(row->name));
    json_object_object_add(object, "count", json_object_new_int64((int64_t)row->measured.count));
    json_object_object_add(object, "median_us", json_object_new_int64(median));
    json_object_object_add(object, "p95_us",
                           json_object_new_int64(series_quantile(&row->measured, 0.95)));
    if (floor > 0) {
        json_object_object_add(object, "floor", json_object_new_string(row->floor));
        json_object_object_add(object, "floor_median_us", json_object_new_int64(floor));
        json_object_object_add(object, "ratio",
                               json_object_new_double((double)median / (double)floor));
    }
    puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN));
    json_object_put(object);
}

static int run_rows(struct bench *bench, int json)
{
    int failed = 0;
    if (!json) {
        printf("%-50s %5s %9s %9s %9s %7s %9s  %s\n", "", "n", "median", "p95", "floor", "ratio",
               "over", "floor is");
    }
    for (size_t i = 0; i < row_count; i++) {
        struct enclave_error err = ENCLAVE_ERROR_INIT;
        struct row *row = calloc(1, sizeof *row);
        if (!row || all_rows[i](bench, row, &err) < 0) {
            fprintf(stderr, "enclave-bench: %s: %s\n", row && row->name ? row->name : "row",
                    err.message);
            failed = 1;
        } else if (json) {
            print_json_row(row);
        } else {
            print_row(row);
        }
        free(row);
    }
    return failed;
}

int main(int argc, char **argv)
{
    struct bench bench = {
        .program = "enclave", .backend = "docker", .image = "python:3.11-slim", .rounds = 15};
    int json = 0;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            json = 1;
        } else if (i + 1 < argc && strcmp(argv[i], "--rounds") == 0) {
            bench.rounds = atoi(argv[++i]);
        } else if (i + 1 < argc && strcmp(argv[i], "--backend") == 0) {
            bench.backend = argv[++i];
        } else if (i + 1 < argc && strcmp(argv[i], "--program") == 0) {
            bench.program = argv[++i];
        } else {
            usage();
            return strcmp(argv[i], "--help") == 0 ? 0 : 2;
        }
    }
    char backend[128];
    (void)snprintf(backend, sizeof backend, "enclave.backend=%s", bench.backend);
    const char *overrides[] = {backend, NULL};
    struct enclave_manager_options options = ENCLAVE_MANAGER_OPTIONS_INIT;
    options.overrides = overrides;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    if (enclave_manager_new(&options, &bench.manager, &err) < 0) {
        fprintf(stderr, "enclave-bench: %s\n", err.message);
        return 1;
    }
    int failed = run_rows(&bench, json);
    enclave_manager_free(bench.manager);
    return failed;
}
