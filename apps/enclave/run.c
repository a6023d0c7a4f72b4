/*
 * run.c - `enclave run`: create a sandbox, execute a tool in it, delete it.
 *
 * Owns: the order of things, and that the sandbox is deleted whatever happens. Does not own: the
 * command line (run_options.c), creating (creation.c), executing (execution.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "creation.h"
#include "execution.h"
#include "report.h"
#include "session.h"
#include "verbs.h"

/* Returns the exit code: `code`, unless that would hide that something may be left behind. */
static int delete_sandbox(const struct execution *execution, int code)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    double begin = creation_now_s();
    int32_t result = enclave_manager_delete_sandbox(execution->manager, execution->id, &err);

    if (result == 0 || result == ENCLAVE_ENOTFOUND) {
        report_note("deleted in %.3f s", creation_now_s() - begin);
        return code;
    }
    report_error("%s", err.message);
    return code != 0 ? code : EXIT_ENCLAVE;
}

static int run_in_sandbox(struct execution *execution)
{
    const char *const tools[] = {execution->options->tool, NULL};
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    AUTO_MANAGER struct enclave_manager *manager = NULL;
    int code;

    if (session_open(execution->globals, &manager, &err) != 0) {
        return execution_fail(execution, &err);
    }
    execution->manager = manager;
    code = creation_run(execution, tools);
    if (code != 0) {
        return code;
    }
    code = execution_run(execution);
    /* Who has interrupted it does not wait for long: the manager's end deletes it too, within its limits. */
    return signals_caught(execution->signals) ? code : delete_sandbox(execution, code);
}

static int run_verb(struct globals *globals, int argc, char **argv, int first)
{
    struct run_options options;
    struct arg_parser parser = {
        .options = run_option_table, .globals = globals, .take = run_options_take, .ctx = &options};
    int code = EXIT_ENCLAVE;

    if (run_options_init(&options, "run", argc) == 0) {
        code = verb_parse(&verb_run, &parser, argc, argv, first);
        if (code < 0) {
            code = run_options_complete(&options) == 0
                       ? execution_guard(globals, &options, SIGNALS_WITH_SANDBOX, run_in_sandbox)
                       : EXIT_ENCLAVE;
        }
    }
    run_options_clear(&options);
    return code;
}

const struct verb verb_run = {"run", "Run code in a new sandbox, then delete it", run_help,
                              run_verb};
