/*
 * execution.c - see execution.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "execution.h"

#include "outcome.h"
#include "report.h"
#include "run_request.h"
#include "session.h"
#include "text.h"
#include "verbs.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* One line on stdout. Also after a signal, when the stream takes no more: the result is what was asked for. */
static int print_line(const char *json)
{
    errno = 0;
    text_print_json(stdout, json);
    return fflush(stdout) != 0 || ferror(stdout) ? errno : 0;
}

int execution_fail(const struct execution *execution, const struct enclave_error *err)
{
    int caught = signals_caught(execution->signals);
    bool silent = caught && err->code == ENCLAVE_ECANCELLED;
    int code = session_fail(execution->globals, err, !silent);

    return caught ? EXIT_SIGNAL + caught : code;
}

/* The tool's parameters. NULL after reporting an error, with the exit code. */
static struct json_object *make_params(const struct execution *execution, int *ret_code)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    AUTO_TEXT char *text = NULL;
    AUTO_JSON struct json_object *tools = NULL;
    struct json_object *params;

    if (run_request_needs_schema(execution->options)) {
        if (enclave_manager_get_sandbox_tools(execution->manager, execution->id, &text, &err) !=
            0) {
            *ret_code = execution_fail(execution, &err);
            return NULL;
        }
        tools = json_tokener_parse(text);
    }
    params = run_request_params(execution->options, tools);
    if (!params) {
        *ret_code = EXIT_ENCLAVE;
    }
    return params;
}

/* What a tool says without a program that could have streamed it. */
static void pass_on_rest(struct execution *execution, const struct enclave_result *result)
{
    struct stream *stream = &execution->stream;

    if (stream->bytes[ENCLAVE_STDOUT] == 0 && result->output_length > 0 && !stream->error) {
        (void)stream_output(stream, ENCLAVE_STDOUT, result->output, result->output_length);
        if (isatty(STDOUT_FILENO) && result->output[result->output_length - 1] != '\n') {
            (void)stream_output(stream, ENCLAVE_STDOUT, "\n", 1);
        }
    }
}

static int print_json(struct execution *execution, const struct enclave_result *result)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    AUTO_TEXT char *text = NULL;

    if (enclave_result_json(result, &text, &err) != 0) {
        return execution_fail(execution, &err);
    }
    execution->stream.error = print_line(text);
    return 0;
}

/* Report an out of memory with the limit, which the sandbox knows when the user did not say. */
static void report_outcome(const struct execution *execution, const struct enclave_result *result)
{
    AUTO_TEXT char *text = NULL;
    AUTO_JSON struct json_object *info = NULL;
    struct json_object *config = NULL;

    if (result->cause == ENCLAVE_CAUSE_CANCELLED && signals_caught(execution->signals)) {
        return;
    }
    if (result->cause == ENCLAVE_CAUSE_OOM &&
        enclave_manager_get_sandbox_info(execution->manager, execution->id, &text, NULL) == 0) {
        info = json_tokener_parse(text);
        if (json_object_is_type(info, json_type_object)) {
            json_object_object_get_ex(info, "config", &config);
        }
    }
    outcome_report(result, execution->options->timeout_ms,
                   json_text(config, "memory_limit", execution->options->memory));
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

static int conclude(struct execution *execution, const struct enclave_result *result)
{
    int code = 0;

    if (execution->globals->json) {
        code = print_json(execution, result);
    } else {
        pass_on_rest(execution, result);
    }
    report_note("ran for %.3f s, cause %s", (double)result->wall_us / 1e6,
                enclave_cause_name(result->cause));
    if (code != 0) {
        return code;
    }
    if (execution->stream.error) {
        return output_failed(execution->stream.error);
    }
    if (!execution->globals->json) {
        report_outcome(execution, result);
    }
    return outcome_exit_code(result);
}

int execution_run(struct execution *execution)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
    struct enclave_result *result = NULL;
    int code = EXIT_ENCLAVE;
    AUTO_JSON struct json_object *params = make_params(execution, &code);

    if (!params) {
        return code;
    }
    options.timeout_ms = execution->options->timeout_ms;
    options.cancel = signals_cancel(execution->signals);
    options.stdin_data = execution->options->stdin_data.data;
    options.stdin_length = execution->options->stdin_data.length;
    if (!execution->globals->json) {
        options.output = stream_output;
        options.output_ctx = &execution->stream;
    }
    if (enclave_manager_execute_tool(execution->manager, execution->id, execution->options->tool,
                                     json_object_to_json_string_ext(params, JSON_C_TO_STRING_PLAIN),
                                     &options, &result, &err) != 0) {
        return execution->stream.error ? output_failed(execution->stream.error)
                                       : execution_fail(execution, &err);
    }
    code = conclude(execution, result);
    enclave_result_free(result);
    return code;
}

int execution_guard(const struct globals *globals, struct run_options *options, unsigned patience,
                    int (*body)(struct execution *execution))
{
    struct execution execution = {.globals = globals, .options = options};
    int caught;
    int code;

    execution.signals = signals_start(patience);
    if (!execution.signals) {
        return EXIT_ENCLAVE;
    }
    execution.stream.cancel_fd = signals_fd(execution.signals);
    code = body(&execution);
    caught = signals_caught(execution.signals);
    signals_stop(execution.signals);
    return caught ? EXIT_SIGNAL + caught : code;
}
