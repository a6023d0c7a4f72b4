/*
 * run.c - `enclave run`: create a sandbox, execute a tool in it, delete it.
 *
 * Owns: the order of things, and that the sandbox is deleted whatever happens. Does not own: the
 * command line (run_options.c), the requests (run_request.c), the meaning of results (outcome.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "outcome.h"
#include "progress.h"
#include "report.h"
#include "run_options.h"
#include "run_request.h"
#include "session.h"
#include "signals.h"
#include "stream.h"
#include "verbs.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct run {
    const struct globals *globals;
    const struct run_options *options;
    struct signals *signals;
    struct enclave_manager *manager;
    struct stream stream;
    char id[ENCLAVE_ID_SIZE];
};

static double now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* One line on stdout. Also after a signal, when the stream takes no more: the result is what was asked for. */
static int print_line(const char *text)
{
    return fputs(text, stdout) < 0 || putchar('\n') < 0 || fflush(stdout) != 0 ? errno : 0;
}

/* {"error": {"code", "message"}}, for who reads JSON. What is wrong is told on stderr all the same. */
static void print_json_error(const struct enclave_error *err)
{
    AUTO_JSON struct json_object *object = json_object_new_object();
    struct json_object *error = json_object_new_object();

    json_object_object_add(error, "code", json_object_new_string(enclave_error_name(err->code)));
    json_object_object_add(error, "message", json_object_new_string(err->message));
    json_object_object_add(object, "error", error);
    (void)print_line(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN));
}

/* The exit code for a failed call. A signal counts more, and needs no words. */
static int fail(const struct run *run, const struct enclave_error *err)
{
    int caught = signals_caught(run->signals);

    if (run->globals->json) {
        print_json_error(err);
    }
    if (!caught || err->code != ENCLAVE_ECANCELLED) {
        report_error("%s", err->message);
    }
    return caught ? EXIT_SIGNAL + caught : enclave_error_exit_code(err->code);
}

/* -v: which backend, and what made it that one. */
static void explain_backend(const struct run *run)
{
    AUTO_TEXT char *info_text = NULL;
    AUTO_TEXT char *config_text = NULL;
    AUTO_JSON struct json_object *info = NULL;
    AUTO_JSON struct json_object *settings = NULL;

    if (report_level() < REPORT_VERBOSE ||
        enclave_manager_get_sandbox_info(run->manager, run->id, &info_text, NULL) != 0 ||
        enclave_manager_get_config(run->manager, &config_text, NULL) != 0) {
        return;
    }
    info = json_tokener_parse(info_text);
    settings = json_tokener_parse(config_text);
    if (!json_object_is_type(settings, json_type_array)) {
        return;
    }
    for (size_t i = 0; i < json_object_array_length(settings); i++) {
        struct json_object *setting = json_object_array_get_idx(settings, i);
        if (strcmp(json_text(setting, "section", ""), "enclave") == 0 &&
            strcmp(json_text(setting, "key", ""), "backend") == 0) {
            report_note("backend %s (backend = %s, from %s)", json_text(info, "type", "?"),
                        json_text(setting, "value", "?"), json_text(setting, "source", "?"));
        }
    }
}

static int create(struct run *run)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_create_options options = ENCLAVE_CREATE_OPTIONS_INIT;
    AUTO_JSON struct json_object *config = run_request_config(run->options);
    struct progress progress;
    double begin = now_s();
    int32_t result;

    if (!config) {
        return EXIT_ENCLAVE;
    }
    progress_begin(&progress);
    options.progress = progress_show;
    options.progress_ctx = &progress;
    options.cancel = signals_cancel(run->signals);
    result = enclave_manager_create_sandbox(
        run->manager, NULL, json_object_to_json_string_ext(config, JSON_C_TO_STRING_PLAIN),
        &options, run->id, &err);
    progress_end(&progress);
    if (result != 0) {
        return fail(run, &err);
    }
    explain_backend(run);
    report_note("sandbox %s created in %.3f s", run->id, now_s() - begin);
    return 0;
}

/* The tool's parameters. NULL after reporting an error, with the exit code. */
static struct json_object *make_params(const struct run *run, int *ret_code)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    AUTO_TEXT char *text = NULL;
    AUTO_JSON struct json_object *tools = NULL;
    struct json_object *params;

    if (run_request_needs_schema(run->options)) {
        if (enclave_manager_get_sandbox_tools(run->manager, run->id, &text, &err) != 0) {
            *ret_code = fail(run, &err);
            return NULL;
        }
        tools = json_tokener_parse(text);
    }
    params = run_request_params(run->options, tools);
    if (!params) {
        *ret_code = EXIT_ENCLAVE;
    }
    return params;
}

/* What a tool says without a program that could have streamed it. */
static void pass_on_rest(struct run *run, const struct enclave_result *result)
{
    struct stream *stream = &run->stream;

    if (stream->bytes[ENCLAVE_STDOUT] == 0 && result->output_length > 0 && !stream->error) {
        (void)stream_output(stream, ENCLAVE_STDOUT, result->output, result->output_length);
        if (isatty(STDOUT_FILENO) && result->output[result->output_length - 1] != '\n') {
            (void)stream_output(stream, ENCLAVE_STDOUT, "\n", 1);
        }
    }
}

static int print_json(struct run *run, const struct enclave_result *result)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    AUTO_TEXT char *text = NULL;

    if (enclave_result_json(result, &text, &err) != 0) {
        return fail(run, &err);
    }
    run->stream.error = print_line(text);
    return 0;
}

/* Report an out of memory with the limit, which the sandbox knows when the user did not say. */
static void report_outcome(const struct run *run, const struct enclave_result *result)
{
    AUTO_TEXT char *text = NULL;
    AUTO_JSON struct json_object *info = NULL;
    struct json_object *config = NULL;

    if (result->cause == ENCLAVE_CAUSE_OOM &&
        enclave_manager_get_sandbox_info(run->manager, run->id, &text, NULL) == 0) {
        info = json_tokener_parse(text);
        if (json_object_is_type(info, json_type_object)) {
            json_object_object_get_ex(info, "config", &config);
        }
    }
    outcome_report(result, run->options->timeout_ms,
                   json_text(config, "memory_limit", run->options->memory));
}

/* The exit code when our own output could not be written: quietly that of SIGPIPE when the reader
 * is gone, since that is what it means in a pipeline. */
static int output_failed(int error)
{
    if (error == EPIPE) {
        return EXIT_SIGNAL + SIGPIPE;
    }
    report_error("cannot write the program's output: %s", strerror(error));
    return EXIT_ENCLAVE;
}

static int conclude(struct run *run, const struct enclave_result *result)
{
    int code = 0;

    if (run->globals->json) {
        code = print_json(run, result);
    } else {
        pass_on_rest(run, result);
    }
    report_note("ran for %.3f s, cause %s", (double)result->wall_us / 1e6,
                enclave_cause_name(result->cause));
    if (code != 0) {
        return code;
    }
    if (run->stream.error) {
        return output_failed(run->stream.error);
    }
    if (!run->globals->json) {
        report_outcome(run, result);
    }
    return outcome_exit_code(result);
}

static int execute(struct run *run)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
    struct enclave_result *result = NULL;
    int code = EXIT_ENCLAVE;
    AUTO_JSON struct json_object *params = make_params(run, &code);

    if (!params) {
        return code;
    }
    options.timeout_ms = run->options->timeout_ms;
    options.cancel = signals_cancel(run->signals);
    options.stdin_data = run->options->stdin_data.data;
    options.stdin_length = run->options->stdin_data.length;
    if (!run->globals->json) {
        options.output = stream_output;
        options.output_ctx = &run->stream;
    }
    if (enclave_manager_execute_tool(run->manager, run->id, run->options->tool,
                                     json_object_to_json_string_ext(params, JSON_C_TO_STRING_PLAIN),
                                     &options, &result, &err) != 0) {
        return run->stream.error ? output_failed(run->stream.error) : fail(run, &err);
    }
    code = conclude(run, result);
    enclave_result_free(result);
    return code;
}

/* Returns the exit code: `code`, unless that would hide that something may be left behind. */
static int delete_sandbox(const struct run *run, int code)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    double begin = now_s();
    int32_t result = enclave_manager_delete_sandbox(run->manager, run->id, &err);

    if (result == 0 || result == ENCLAVE_ENOTFOUND) {
        report_note("deleted in %.3f s", now_s() - begin);
        return code;
    }
    report_error("%s", err.message);
    return code != 0 ? code : EXIT_ENCLAVE;
}

static int run_in_sandbox(struct run *run)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    AUTO_MANAGER struct enclave_manager *manager = NULL;
    int code;

    if (session_open(run->globals, &manager, &err) != 0) {
        return fail(run, &err);
    }
    run->manager = manager;
    code = create(run);
    return code != 0 ? code : delete_sandbox(run, execute(run));
}

static int run_with(const struct globals *globals, struct run_options *options)
{
    struct run run = {.globals = globals, .options = options};
    int caught;
    int code;

    if (run_options_complete(options) != 0) {
        return EXIT_ENCLAVE;
    }
    run.signals = signals_start();
    if (!run.signals) {
        return EXIT_ENCLAVE;
    }
    run.stream.cancel_fd = signals_fd(run.signals);
    code = run_in_sandbox(&run);
    caught = signals_caught(run.signals);
    signals_stop(run.signals);
    return caught ? EXIT_SIGNAL + caught : code;
}

static int run_verb(struct globals *globals, int argc, char **argv, int first)
{
    struct run_options options;
    struct arg_parser parser = {
        .options = run_option_table, .globals = globals, .take = run_options_take, .ctx = &options};
    int code = EXIT_ENCLAVE;

    if (run_options_init(&options, argc) == 0) {
        code = verb_parse(&verb_run, &parser, argc, argv, first);
        code = code >= 0 ? code : run_with(globals, &options);
    }
    run_options_clear(&options);
    return code;
}

const struct verb verb_run = {"run", "Run code in a new sandbox, then delete it", run_help,
                              run_verb};
