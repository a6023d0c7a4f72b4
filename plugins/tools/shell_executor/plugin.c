/*
 * plugin.c - the tool shell_executor: run a command line or a program in the sandbox.
 *
 * Owns: its options, its schema, the command line, and which commands its options let through.
 * Running, deadlines, output limits and the result are the host's.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <string.h>

#include "tool_json.h"

/* Linux refuses a single argument of 128 KiB (MAX_ARG_STRLEN); longer ones go as a script file. */
#define LONGEST_ARGUMENT ((size_t)100 * 1024)

struct shell_tool {
    const struct enclave_host *host;
    struct json_object *options; /* what the strings below are borrowed from */
    const char *shell_path;
    const char **allowed; /* NULL: not set */
    const char **blocked; /* NULL: not set */
    struct tool_limits limits;
};

static const struct enclave_option shell_options[] = {
    ENCLAVE_OPTION("shell_path", ENCLAVE_OPTION_STRING, "/bin/sh",
                   "the shell in the sandbox that command strings go to"),
    ENCLAVE_OPTION("allowed_commands", ENCLAVE_OPTION_LIST, NULL,
                   "programs that an array may name; strings are refused then"),
    ENCLAVE_OPTION("blocked_commands", ENCLAVE_OPTION_LIST, NULL,
                   "programs that an array may not name; strings are refused then"),
    TOOL_LIMIT_OPTIONS,
    ENCLAVE_OPTION_END,
};

static const char shell_parameters[] =
    "{\"type\": \"object\","
    " \"properties\": {"
    "  \"command\": {\"type\": [\"string\", \"array\"], \"items\": {\"type\": \"string\"},"
    "   \"description\": \"A command line for the shell (/bin/sh), or an array of a program and "
    "its "
    "arguments, which is executed as it is, without a shell. Each call is a new process: the "
    "working directory and variables of an earlier one are not kept, files are.\"},"
    "  \"timeout\": {\"type\": \"integer\", \"minimum\": 0, \"default\": 30, \"description\": "
    "\"Seconds after which the command is ended; 0 means no limit.\"}},"
    " \"required\": [\"command\"],"
    " \"additionalProperties\": false}";

static void shell_close(void *opaque)
{
    struct shell_tool *tool = opaque;

    if (!tool) {
        return;
    }
    free(tool->allowed);
    free(tool->blocked);
    json_object_put(tool->options);
    free(tool);
}

static int32_t read_options(struct shell_tool *tool, const char *text, struct enclave_error *err)
{
    int32_t rc;

    tool->options = tool_json_parse(text, "options of shell_executor", err);
    if (!tool->options) {
        return ENCLAVE_EINVALID;
    }
    rc = tool_json_string(tool->options, "shell_path", &tool->shell_path, err);
    if (rc == 0) {
        rc = tool_json_list(tool->options, "allowed_commands", &tool->allowed, err);
    }
    if (rc == 0) {
        rc = tool_json_list(tool->options, "blocked_commands", &tool->blocked, err);
    }
    if (rc == 0) {
        rc = tool_limits_read(tool->options, &tool->limits, err);
    }
    if (rc < 0) {
        return rc;
    }
    if (!tool->shell_path) {
        tool->shell_path = "/bin/sh";
    }
    if (!*tool->shell_path) {
        return enclave_error_set(err, ENCLAVE_EINVALID,
                                 "option shell_path is empty; expected a program such as /bin/sh");
    }
    return 0;
}

static int32_t shell_open(const struct enclave_host *host, const char *options, void **ret_tool,
                          struct enclave_error *err)
{
    struct shell_tool *tool = calloc(1, sizeof *tool);
    int32_t rc;

    if (!tool) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "open shell_executor: out of memory");
    }
    tool->host = host;
    rc = read_options(tool, options, err);
    if (rc < 0) {
        shell_close(tool);
        return rc;
    }
    *ret_tool = tool;
    return 0;
}

static bool listed(const char *const *list, const char *name)
{
    for (; *list; list++) {
        if (strcmp(*list, name) == 0) {
            return true;
        }
    }
    return false;
}

/*
 * An allowed name has to be written as the option has it: "ls" does not let "/tmp/ls" through,
 * which may be anything. A blocked name without a slash stands for programs of that name anywhere.
 */
static bool permitted(const struct shell_tool *tool, const char *program)
{
    const char *slash = strrchr(program, '/');

    if (tool->allowed && !listed(tool->allowed, program)) {
        return false;
    }
    return !tool->blocked ||
           (!listed(tool->blocked, program) && (!slash || !listed(tool->blocked, slash + 1)));
}

static int32_t refuse(const struct shell_tool *tool, struct enclave_call *call, const char *program,
                      struct enclave_error *err)
{
    struct enclave_error text = ENCLAVE_ERROR_INIT;

    (void)enclave_error_set(&text, ENCLAVE_EDENIED,
                            "Command '%s' is not allowed (allowed_commands and blocked_commands of "
                            "shell_executor)",
                            program);
    return tool->host->set_error(call, text.message, err);
}

static int32_t run(const struct shell_tool *tool, struct enclave_call *call,
                   struct enclave_command *command, struct enclave_error *err)
{
    command->size = sizeof *command;
    command->flags = tool->limits.flags;
    command->timeout_ms = ENCLAVE_TIMEOUT_DEFAULT;
    command->max_output = tool->limits.max_output;
    return tool->host->run(call, command, NULL, err);
}

static int32_t run_line(const struct shell_tool *tool, struct enclave_call *call,
                        struct json_object *params, struct enclave_error *err)
{
    struct tool_text text = tool_json_text(params, "command");
    const char *line = NULL;
    int32_t rc;

    if (tool_text_is_blank(text)) {
        return tool->host->set_error(call, "No command provided", err);
    }
    if (tool->allowed || tool->blocked) {
        return tool->host->set_error(
            call,
            "Command strings are refused, since allowed_commands or blocked_commands of "
            "shell_executor is set: give an array of the program and its arguments",
            err);
    }
    rc = tool_json_string(params, "command", &line, err);
    if (rc < 0) {
        return rc;
    }
    if (text.length > LONGEST_ARGUMENT) {
        return run(tool, call,
                   &(struct enclave_command){
                       .argv = (const char *const[]){tool->shell_path, "script.sh", NULL},
                       .script_name = "script.sh",
                       .script_data = line,
                       .script_length = text.length,
                       .script_index = 1,
                   },
                   err);
    }
    /* A shell takes a line that begins with a sign for options, unless these are ended first. */
    if (*line == '-' || *line == '+') {
        return run(tool, call,
                   &(struct enclave_command){
                       .argv = (const char *const[]){tool->shell_path, "-c", "--", line, NULL},
                   },
                   err);
    }
    return run(tool, call,
               &(struct enclave_command){
                   .argv = (const char *const[]){tool->shell_path, "-c", line, NULL},
               },
               err);
}

static int32_t run_array(const struct shell_tool *tool, struct enclave_call *call,
                         struct json_object *params, struct enclave_error *err)
{
    const char **argv = NULL;
    int32_t rc = tool_json_list(params, "command", &argv, err);

    if (rc < 0) {
        return rc;
    }
    if (!argv || !*argv[0]) {
        rc = tool->host->set_error(call, "No command provided", err);
    } else if (!permitted(tool, argv[0])) {
        rc = refuse(tool, call, argv[0], err);
    } else {
        rc = run(tool, call, &(struct enclave_command){.argv = argv}, err);
    }
    free(argv);
    return rc;
}

static int32_t shell_execute(void *opaque, struct enclave_call *call, const char *text,
                             struct enclave_error *err)
{
    const struct shell_tool *tool = opaque;
    __attribute__((cleanup(tool_json_drop))) struct json_object *params =
        tool_json_parse(text, "parameters of shell_executor", err);

    if (!params) {
        return ENCLAVE_EINVALID;
    }
    if (json_object_is_type(json_object_object_get(params, "command"), json_type_array)) {
        return run_array(tool, call, params, err);
    }
    return run_line(tool, call, params, err);
}

static const struct enclave_tool_ops shell_ops = {
    .size = sizeof shell_ops,
    .description = "Execute a shell command in an isolated sandbox. Returns what it writes to "
                   "stdout; when it fails, also what it writes to stderr.",
    .parameters = shell_parameters,
    .open = shell_open,
    .close = shell_close,
    .execute = shell_execute,
};

const struct enclave_plugin enclave_plugin = {
    ENCLAVE_PLUGIN_HEADER(ENCLAVE_PLUGIN_TOOL),
    .name = "shell_executor",
    .version = ENCLAVE_VERSION_STRING,
    .summary = "Run a shell command or a program",
    .options = shell_options,
    .ops = &shell_ops,
};
