/*
 * create.c - `enclave create`: a sandbox on a server, which goes on there.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "client.h"
#include "creation.h"
#include "report.h"
#include "session.h"
#include "verbs.h"

static const char help[] =
    "Create a sandbox on a server and print its id. It goes on there until it is\n"
    "removed, or the server reclaims it.\n\n"
    "Usage: enclave create [OPTION]...\n\n"
    "What it is for:\n"
    "  -t, --tool NAME         a tool that may be used in it; may be given several\n"
    "                          times. Without: python_executor, shell_executor and\n"
    "                          file_operation\n"
    "      --id ID             the id that it shall have: a-z, 0-9, '-', '_'\n"
    "      --type TYPE         docker, bubblewrap, ... of the server; without: the\n"
    "                          server's choice\n"
    "  -e, --env KEY=VALUE     set a variable; KEY alone passes on our own\n\n"
    "Within which limits (unset: the server's defaults):\n"
    "      --image IMAGE       container image; pulled when it is missing\n"
    "      --timeout SECONDS   of an execution that gives none; 0: no limit\n"
    "  -m, --memory SIZE       256m, 2g, ...\n"
    "      --cpus NUMBER       0.5, 2, ...\n"
    "      --network           allow network access; there is none otherwise\n"
    "      --volume HOST:PATH[:ro]   show a folder of the server's machine at PATH\n\n"
    "Where and how:\n"
    "      --server URL        http://HOST:PORT, https://HOST:PORT or unix:PATH;\n"
    "                          without: $ENCLAVE_SERVER, else the configuration\n"
    "      --key-file FILE     file with the key for that server\n"
    "      --json              print {\"sandbox_id\": ID}\n"
    "  -q, --quiet             the id only: no warnings, no progress\n\n"
    "A server may refuse some of this (network, volumes, ...) to its callers; the\n"
    "refusal names the setting. Exit code: 0, or 125 when there is no sandbox.\n\n"
    "Examples:\n"
    "  enclave create --server http://127.0.0.1:8000\n"
    "  box=$(enclave create -q --memory 256m)\n"
    "  enclave exec \"$box\" 'print(40 + 2)'\n";

static const char *const default_tools[] = {"python_executor", "shell_executor", "file_operation",
                                            NULL};

static int refuse_operand(void *ctx, int id, const char *value)
{
    if (id != ARG_OPERAND) {
        return run_options_take(ctx, id, value);
    }
    report_error("unexpected argument '%.60s'; try 'enclave create --help'", value);
    return -1;
}

/* What keeps sandboxes of a backend of this machine from going on also keeps the manager from being made; whether
 * that was it, a manager that does not keep them tells. */
static int fail_to_open(const struct execution *execution, const struct enclave_error *err)
{
    AUTO_MANAGER struct enclave_manager *manager = NULL;

    if (err->code == ENCLAVE_ECONFIG && session_open(execution->globals, &manager, NULL) == 0) {
        return client_refuse(execution->globals, "create");
    }
    return execution_fail(execution, err);
}

static int create(struct execution *execution)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    AUTO_MANAGER struct enclave_manager *manager = NULL;
    const struct values *tools = &execution->options->tools;
    int code;

    if (session_open_keeping(execution->globals, &manager, &err) != 0) {
        return fail_to_open(execution, &err);
    }
    execution->manager = manager;
    code = creation_run(execution, tools->count > 0 ? tools->items : default_tools);
    if (code != 0) {
        return code;
    }
    client_print_id(execution->globals, execution->id);
    return verb_finish(EXIT_OK);
}

static int run(struct globals *globals, int argc, char **argv, int first)
{
    struct run_options options;
    struct arg_parser parser = {.options = create_option_table,
                                .globals = globals,
                                .take = refuse_operand,
                                .ctx = &options};
    int code = EXIT_ENCLAVE;

    if (run_options_init(&options, "create", argc) == 0) {
        code = verb_parse(&verb_create, &parser, argc, argv, first);
        code = code >= 0 ? code : execution_guard(globals, &options, SIGNALS_WITH_SANDBOX, create);
    }
    run_options_clear(&options);
    return code;
}

const struct verb verb_create = {"create", "Create a sandbox on a server, print its id", help, run};
