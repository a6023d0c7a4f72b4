/*
 * plugin.c - the tool file_operation: read, write, delete and list files of the sandbox.
 *
 * Owns: its schema, its parameters, and which failures are answers. The operations are in
 * operations.c, the options in policy.c. Files are reached with the payload's rights.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <string.h>

#include "operations.h"

struct file_tool {
    const struct enclave_host *host;
    struct policy policy;
};

/* `operation` is no enum: an unknown one is answered by the tool, in words that name it. */
static const char file_parameters[] =
    "{\"type\": \"object\","
    " \"properties\": {"
    "  \"operation\": {\"type\": \"string\", \"description\": \"One of: read (the content of a "
    "file), write (replace a file by content), create (the same, content may be left out for an "
    "empty file), delete (a file, or a folder with all in it), list (a folder, like ls -la), "
    "exists (answers 'exists' or 'does not exist').\"},"
    "  \"file_path\": {\"type\": \"string\", \"description\": \"Path of the file or folder, "
    "absolute or relative to the working directory. Missing parent folders are made by write and "
    "create.\"},"
    "  \"content\": {\"type\": \"string\", \"description\": \"What to write; needed by write.\"},"
    "  \"encoding\": {\"type\": \"string\", \"default\": \"utf-8\", \"description\": \"How content "
    "is encoded in the file: utf-8, ascii or latin-1; base64 for binary files, whose content is "
    "then given and shown in base64.\"}},"
    " \"required\": [\"operation\", \"file_path\"],"
    " \"additionalProperties\": false}";

static void file_close(void *opaque)
{
    struct file_tool *tool = opaque;

    if (!tool) {
        return;
    }
    policy_clear(&tool->policy);
    free(tool);
}

static int32_t file_open(const struct enclave_host *host, const char *options, void **ret_tool,
                         struct enclave_error *err)
{
    struct file_tool *tool = calloc(1, sizeof *tool);
    int32_t rc;

    if (!tool) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "open file_operation: out of memory");
    }
    tool->host = host;
    rc = policy_read(options, &tool->policy, err);
    if (rc < 0) {
        file_close(tool);
        return rc;
    }
    *ret_tool = tool;
    return 0;
}

static int32_t perform(const struct file_tool *tool, struct enclave_call *call,
                       struct json_object *params, struct enclave_error *err)
{
    struct operation_call op = {.host = tool->host, .call = call, .policy = &tool->policy};
    struct tool_text name = tool_json_text(params, "operation");
    operation_fn operation = name.data ? operation_find(name.data) : NULL;
    const char *encoding = NULL;
    int32_t rc;

    if (tool_text_is_blank(tool_json_text(params, "file_path"))) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "No file path provided");
    }
    if (!operation) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "Unknown operation: %s",
                                 name.data ? name.data : "");
    }
    op.content = tool_json_text(params, "content");
    rc = tool_json_string(params, "file_path", &op.path, err);
    if (rc == 0) {
        rc = tool_json_string(params, "encoding", &encoding, err);
    }
    if (rc == 0) {
        rc = encoding_find(encoding, &op.encoding, err);
    }
    return rc < 0 ? rc : operation(&op, err);
}

/* What the caller asked for cannot be done: the tool's answer. All else: the machinery failed. */
static bool is_answer(int32_t code)
{
    return code == ENCLAVE_EINVALID || code == ENCLAVE_ENOTFOUND || code == ENCLAVE_EEXISTS ||
           code == ENCLAVE_EDENIED || code == ENCLAVE_ETOOBIG;
}

static int32_t file_execute(void *opaque, struct enclave_call *call, const char *text,
                            struct enclave_error *err)
{
    const struct file_tool *tool = opaque;
    struct enclave_error failure = ENCLAVE_ERROR_INIT;
    __attribute__((cleanup(tool_json_drop))) struct json_object *params =
        tool_json_parse(text, "parameters of file_operation", err);
    int32_t rc;

    if (!params) {
        return ENCLAVE_EINVALID;
    }
    rc = perform(tool, call, params, &failure);
    if (rc == 0) {
        return 0;
    }
    if (is_answer(rc)) {
        return tool->host->set_error(call, failure.message, err);
    }
    return enclave_error_set(err, rc, "%s", failure.message);
}

static const struct enclave_tool_ops file_ops = {
    .size = sizeof file_ops,
    .description = "Read, write, create, delete and list files in an isolated sandbox.",
    .parameters = file_parameters,
    .open = file_open,
    .close = file_close,
    .execute = file_execute,
};

const struct enclave_plugin enclave_plugin = {
    ENCLAVE_PLUGIN_HEADER(ENCLAVE_PLUGIN_TOOL),
    .name = "file_operation",
    .version = ENCLAVE_VERSION_STRING,
    .summary = "Read, write, delete and list files",
    .options = policy_options,
    .ops = &file_ops,
};
