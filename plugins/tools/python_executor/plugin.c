/*
 * plugin.c - the tool python_executor: run Python code as a script, in a fresh process.
 *
 * Owns: its options, its schema, and the command line. Running, deadlines, output limits and the
 * result are the host's; the module lists are in import_hint.c.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fork_server.h"
#include "import_hint.h"
#include "tool_json.h"

struct python_tool {
    const struct enclave_host *host;
    struct json_object *options; /* what the strings below are borrowed from */
    const char *python_path;
    struct tool_limits limits;
    bool unbuffered;
    struct import_hint hint;
    struct fork_server server;
};

static const struct enclave_option python_options[] = {
    ENCLAVE_OPTION("python_path", ENCLAVE_OPTION_STRING, "python3",
                   "the interpreter in the sandbox; without a slash it is looked up in PATH"),
    ENCLAVE_OPTION("unbuffered", ENCLAVE_OPTION_BOOLEAN, "true",
                   "write output as it is printed, so that a timeout loses none of it"),
    ENCLAVE_OPTION("warm", ENCLAVE_OPTION_BOOLEAN, "true",
                   "fork each call from a warm interpreter, where that is possible"),
    ENCLAVE_OPTION("preload", ENCLAVE_OPTION_LIST, NULL,
                   "modules that the warm interpreter imports once, such as numpy"),
    ENCLAVE_OPTION("allowed_modules", ENCLAVE_OPTION_LIST, NULL,
                   "modules that a script may import; a hint that code can get round, not a wall"),
    ENCLAVE_OPTION("blocked_modules", ENCLAVE_OPTION_LIST, NULL,
                   "modules that a script may not import; a hint that code can get round"),
    TOOL_LIMIT_OPTIONS,
    ENCLAVE_OPTION_END,
};

static const char python_parameters[] =
    "{\"type\": \"object\","
    " \"properties\": {"
    "  \"code\": {\"type\": \"string\", \"description\": \"Python source code. It runs as a script "
    "in a fresh process: nothing is kept between calls but files. Print what you want to see; the "
    "value of the last expression is not shown.\"},"
    "  \"timeout\": {\"type\": \"integer\", \"minimum\": 0, \"default\": 30, \"description\": "
    "\"Seconds after which the script is ended; 0 means no limit.\"}},"
    " \"required\": [\"code\"],"
    " \"additionalProperties\": false}";

static void python_close(void *opaque)
{
    struct python_tool *tool = opaque;

    if (!tool) {
        return;
    }
    import_hint_clear(&tool->hint);
    fork_server_clear(&tool->server);
    json_object_put(tool->options);
    free(tool);
}

static int32_t read_options(struct python_tool *tool, const char *text, struct enclave_error *err)
{
    int32_t rc;

    tool->options = tool_json_parse(text, "options of python_executor", err);
    if (!tool->options) {
        return ENCLAVE_EINVALID;
    }
    rc = tool_json_string(tool->options, "python_path", &tool->python_path, err);
    if (rc == 0) {
        rc = tool_limits_read(tool->options, &tool->limits, err);
    }
    if (rc == 0) {
        rc = import_hint_read(tool->options, &tool->hint, err);
    }
    if (rc < 0) {
        return rc;
    }
    if (!tool->python_path) {
        tool->python_path = "python3";
    }
    if (!*tool->python_path) {
        return enclave_error_set(err, ENCLAVE_EINVALID,
                                 "option python_path is empty; expected a program such as python3");
    }
    tool->unbuffered = tool_json_bool(tool->options, "unbuffered", true);
    /* The lists are imposed by a program of their own around the script. */
    if (tool->hint.allowed || !tool_json_bool(tool->options, "warm", true)) {
        return 0;
    }
    return fork_server_read(tool->options, tool->python_path, tool->unbuffered, &tool->server, err);
}

static int32_t python_open(const struct enclave_host *host, const char *options, void **ret_tool,
                           struct enclave_error *err)
{
    struct python_tool *tool = calloc(1, sizeof *tool);
    int32_t rc;

    if (!tool) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "open python_executor: out of memory");
    }
    tool->host = host;
    rc = read_options(tool, options, err);
    if (rc < 0) {
        python_close(tool);
        return rc;
    }
    *ret_tool = tool;
    return 0;
}

/* What the sandbox's env_vars say of PYTHONPATH, or NULL; borrowed from `config`. */
static const char *configured_path(struct json_object *config)
{
    struct json_object *vars = json_object_object_get(config, "env_vars");

    return json_object_get_string(json_object_object_get(vars, "PYTHONPATH"));
}

/*
 * So that what was uploaded to the working directory can be imported, as when a script lies there. The
 * script itself lies elsewhere, where nothing of it stays behind.
 */
static int32_t module_path(const struct python_tool *tool, struct enclave_call *call, char *text,
                           size_t size, struct enclave_error *err)
{
    struct enclave_call_info info = {.size = sizeof info};
    __attribute__((cleanup(tool_json_drop))) struct json_object *config = NULL;
    const char *theirs = NULL;
    int32_t rc = tool->host->get_call_info(call, &info, err);

    if (rc < 0) {
        return rc;
    }
    if (strstr(info.config, "PYTHONPATH")) { /* parsed only then: this is on the way of each call */
        config = tool_json_parse(info.config, "configuration of the sandbox", err);
        theirs = configured_path(config);
    }
    if (snprintf(text, size, "PYTHONPATH=%s%s%s", info.working_dir, theirs ? ":" : "",
                 theirs ? theirs : "") >= (int)size) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "PYTHONPATH is too long");
    }
    return 0;
}

static int32_t run_script(const struct python_tool *tool, struct enclave_call *call,
                          struct tool_text code, struct enclave_error *err)
{
    const char *argv[8] = {tool->python_path};
    uint32_t argc = 1;
    char path[4200];
    const char *env[] = {path, NULL};
    struct enclave_command command = {
        .size = sizeof command,
        .flags = tool->limits.flags,
        .argv = argv,
        .env = env,
        .script_name = "script.py",
        .script_data = code.data,
        .script_length = code.length,
        .timeout_ms = ENCLAVE_TIMEOUT_DEFAULT,
        .max_output = tool->limits.max_output,
        .fork_server = tool->server.wanted ? &tool->server.spec : NULL,
    };
    struct enclave_outcome outcome = {.size = sizeof outcome};

    int32_t rc = module_path(tool, call, path, sizeof path, err);

    if (rc < 0) {
        return rc;
    }
    /* A flag and not PYTHONUNBUFFERED: the programs that the script starts are not concerned. */
    if (tool->unbuffered) {
        argv[argc++] = "-u";
    }
    if (tool->hint.allowed) {
        argv[argc++] = "-c";
        argv[argc++] = import_hint_program;
    }
    command.script_index = argc;
    argv[argc++] = command.script_name;
    if (tool->hint.allowed) {
        argv[argc++] = tool->hint.allowed;
        argv[argc++] = tool->hint.blocked;
    }
    rc = tool->host->run(call, &command, &outcome, err);
    if (rc == 0 && outcome.forked) {
        rc = tool->host->set_metadata(call, "warm", "true", err);
    }
    return rc;
}

static int32_t python_execute(void *opaque, struct enclave_call *call, const char *text,
                              struct enclave_error *err)
{
    const struct python_tool *tool = opaque;
    __attribute__((cleanup(tool_json_drop))) struct json_object *params =
        tool_json_parse(text, "parameters of python_executor", err);
    struct tool_text code;

    if (!params) {
        return ENCLAVE_EINVALID;
    }
    code = tool_json_text(params, "code");
    if (tool_text_is_blank(code)) {
        return tool->host->set_error(call, "No code provided", err);
    }
    return run_script(tool, call, code, err);
}

static const struct enclave_tool_ops python_ops = {
    .size = sizeof python_ops,
    .description = "Execute Python code in an isolated sandbox. Returns what the code prints to "
                   "stdout; when it fails, also the traceback.",
    .parameters = python_parameters,
    .open = python_open,
    .close = python_close,
    .execute = python_execute,
};

const struct enclave_plugin enclave_plugin = {
    ENCLAVE_PLUGIN_HEADER(ENCLAVE_PLUGIN_TOOL),
    .name = "python_executor",
    .version = ENCLAVE_VERSION_STRING,
    .summary = "Run Python code as a script",
    .options = python_options,
    .ops = &python_ops,
};
