/*
 * rm.c - `enclave rm`: remove sandboxes of a server.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "client.h"
#include "report.h"
#include "session.h"
#include "verbs.h"

#include <stdlib.h>
#include <string.h>

static const char help[] =
    "Remove sandboxes of a server, with all files in them. Prints the ids of what is\n"
    "gone.\n\n"
    "Usage: enclave rm [OPTION]... SANDBOX...\n"
    "       enclave rm [OPTION]... --all\n\n"
    "SANDBOX is an id, or the beginning of one when no other begins so.\n\n"
    "  -f, --force             also one that runs: it is stopped first. One that\n"
    "                          is not there is no error then\n"
    "      --all               all that do not run; with -f all: those of the key, or\n"
    "                          without keys those of everybody\n"
    "      --server URL        http://HOST:PORT, https://HOST:PORT or unix:PATH;\n"
    "                          without: $ENCLAVE_SERVER, else the configuration\n"
    "      --key-file FILE     file with the key for that server\n"
    "      --json              a JSON object for each, on a line\n\n"
    "Exit code: 0, or 125 when one of them could not be removed; the others are.\n\n"
    "Examples:\n"
    "  enclave stop k3q8 && enclave rm k3q8\n"
    "  enclave rm -f k3q8\n"
    "  enclave rm --all                  # what is stopped or in error\n";

enum { RM_FORCE = ARG_OWN, RM_ALL };

static const struct arg_option options[] = {
    {"force", 'f', NULL, RM_FORCE},
    {"all", '\0', NULL, RM_ALL},
    {NULL, '\0', NULL, 0},
};

struct removal {
    struct values given;
    bool force, all;
};

static int take(void *ctx, int id, const char *value)
{
    struct removal *removal = ctx;

    if (id == RM_FORCE) {
        removal->force = true;
    } else if (id == RM_ALL) {
        removal->all = true;
    } else {
        removal->given.items[removal->given.count++] = value;
    }
    return 0;
}

static bool has_ended(struct json_object *info)
{
    const char *status = json_text(info, "status", "");

    return strcmp(status, "stopped") == 0 || strcmp(status, "error") == 0;
}

static int32_t remove_any(const struct client *client, const char *id, struct json_object *info,
                          struct enclave_error *err)
{
    (void)info;
    return enclave_manager_delete_sandbox(client->manager, id, err);
}

static int32_t remove_ended(const struct client *client, const char *id, struct json_object *info,
                            struct enclave_error *err)
{
    if (!has_ended(info)) {
        return enclave_error_set(err, ENCLAVE_ESTATE,
                                 "rm: sandbox '%s' is %s; stop it first, or use -f", id,
                                 json_text(info, "status", "not stopped"));
    }
    return remove_any(client, id, info, err);
}

/* Those of the list; one that has gone meanwhile is what was wanted. */
static int remove_all(const struct client *client, bool force)
{
    AUTO_JSON struct json_object *list = NULL;
    int code = client_list(client, 0, &list);

    for (size_t i = 0; list && i < json_object_array_length(list); i++) {
        struct json_object *info = json_object_array_get_idx(list, i);
        struct enclave_error err = ENCLAVE_ERROR_INIT;
        const char *id = json_text(info, "id", "");
        int32_t r;
        if (!force && !has_ended(info)) {
            continue;
        }
        r = remove_any(client, id, info, &err);
        if (r == 0) {
            client_print_id(client->globals, id);
        } else if (r != ENCLAVE_ENOTFOUND) {
            int failed = client_fail(client, &err);
            code = code != 0 ? code : failed;
        }
    }
    return verb_finish(code);
}

static int remove_given(const struct client *client, const struct removal *removal)
{
    return client_each(client, &removal->given, removal->force,
                       removal->force ? remove_any : remove_ended);
}

static int run_with(struct globals *globals, const struct removal *removal)
{
    AUTO_CLIENT struct client client = {.globals = globals, .verb = "rm"};
    int code;

    if (removal->all && removal->given.count > 0) {
        report_error("both SANDBOX and --all given; give one of them");
        return EXIT_ENCLAVE;
    }
    if (!removal->all && removal->given.count == 0) {
        report_error("no sandbox given: enclave rm SANDBOX...; 'enclave ps' lists them");
        return EXIT_ENCLAVE;
    }
    code = client_open(&client);
    if (code != 0) {
        return code;
    }
    return removal->all ? remove_all(&client, removal->force) : remove_given(&client, removal);
}

static int run(struct globals *globals, int argc, char **argv, int first)
{
    struct removal removal = {.given = {calloc((size_t)argc + 1, sizeof(char *)), 0}};
    struct arg_parser parser = {
        .options = options, .globals = globals, .take = take, .ctx = &removal};
    int code = EXIT_ENCLAVE;

    if (!removal.given.items) {
        report_error("out of memory");
        return code;
    }
    code = verb_parse(&verb_rm, &parser, argc, argv, first);
    code = code >= 0 ? code : run_with(globals, &removal);
    free(removal.given.items);
    return code;
}

const struct verb verb_rm = {"rm", "Remove sandboxes of a server", help, run};
