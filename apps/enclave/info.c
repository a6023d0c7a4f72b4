/*
 * info.c - `enclave info` and `enclave tools`: what a server knows of one sandbox.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "client.h"
#include "report.h"
#include "session.h"
#include "table.h"
#include "text.h"
#include "verbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char info_help[] =
    "Show what a server knows of a sandbox: state, configuration, what is enforced.\n\n"
    "Usage: enclave info [OPTION]... SANDBOX\n\n"
    "SANDBOX is its id, or the beginning of it when no other begins so.\n\n"
    "      --json              as a JSON object, tools with their schemas included\n"
    "      --server URL        http://HOST:PORT, https://HOST:PORT or unix:PATH;\n"
    "                          without: $ENCLAVE_SERVER, else the configuration\n"
    "      --key-file FILE     file with the key for that server\n\n"
    "Exit code: 0, or 125 when there is no such sandbox, or the server failed.\n\n"
    "Examples:\n"
    "  enclave info k3q8\n"
    "  enclave info k3q8 --json | jq .metadata.enforced\n";

static const char tools_help[] =
    "List the tools that may be used in a sandbox of a server, and what they take.\n\n"
    "Usage: enclave tools [OPTION]... SANDBOX\n\n"
    "SANDBOX is its id, or the beginning of it when no other begins so. Parameters\n"
    "that need not be given are in [brackets].\n\n"
    "      --json              as OpenAI function schemas, by name\n"
    "      --server URL        http://HOST:PORT, https://HOST:PORT or unix:PATH;\n"
    "                          without: $ENCLAVE_SERVER, else the configuration\n"
    "      --key-file FILE     file with the key for that server\n\n"
    "Exit code: 0, or 125 when there is no such sandbox, or the server failed.\n\n"
    "Examples:\n"
    "  enclave tools k3q8\n"
    "  enclave tools k3q8 --json | jq '[.[]]'    # what a language model takes\n";

/* Both verbs take one operand and nothing else of their own. */
struct asking {
    const struct verb *verb;
    const char *sandbox;
};

static int take(void *ctx, int id, const char *value)
{
    struct asking *asking = ctx;

    (void)id;
    if (asking->sandbox) {
        report_error("unexpected argument '%.60s'; try 'enclave %s --help'", value,
                     asking->verb->name);
        return -1;
    }
    asking->sandbox = value;
    return 0;
}

/* ---------------------------------------------------------------------------------------- info */

/* A member by its path, and its value as text. */
struct fact {
    char *name, *value;
};

struct facts {
    struct fact *items;
    size_t count;
};

static void free_facts(struct facts *facts)
{
    for (size_t i = 0; i < facts->count; i++) {
        free(facts->items[i].name);
        free(facts->items[i].value);
    }
    free(facts->items);
}

static int add_fact(struct facts *facts, const char *prefix, const char *key, const char *value)
{
    struct fact *longer = realloc(facts->items, (facts->count + 1) * sizeof *longer);
    char *name = NULL;

    if (!longer) {
        return -1;
    }
    facts->items = longer;
    if (asprintf(&name, "%s%s%s", prefix, prefix[0] != '\0' ? "." : "", key) < 0) {
        return -1;
    }
    facts->items[facts->count++] = (struct fact){name, strdup(value)};
    return facts->items[facts->count - 1].value ? 0 : -1;
}

/* "a, b", or the JSON text of a list that holds more than texts and numbers. */
static void join_list(struct json_object *list, char *text, size_t size)
{
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < json_object_array_length(list) && used < size; i++) {
        const char *item = json_object_get_string(json_object_array_get_idx(list, i));
        used += (size_t)snprintf(text + used, size - used, "%s%s", i > 0 ? ", " : "",
                                 item ? item : "null");
    }
}

/* What is null or empty is left out. */
static int collect(struct facts *facts, const char *prefix, struct json_object *object)
{
    int result = 0;

    json_object_object_foreach(object, key, value)
    {
        char text[1024];
        if (result != 0 || !value || strcmp(key, "available_tools") == 0) {
            continue;
        }
        if (json_object_is_type(value, json_type_object)) {
            (void)snprintf(text, sizeof text, "%s%s%s", prefix, prefix[0] != '\0' ? "." : "", key);
            result = collect(facts, text, value);
        } else if (json_object_is_type(value, json_type_array)) {
            join_list(value, text, sizeof text);
            result = text[0] != '\0' ? add_fact(facts, prefix, key, text) : 0;
        } else if (json_object_get_string(value)[0] != '\0') {
            result = add_fact(facts, prefix, key, json_object_get_string(value));
        }
    }
    return result;
}

static void info_row(void *ctx, size_t index, const char **cells)
{
    struct fact *fact = (struct fact *)ctx + index;

    cells[0] = fact->name;
    cells[1] = fact->value;
}

static void show_info(struct json_object *info)
{
    static const char *const headings[] = {"FIELD", "VALUE"};
    struct facts facts = {0};

    if (json_object_is_type(info, json_type_object) && collect(&facts, "", info) != 0) {
        report_error("out of memory");
    } else {
        table_print(stdout, headings, 2, facts.count, info_row, facts.items);
    }
    free_facts(&facts);
}

/* --------------------------------------------------------------------------------------- tools */

struct tool {
    const char *name, *about;
    char parameters[256];
};

static bool is_required(struct json_object *parameters, const char *name)
{
    struct json_object *required = json_member(parameters, "required");

    for (size_t i = 0;
         json_object_is_type(required, json_type_array) && i < json_object_array_length(required);
         i++) {
        const char *one = json_object_get_string(json_object_array_get_idx(required, i));
        if (one && strcmp(one, name) == 0) {
            return true;
        }
    }
    return false;
}

/* "code [timeout]" */
static void list_parameters(struct json_object *parameters, char *text, size_t size)
{
    struct json_object *properties = json_member(parameters, "properties");
    size_t used = 0;

    (void)snprintf(text, size, "-");
    if (!json_object_is_type(properties, json_type_object)) {
        return;
    }
    json_object_object_foreach(properties, name, schema)
    {
        (void)schema;
        if (used < size) {
            bool required = is_required(parameters, name);
            used += (size_t)snprintf(text + used, size - used, "%s%s%s%s", used > 0 ? " " : "",
                                     required ? "" : "[", name, required ? "" : "]");
        }
    }
}

static void tools_row(void *ctx, size_t index, const char **cells)
{
    struct tool *tool = (struct tool *)ctx + index;

    cells[0] = tool->name;
    cells[1] = tool->parameters;
    cells[2] = tool->about;
}

static void show_tools(struct json_object *tools)
{
    static const char *const headings[] = {"TOOL", "PARAMETERS", "ABOUT"};
    size_t count = 0;
    AUTO_FREE struct tool *rows =
        calloc((size_t)json_object_object_length(tools) + 1, sizeof *rows);

    if (!rows) {
        report_error("out of memory");
        return;
    }
    json_object_object_foreach(tools, name, schema)
    {
        struct json_object *function = json_member(schema, "function");
        rows[count].name = name;
        rows[count].about = json_text(function, "description", "-");
        list_parameters(json_member(function, "parameters"), rows[count].parameters,
                        sizeof rows[count].parameters);
        count++;
    }
    table_print(stdout, headings, 3, count, tools_row, rows);
}

/* -------------------------------------------------------------------------------------- asking */

static int ask_for_tools(const struct client *client, const char *id)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    AUTO_TEXT char *text = NULL;
    AUTO_JSON struct json_object *tools = NULL;

    if (enclave_manager_get_sandbox_tools(client->manager, id, &text, &err) != 0) {
        return client_fail(client, &err);
    }
    tools = json_tokener_parse(text);
    if (!json_object_is_type(tools, json_type_object)) {
        report_error("tools: the answer is not the JSON object that was expected");
        return EXIT_ENCLAVE;
    }
    return client_show(client, tools, show_tools);
}

static int run_with(const struct verb *verb, struct globals *globals, int argc, char **argv,
                    int first)
{
    struct asking asking = {.verb = verb};
    struct arg_parser parser = {.globals = globals, .take = take, .ctx = &asking};
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    AUTO_CLIENT struct client client = {.globals = globals, .verb = verb->name};
    AUTO_JSON struct json_object *info = NULL;
    char id[ENCLAVE_ID_SIZE];
    int code = verb_parse(verb, &parser, argc, argv, first);

    if (code >= 0) {
        return code;
    }
    if (!asking.sandbox) {
        report_error("no sandbox given: enclave %s SANDBOX; 'enclave ps' lists them", verb->name);
        return EXIT_ENCLAVE;
    }
    code = client_open(&client);
    if (code != 0) {
        return code;
    }
    if (client_find(&client, asking.sandbox, id, &info, &err) != 0) {
        return client_fail(&client, &err);
    }
    return verb == &verb_tools ? ask_for_tools(&client, id) : client_show(&client, info, show_info);
}

static int run_info(struct globals *globals, int argc, char **argv, int first)
{
    return run_with(&verb_info, globals, argc, argv, first);
}

static int run_tools(struct globals *globals, int argc, char **argv, int first)
{
    return run_with(&verb_tools, globals, argc, argv, first);
}

const struct verb verb_info = {"info", "Show what a server knows of a sandbox", info_help,
                               run_info};
const struct verb verb_tools = {"tools", "List the tools of a sandbox of a server", tools_help,
                                run_tools};
