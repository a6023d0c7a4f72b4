/*
 * box.c - see box.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "box.h"

#include <json.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define RSS_GROWTH_MAX (UINT64_C(16) << 20)
#define TOOLS "\"tools_config\": [\"python_executor\", \"shell_executor\", \"file_operation\"]"
#define SKIPPED 77

static struct boxes the_boxes;

/* -------------------------------------------------------------------------------------- small */

int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int full_length(void)
{
    const char *full = getenv("ENCLAVE_TEST_FULL");

    return full && strcmp(full, "0") != 0 && *full;
}

static uint64_t resident(void)
{
    unsigned long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");

    if (f) {
        if (fscanf(f, "%*u %lu", &pages) != 1) {
            pages = 0;
        }
        fclose(f);
    }
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static char *read_payload(const char *folder, const char *name, size_t *ret_length)
{
    char path[4096];
    char *data = NULL;
    long length;
    FILE *f;

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    f = fopen(path, "re");
    if (!f || fseek(f, 0, SEEK_END) < 0 || (length = ftell(f)) < 0) {
        fail_msg("cannot read the payload '%s'", path);
        return NULL;
    }
    rewind(f);
    data = calloc(1, (size_t)length + 1);
    assert_non_null(data);
    assert_int_equal(fread(data, 1, (size_t)length, f), length);
    fclose(f);
    *ret_length = (size_t)length;
    return data;
}

/* -------------------------------------------------------------------------------------- boxes */

static const char *backend_name(void)
{
    const char *name = getenv("ENCLAVE_TEST_BACKEND");

    return name && *name ? name : "docker";
}

static int32_t create(struct boxes *boxes, const char *config, char id[ENCLAVE_ID_SIZE],
                      struct enclave_error *err)
{
    char text[1024];

    (void)snprintf(text, sizeof text, "{" TOOLS "%s%s}", *config ? ", " : "", config);
    return enclave_manager_create_sandbox(boxes->manager, backend_name(), text, NULL, id, err);
}

/* Tests that alarm() must not end the run in the middle of leave nothing: the manager's end does. */
int boxes_main(const char *name, const struct CMUnitTest *tests, size_t count)
{
    struct boxes *boxes = &the_boxes;
    struct enclave_manager_options options = ENCLAVE_MANAGER_OPTIONS_INIT;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    const char *require = getenv("ENCLAVE_TEST_REQUIRE");
    int failed;

    options.config_path = "";
    if (enclave_manager_new(&options, &boxes->manager, &err) < 0) {
        (void)fprintf(stderr, "%s: %s\n", name, err.message);
        return 1;
    }
    if (create(boxes, "", boxes->neighbour, &err) < 0) {
        int required = require && strstr(require, backend_name());

        (void)fprintf(stderr, "%s: %s: %s\n", name, required ? "failed" : "skipped", err.message);
        enclave_manager_free(boxes->manager);
        return required || err.code != ENCLAVE_EUNREACHABLE ? 1 : SKIPPED;
    }
    failed = _cmocka_run_group_tests(name, tests, count, NULL, NULL);
    enclave_manager_free(boxes->manager);
    return failed ? 1 : 0;
}

int box_setup(void **state)
{
    struct boxes *boxes = &the_boxes;
    struct enclave_error err = ENCLAVE_ERROR_INIT;

    *state = boxes;
    if (create(boxes, "", boxes->id, &err) < 0) {
        print_error("create: %s\n", err.message);
        return -1;
    }
    assert_usable(boxes); /* what a first call allocates for good is not the test's */
    boxes->rss = resident();
    return 0;
}

int box_enforces(const char *name)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    json_object *metadata = NULL, *unenforced = NULL;
    json_object *info;
    char *text = NULL;
    int enforces;

    if (enclave_manager_get_sandbox_info(the_boxes.manager, the_boxes.neighbour, &text, &err) < 0) {
        fail_msg("%s", err.message);
    }
    info = json_tokener_parse(text);
    assert_true(json_object_object_get_ex(info, "metadata", &metadata) &&
                json_object_object_get_ex(metadata, "unenforced", &unenforced));
    enforces = strstr(json_object_to_json_string(unenforced), name) == NULL;
    json_object_put(info);
    enclave_free(text);
    return enforces;
}

void box_renew(struct boxes *boxes, const char *config)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;

    if (enclave_manager_delete_sandbox(boxes->manager, boxes->id, &err) < 0 ||
        create(boxes, config, boxes->id, &err) < 0) {
        fail_msg("%s", err.message);
    }
}

int box_teardown(void **state)
{
    struct boxes *boxes = *state;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    uint64_t rss = resident();

    if (enclave_manager_delete_sandbox(boxes->manager, boxes->id, &err) < 0) {
        print_error("delete: %s\n", err.message);
        return -1;
    }
    assert_neighbour(boxes);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    if (rss > boxes->rss + RSS_GROWTH_MAX) {
        print_error("the manager grew from %llu to %llu bytes\n", (unsigned long long)boxes->rss,
                    (unsigned long long)rss);
        return -1;
    }
#else
    (void)rss;
#endif
    return 0;
}

/* ------------------------------------------------------------------------------------- running */

struct running {
    struct boxes *boxes;
    char *id;
    const char *tool;
    char *params;
    int64_t timeout_ms;
    sem_t *printed; /* posted then, and at the end; NULL when nobody waits for it */
    struct enclave_result *result;
    struct enclave_error err;
    pthread_t thread;
};

static int32_t tell_printed(void *ctx, uint32_t stream, const void *data, uint64_t length)
{
    (void)stream, (void)data, (void)length;
    (void)sem_post(ctx);
    return 0;
}

static void *run_thread(void *ctx)
{
    struct running *run = ctx;
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;

    options.timeout_ms = run->timeout_ms;
    if (run->printed) {
        options.output = tell_printed;
        options.output_ctx = run->printed;
    }
    (void)enclave_manager_execute_tool(run->boxes->manager, run->id, run->tool, run->params,
                                       &options, &run->result, &run->err);
    if (run->printed) {
        (void)sem_post(run->printed);
    }
    return NULL;
}

static struct running *running_new(struct boxes *boxes, const char *id, const char *tool,
                                   json_object *params, int64_t timeout_ms)
{
    struct running *run = calloc(1, sizeof *run);

    assert_non_null(run);
    run->boxes = boxes;
    run->id = strdup(id);
    run->tool = tool;
    run->params = strdup(json_object_to_json_string(params));
    run->timeout_ms = timeout_ms;
    run->err = (struct enclave_error)ENCLAVE_ERROR_INIT;
    json_object_put(params);
    assert_non_null(run->id);
    assert_non_null(run->params);
    return run;
}

static struct enclave_result *running_free(struct running *run)
{
    struct enclave_result *result = run->result;
    struct enclave_error err = run->err;

    if (run->printed) {
        (void)sem_destroy(run->printed);
        free(run->printed);
    }
    free(run->id);
    free(run->params);
    free(run);
    if (!result) {
        fail_msg("execute_tool: %s", err.message);
    }
    return result;
}

void program_put(struct boxes *boxes, const char *name, const char *path)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    size_t length = 0;
    char *data = read_payload(HOSTILE_PROGRAMS, name, &length);

    if (enclave_manager_put_file(boxes->manager, boxes->id, path, data, length, 0755, &err) < 0) {
        fail_msg("put_file: %s", err.message);
    }
    free(data);
}

static const char *suffix(const char *name)
{
    const char *dot = strrchr(name, '.');

    return dot ? dot : "";
}

/* The parameters of the tool that runs `name`, and the tool. */
static json_object *payload_params(struct boxes *boxes, const char *name, const char *argument,
                                   const char **ret_tool)
{
    json_object *params = json_object_new_object();
    const char *given = argument ? argument : "";
    size_t length = 0;

    if (strcmp(suffix(name), ".py") == 0) {
        char *code = read_payload(HOSTILE_PAYLOADS, name, &length);
        char *whole = NULL;

        assert_true(asprintf(&whole, "import sys; sys.argv[1:] = [%s%s%s]\n%s", argument ? "'" : "",
                             given, argument ? "'" : "", code) > 0);
        *ret_tool = "python_executor";
        json_object_object_add(params, "code", json_object_new_string(whole));
        free(whole);
        free(code);
        return params;
    }
    *ret_tool = "shell_executor";
    if (strcmp(suffix(name), ".sh") == 0) {
        char *code = read_payload(HOSTILE_PAYLOADS, name, &length);
        char *whole = NULL;

        assert_true(asprintf(&whole, "set -- %s\n%s", given, code) > 0);
        json_object_object_add(params, "command", json_object_new_string(whole));
        free(whole);
        free(code);
    } else {
        char path[256];
        json_object *argv = json_object_new_array();

        (void)snprintf(path, sizeof path, "/sandbox/%s", name);
        program_put(boxes, name, path);
        json_object_array_add(argv, json_object_new_string(path));
        if (argument) {
            json_object_array_add(argv, json_object_new_string(argument));
        }
        json_object_object_add(params, "command", argv);
    }
    return params;
}

struct running *payload_start(struct boxes *boxes, const char *name, const char *argument,
                              int64_t timeout_ms)
{
    const char *tool;
    json_object *params = payload_params(boxes, name, argument, &tool);
    struct running *run = running_new(boxes, boxes->id, tool, params, timeout_ms);

    assert_int_equal(pthread_create(&run->thread, NULL, run_thread, run), 0);
    return run;
}

struct running *payload_begin(struct boxes *boxes, const char *name, const char *argument,
                              int64_t timeout_ms)
{
    const char *tool;
    json_object *params = payload_params(boxes, name, argument, &tool);
    struct running *run = running_new(boxes, boxes->id, tool, params, timeout_ms);

    run->printed = calloc(1, sizeof *run->printed);
    assert_non_null(run->printed);
    assert_int_equal(sem_init(run->printed, 0, 0), 0);
    assert_int_equal(pthread_create(&run->thread, NULL, run_thread, run), 0);
    while (sem_wait(run->printed) != 0) {
    }
    return run;
}

struct enclave_result *payload_end(struct running *run)
{
    pthread_join(run->thread, NULL);
    return running_free(run);
}

struct enclave_result *payload_run(struct boxes *boxes, const char *name, const char *argument,
                                   int64_t timeout_ms)
{
    const char *tool;
    json_object *params = payload_params(boxes, name, argument, &tool);
    struct running *run = running_new(boxes, boxes->id, tool, params, timeout_ms);

    (void)run_thread(run);
    return running_free(run);
}

struct enclave_result *shell_run(struct boxes *boxes, const char *id, const char *command)
{
    json_object *params = json_object_new_object();
    struct running *run;

    json_object_object_add(params, "command", json_object_new_string(command));
    run = running_new(boxes, id, "shell_executor", params, 10000);
    (void)run_thread(run);
    return running_free(run);
}

/* ------------------------------------------------------------------------------------ outcomes */

void assert_cause_(const struct enclave_result *result, uint32_t wanted, const char *file, int line)
{
    if (result->cause == wanted) {
        return;
    }
    print_error("cause %s instead of %s; exit code %d, signal %d, metadata %s\n"
                "output: %.2000s\nerror: %.2000s\n",
                enclave_cause_name(result->cause), enclave_cause_name(wanted), result->exit_code,
                result->signal, result->metadata, result->output,
                result->error ? result->error : "");
    _fail(file, line);
}

static void assert_answers(struct boxes *boxes, const char *id)
{
    struct enclave_result *result = shell_run(boxes, id, "echo here");

    assert_cause(result, ENCLAVE_CAUSE_EXITED);
    assert_string_equal(result->output, "here\n");
    enclave_result_free(result);
}

void assert_usable(struct boxes *boxes)
{
    assert_answers(boxes, boxes->id);
}

void assert_neighbour(struct boxes *boxes)
{
    int64_t began, took;
    int late = 0;

    do {
        assert_true(late++ < LATE_TRIES);
        began = now_ms();
        assert_answers(boxes, boxes->neighbour);
        took = now_ms() - began;
    } while (took > 1000);
}

void assert_alone(struct boxes *boxes)
{
    struct enclave_result *result = payload_run(boxes, "alone.py", NULL, 10000);

    assert_cause(result, ENCLAVE_CAUSE_EXITED);
    if (strcmp(result->output, "alone\n") != 0) {
        fail_msg("processes are left: %s", result->output);
    }
    enclave_result_free(result);
}

void assert_no_breach(const struct enclave_result *result)
{
    assert_cause(result, ENCLAVE_CAUSE_EXITED);
    if (strstr(result->output, "BREACH") || !strstr(result->output, "done\n")) {
        fail_msg("%s%s", result->output, result->error ? result->error : "");
    }
}
