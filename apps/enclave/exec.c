/*
 * exec.c - `enclave exec`: run code in a sandbox of a server.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "client.h"
#include "execution.h"
#include "report.h"
#include "verbs.h"

static const char help[] =
    "Run code in a sandbox of a server, show its output as it comes.\n\n"
    "Usage: enclave exec [OPTION]... SANDBOX CODE\n"
    "       enclave exec [OPTION]... SANDBOX -f FILE\n"
    "       enclave exec [OPTION]... SANDBOX -    # the code comes from stdin\n\n"
    "SANDBOX is its id, or the beginning of it when no other begins so.\n\n"
    "What to run:\n"
    "  -t, --tool NAME         python_executor (the default), shell_executor,\n"
    "                          file_operation, ... ('enclave tools' lists them)\n"
    "  -f, --file FILE         read CODE from a file\n"
    "  -p, --param KEY=VALUE   another parameter of the tool; numbers, lists and\n"
    "                          objects as JSON\n"
    "  -i, --stdin             let the program read our stdin (up to 64 MiB)\n"
    "      --timeout SECONDS   0.5, 10, ...; 0: the longest that the server allows\n\n"
    "Where and how:\n"
    "      --server URL        http://HOST:PORT, https://HOST:PORT or unix:PATH;\n"
    "                          without: $ENCLAVE_SERVER, else the configuration\n"
    "      --key-file FILE     file with the key for that server\n"
    "      --json              print the result as one line of JSON instead\n"
    "  -v, --verbose           say how long it takes\n\n"
    "Ctrl-C cancels the execution, a second one does not wait for that; the sandbox\n"
    "goes on.\n\n"
    "Exit code, as that of 'enclave run': the program's; 128+N for signal N; 124\n"
    "timeout; 137 out of memory; 125 enclave or the server failed, or the execution\n"
    "was cancelled there; 130 Ctrl-C.\n\n"
    "Examples:\n"
    "  enclave exec k3q8 'print(40 + 2)'\n"
    "  enclave exec k3q8 --tool shell_executor 'ls -l'\n"
    "  seq 3 | enclave exec -i k3q8 'print(sum(map(int, open(0))))'\n";

static int take(void *ctx, int id, const char *value)
{
    struct run_options *options = ctx;

    if (id == ARG_OPERAND && !options->sandbox) {
        options->sandbox = value;
        return 0;
    }
    return run_options_take(options, id, value);
}

static int exec_in(struct execution *execution)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    AUTO_CLIENT struct client client = {.globals = execution->globals, .verb = "exec"};
    int code = client_open(&client);

    if (code != 0) {
        return code;
    }
    execution->manager = client.manager;
    return client_find(&client, execution->options->sandbox, execution->id, NULL, &err) == 0
               ? execution_run(execution)
               : execution_fail(execution, &err);
}

static int run_with(struct globals *globals, struct run_options *options)
{
    if (!options->sandbox) {
        report_error("no sandbox given: enclave exec SANDBOX CODE; 'enclave ps' lists them");
        return EXIT_ENCLAVE;
    }
    return run_options_complete(options) == 0
               ? execution_guard(globals, options, SIGNALS_ALONE, exec_in)
               : EXIT_ENCLAVE;
}

static int run(struct globals *globals, int argc, char **argv, int first)
{
    struct run_options options;
    struct arg_parser parser = {
        .options = exec_option_table, .globals = globals, .take = take, .ctx = &options};
    int code = EXIT_ENCLAVE;

    if (run_options_init(&options, "exec", argc) == 0) {
        code = verb_parse(&verb_exec, &parser, argc, argv, first);
        code = code >= 0 ? code : run_with(globals, &options);
    }
    run_options_clear(&options);
    return code;
}

const struct verb verb_exec = {"exec", "Run code in a sandbox of a server", help, run};
