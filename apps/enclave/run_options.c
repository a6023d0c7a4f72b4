/*
 * run_options.c - see run_options.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "run_options.h"

#include "report.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MAX_S 1e9
#define CPUS_MAX 1e6

enum {
    RUN_TOOL = ARG_OWN,
    RUN_FILE,
    RUN_PARAM,
    RUN_IMAGE,
    RUN_TIMEOUT,
    RUN_MEMORY,
    RUN_CPUS,
    RUN_NETWORK,
    RUN_ENV,
    RUN_VOLUME,
    RUN_STDIN,
    RUN_ID,
    RUN_TYPE,
    RUN_SANDBOX_TIMEOUT
};

const struct arg_option run_option_table[] = {
    {"tool", 't', "NAME", RUN_TOOL},           {"file", 'f', "FILE", RUN_FILE},
    {"param", 'p', "KEY=VALUE", RUN_PARAM},    {"image", '\0', "IMAGE", RUN_IMAGE},
    {"timeout", '\0', "SECONDS", RUN_TIMEOUT}, {"memory", 'm', "SIZE", RUN_MEMORY},
    {"cpus", '\0', "NUMBER", RUN_CPUS},        {"network", '\0', NULL, RUN_NETWORK},
    {"env", 'e', "KEY=VALUE", RUN_ENV},        {"volume", '\0', "HOST:PATH[:ro]", RUN_VOLUME},
    {"stdin", 'i', NULL, RUN_STDIN},           {NULL, '\0', NULL, 0},
};

const struct arg_option create_option_table[] = {
    {"id", '\0', "ID", RUN_ID},
    {"type", '\0', "TYPE", RUN_TYPE},
    {"tool", 't', "NAME", RUN_TOOL},
    {"image", '\0', "IMAGE", RUN_IMAGE},
    {"timeout", '\0', "SECONDS", RUN_SANDBOX_TIMEOUT},
    {"memory", 'm', "SIZE", RUN_MEMORY},
    {"cpus", '\0', "NUMBER", RUN_CPUS},
    {"network", '\0', NULL, RUN_NETWORK},
    {"env", 'e', "KEY=VALUE", RUN_ENV},
    {"volume", '\0', "HOST:PATH[:ro]", RUN_VOLUME},
    {NULL, '\0', NULL, 0},
};

const struct arg_option exec_option_table[] = {
    {"tool", 't', "NAME", RUN_TOOL},        {"file", 'f', "FILE", RUN_FILE},
    {"param", 'p', "KEY=VALUE", RUN_PARAM}, {"timeout", '\0', "SECONDS", RUN_TIMEOUT},
    {"stdin", 'i', NULL, RUN_STDIN},        {NULL, '\0', NULL, 0},
};

const char run_help[] =
    "Run code in a new sandbox, show its output as it comes, delete the sandbox.\n\n"
    "Usage: enclave run [OPTION]... CODE\n"
    "       enclave run [OPTION]... -f FILE\n"
    "       enclave run [OPTION]... -          # the code comes from stdin\n\n"
    "What to run:\n"
    "  -t, --tool NAME         python_executor (the default), shell_executor,\n"
    "                          file_operation, ... ('enclave plugins' lists them)\n"
    "  -f, --file FILE         read CODE from a file\n"
    "  -p, --param KEY=VALUE   another parameter of the tool; numbers, lists and\n"
    "                          objects as JSON\n"
    "  -i, --stdin             let the program read our stdin (up to 64 MiB)\n"
    "  -e, --env KEY=VALUE     set a variable; KEY alone passes on our own, so that\n"
    "                          its value is not seen on the command line\n\n"
    "Where, and within which limits:\n"
    "  -b, --backend NAME      docker, ..., or auto: the first that works\n"
    "      --server URL        a server makes it: http://HOST:PORT, https://HOST:PORT\n"
    "                          or unix:PATH; without it and --backend:\n"
    "                          $ENCLAVE_SERVER, else the configuration\n"
    "      --key-file FILE     file with the key for that server\n"
    "      --image IMAGE       container image; pulled when it is missing\n"
    "      --timeout SECONDS   0.5, 10, ...; 0: no limit\n"
    "  -m, --memory SIZE       256m, 2g, ...\n"
    "      --cpus NUMBER       0.5, 2, ...\n"
    "      --network           allow network access; there is none otherwise\n"
    "      --volume HOST:PATH[:ro]   show a folder of this machine at PATH\n\n"
    "Output:\n"
    "      --json              print the result as one line of JSON instead\n"
    "  -v, --verbose           say which backend is used, and how long it takes\n"
    "  -q, --quiet             errors only: no warnings, no progress\n"
    "  -c, --config FILE       read this INI file instead of the usual one\n\n"
    "Exit code: the program's; 128+N for signal N; 124 timeout; 137 out of memory;\n"
    "125 enclave itself failed; 130 Ctrl-C. With --json, 'cause' tells them apart.\n\n"
    "Examples:\n"
    "  enclave run 'print(40 + 2)'\n"
    "  enclave run --timeout 5 --memory 256m -f job.py\n"
    "  enclave run --tool shell_executor 'ls -l /'\n"
    "  seq 3 | enclave run -i 'print(sum(map(int, open(0))))'\n"
    "  enclave run --tool file_operation -p file_path=/etc/hostname read\n"
    "  enclave run -- '-1 + 2'                # CODE that begins with '-'\n";

const char *run_main_parameter(const char *tool)
{
    if (strcmp(tool, "python_executor") == 0) {
        return "code";
    }
    return strcmp(tool, "shell_executor") == 0 ? "command" : NULL;
}

int run_options_init(struct run_options *options, const char *verb, int argc)
{
    struct values *lists[] = {&options->params, &options->env, &options->volumes, &options->tools};

    *options = (struct run_options){
        .verb = verb, .tool = "python_executor", .timeout_ms = -1, .sandbox_timeout_ms = -1};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        lists[i]->items = calloc((size_t)argc + 1, sizeof *lists[i]->items);
        if (!lists[i]->items) {
            report_error("out of memory");
            return -1;
        }
    }
    return 0;
}

void run_options_clear(struct run_options *options)
{
    free(options->params.items);
    free(options->env.items);
    free(options->volumes.items);
    free(options->tools.items);
    input_clear(&options->code);
    input_clear(&options->stdin_data);
}

static bool is_size(const char *text)
{
    size_t digits = strspn(text, "0123456789");

    return digits > 0 &&
           (text[digits] == '\0' || (strchr("kmgKMG", text[digits]) && text[digits + 1] == '\0'));
}

static int take_timeout(const char *value, int64_t *ret_ms)
{
    double seconds;

    if (!text_number(value, 0, TIMEOUT_MAX_S, &seconds)) {
        report_error("--timeout '%s' is not a number of seconds (0: no limit)", value);
        return -1;
    }
    *ret_ms = (int64_t)(seconds * 1000 + 0.5);
    if (seconds > 0 && *ret_ms == 0) {
        *ret_ms = 1; /* 0 would mean that there is no limit */
    }
    return 0;
}

static int take_memory(struct run_options *options, const char *value)
{
    if (!is_size(value)) {
        report_error("--memory '%s' is not a size such as 256m or 2g", value);
        return -1;
    }
    options->memory = value;
    return 0;
}

static int take_cpus(struct run_options *options, const char *value)
{
    if (!text_number(value, 0, CPUS_MAX, &options->cpus) || options->cpus <= 0) {
        report_error("--cpus '%s' is not a number above 0, such as 0.5 or 2", value);
        return -1;
    }
    return 0;
}

static int take_operand(struct run_options *options, const char *value)
{
    if (options->operand) {
        report_error("unexpected argument '%.60s': CODE is one argument, so put it in quotes",
                     value);
        return -1;
    }
    options->operand = value;
    return 0;
}

static int check_utf8(const char *what, const char *text, size_t length)
{
    size_t valid = text_utf8_prefix(text, length);

    if (valid < length) {
        report_error("%s is not valid UTF-8 (at byte %zu); convert it first", what, valid + 1);
        return -1;
    }
    return 0;
}

static int add(struct values *values, const char *what, const char *value)
{
    values->items[values->count++] = value;
    return check_utf8(what, value, strlen(value));
}

static int take_pair(struct values *values, const char *option, const char *value, bool may_be_bare)
{
    const char *equals = strchr(value, '=');

    if (equals == value || value[0] == '\0' || (!equals && !may_be_bare)) {
        report_error("%s '%.60s' is not KEY=VALUE", option, value);
        return -1;
    }
    return add(values, option, value);
}

int run_options_take(void *ctx, int id, const char *value)
{
    struct run_options *options = ctx;

    switch (id) {
    case RUN_TOOL:
        options->tool = value;
        return add(&options->tools, "--tool", value);
    case RUN_FILE:
        options->code_file = value;
        return 0;
    case RUN_PARAM:
        return take_pair(&options->params, "--param", value, false);
    case RUN_IMAGE:
        options->image = value;
        return check_utf8("--image", value, strlen(value));
    case RUN_TIMEOUT:
        return take_timeout(value, &options->timeout_ms);
    case RUN_SANDBOX_TIMEOUT:
        return take_timeout(value, &options->sandbox_timeout_ms);
    case RUN_MEMORY:
        return take_memory(options, value);
    case RUN_CPUS:
        return take_cpus(options, value);
    case RUN_NETWORK:
        options->network = true;
        return 0;
    case RUN_ENV:
        return take_pair(&options->env, "--env", value, true);
    case RUN_VOLUME:
        return add(&options->volumes, "--volume", value);
    case RUN_ID:
        options->id = value;
        return check_utf8("--id", value, strlen(value));
    case RUN_TYPE:
        options->type = value;
        return check_utf8("--type", value, strlen(value));
    case RUN_STDIN:
        options->with_stdin = true;
        return 0;
    default:
        return take_operand(options, value);
    }
}

const char *run_options_param(const struct run_options *options, const char *name)
{
    size_t length = strlen(name);

    for (size_t i = 0; i < options->params.count; i++) {
        const char *param = options->params.items[i];
        if (strncmp(param, name, length) == 0 && param[length] == '=') {
            return param + length + 1;
        }
    }
    return NULL;
}

static bool is_dash(const char *text)
{
    return text && strcmp(text, "-") == 0;
}

static int copy_operand(struct run_options *options)
{
    options->code.data = strdup(options->operand);
    if (!options->code.data) {
        report_error("out of memory");
        return -1;
    }
    options->code.length = strlen(options->operand);
    return 0;
}

static int read_code(struct run_options *options)
{
    bool from_stdin = is_dash(options->operand) || is_dash(options->code_file);
    char what[300];

    if (options->operand && options->code_file) {
        report_error("both CODE and --file given; give one of them");
        return -1;
    }
    if (from_stdin && options->with_stdin) {
        report_error("stdin cannot be both the code ('-') and the program's input (--stdin)");
        return -1;
    }
    if (from_stdin) {
        (void)snprintf(what, sizeof what, "the code on standard input");
        if (input_read(NULL, INPUT_CODE_MAX, &options->code) != 0) {
            return -1;
        }
    } else if (options->code_file) {
        (void)snprintf(what, sizeof what, "file '%.256s'", options->code_file);
        if (input_read(options->code_file, INPUT_CODE_MAX, &options->code) != 0) {
            return -1;
        }
    } else {
        (void)snprintf(what, sizeof what, "CODE");
        if (copy_operand(options) != 0) {
            return -1;
        }
    }
    return check_utf8(what, options->code.data, options->code.length);
}

static int check_code(const struct run_options *options)
{
    const char *name = run_main_parameter(options->tool);
    bool by_param = name && run_options_param(options, name);

    if (options->code.data && by_param) {
        report_error("both CODE and --param %s given; give one of them", name);
        return -1;
    }
    if (!options->code.data && name && !by_param) {
        report_error("no code given: pass CODE, -f FILE, or - for stdin; "
                     "try 'enclave %s --help'",
                     options->verb);
        return -1;
    }
    return 0;
}

int run_options_complete(struct run_options *options)
{
    if ((options->operand || options->code_file) && read_code(options) != 0) {
        return -1;
    }
    if (check_code(options) != 0) {
        return -1;
    }
    return options->with_stdin ? input_read(NULL, INPUT_STDIN_MAX, &options->stdin_data) : 0;
}
