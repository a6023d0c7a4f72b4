/*
 * stop.c - `enclave stop`: end what runs in sandboxes of a server.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "client.h"
#include "report.h"
#include "verbs.h"

#include <stdlib.h>

static const char help[] =
    "Stop sandboxes of a server: everything in them ends, the entries stay until they\n"
    "are removed or the server reclaims them. Prints the ids of what is stopped.\n\n"
    "Usage: enclave stop [OPTION]... SANDBOX...\n\n"
    "SANDBOX is an id, or the beginning of one when no other begins so.\n\n"
    "      --server URL        http://HOST:PORT, https://HOST:PORT or unix:PATH;\n"
    "                          without: $ENCLAVE_SERVER, else the configuration\n"
    "      --key-file FILE     file with the key for that server\n"
    "      --json              a JSON object for each, on a line\n\n"
    "Exit code: 0, or 125 when one of them could not be stopped; the others are.\n\n"
    "Examples:\n"
    "  enclave stop k3q8\n"
    "  enclave ps -q --status running | xargs -r enclave stop\n";

static int take(void *ctx, int id, const char *value)
{
    struct values *given = ctx;

    (void)id;
    given->items[given->count++] = value;
    return 0;
}

static int32_t stop(const struct client *client, const char *id, struct json_object *info,
                    struct enclave_error *err)
{
    (void)info;
    return enclave_manager_stop_sandbox(client->manager, id, err);
}

static int stop_all(struct globals *globals, const struct values *given)
{
    AUTO_CLIENT struct client client = {.globals = globals, .verb = "stop"};
    int code;

    if (given->count == 0) {
        report_error("no sandbox given: enclave stop SANDBOX...; 'enclave ps' lists them");
        return EXIT_ENCLAVE;
    }
    code = client_open(&client);
    return code == 0 ? client_each(&client, given, false, stop) : code;
}

static int run(struct globals *globals, int argc, char **argv, int first)
{
    struct values given = {calloc((size_t)argc + 1, sizeof *given.items), 0};
    struct arg_parser parser = {.globals = globals, .take = take, .ctx = &given};
    int code = EXIT_ENCLAVE;

    if (!given.items) {
        report_error("out of memory");
        return code;
    }
    code = verb_parse(&verb_stop, &parser, argc, argv, first);
    code = code >= 0 ? code : stop_all(globals, &given);
    free(given.items);
    return code;
}

const struct verb verb_stop = {"stop", "End what runs in sandboxes of a server", help, run};
