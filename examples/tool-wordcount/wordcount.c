/*
 * wordcount.c - a tool in its own shared object: count the words of a text, with wc in the sandbox.
 *
 * Everything that a tool needs is here: a schema, open, close, execute, and the descriptor. It is
 * compiled against the installed headers and does not link to libenclave.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <enclave/tool.h>

struct wordcount {
    const struct enclave_host *host;
};

static int32_t wordcount_open(const struct enclave_host *host, const char *options, void **ret_tool,
                              struct enclave_error *err)
{
    struct wordcount *tool = calloc(1, sizeof *tool);

    (void)options; /* it has none: always {} */
    if (!tool) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "open wordcount: out of memory");
    }
    tool->host = host;
    *ret_tool = tool;
    return 0;
}

static void wordcount_close(void *tool)
{
    free(tool);
}

/* A small buffer that takes what wc writes. */
struct answer {
    char text[64];
    uint64_t length;
};

static int32_t take(void *ctx, const void *data, uint64_t length)
{
    struct answer *answer = ctx;

    if (length >= sizeof answer->text - answer->length) {
        return ENCLAVE_ETOOBIG; /* whatever the sandbox runs as wc: it is not to be trusted */
    }
    memcpy(answer->text + answer->length, data, length);
    answer->length += length;
    return 0;
}

/* Run `wc -w` with the text on its stdin, and say what it counted in a sentence. */
static int32_t count_words(const struct enclave_host *host, struct enclave_call *call,
                           const char *text, uint64_t length, struct enclave_error *err)
{
    static const char *const argv[] = {"wc", "-w", NULL};
    struct answer answer = {{0}, 0};
    struct enclave_sink sink = {.size = sizeof sink, .ctx = &answer, .write = take};
    struct enclave_command command = {
        .size = sizeof command,
        .argv = argv,
        .stdin_data = text,
        .stdin_length = length,
        .timeout_ms = ENCLAVE_TIMEOUT_DEFAULT,
        .stdout_sink = &sink,
    };
    struct enclave_outcome outcome = {.size = sizeof outcome};
    char sentence[96];
    int n;
    int32_t rc = host->run(call, &command, &outcome, err);

    /* Did it fail, time out, or was not found? Then its own result says so best. */
    if (rc < 0 || outcome.cause != ENCLAVE_CAUSE_EXITED || outcome.exit_code != 0) {
        return rc;
    }
    n = snprintf(sentence, sizeof sentence, "%ld words\n", strtol(answer.text, NULL, 10));
    return host->set_output(call, sentence, (uint64_t)n, err);
}

static int32_t wordcount_execute(void *opaque, struct enclave_call *call, const char *params,
                                 struct enclave_error *err)
{
    const struct wordcount *tool = opaque;
    struct json_object *object = json_tokener_parse(params);
    struct json_object *text = json_object_object_get(object, "text");
    int32_t rc = count_words(tool->host, call, json_object_get_string(text),
                             (uint64_t)json_object_get_string_len(text), err);

    json_object_put(object);
    return rc;
}

static const struct enclave_tool_ops wordcount_ops = {
    .size = sizeof wordcount_ops,
    .description = "Count the words of a text.",
    .parameters = "{\"type\": \"object\","
                  " \"properties\": {\"text\": {\"type\": \"string\","
                  "                             \"description\": \"The text to count in.\"}},"
                  " \"required\": [\"text\"],"
                  " \"additionalProperties\": false}",
    .open = wordcount_open,
    .close = wordcount_close,
    .execute = wordcount_execute,
};

const struct enclave_plugin enclave_plugin = {
    ENCLAVE_PLUGIN_HEADER(ENCLAVE_PLUGIN_TOOL), .name = "wordcount",   .version = "1.0.0",
    .summary = "Count the words of a text",     .ops = &wordcount_ops,
};
