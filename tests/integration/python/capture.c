/*
 * capture.c - see capture.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "capture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LARGEST ((size_t)64 << 20)

int bytes_append(struct bytes *bytes, const void *data, size_t length)
{
    char *grown;

    if (length > LARGEST - bytes->length) {
        return -1;
    }
    grown = realloc(bytes->data, bytes->length + length + 1);
    if (!grown) {
        return -1;
    }
    if (length > 0) {
        memcpy(grown + bytes->length, data, length);
    }
    bytes->data = grown;
    bytes->length += length;
    grown[bytes->length] = '\0';
    return 0;
}

void bytes_free(struct bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct bytes){0};
}

int bytes_read_file(struct bytes *ret_bytes, const char *path)
{
    FILE *file = fopen(path, "re");
    struct bytes bytes = {0};
    char block[16384];
    int r = file ? bytes_append(&bytes, "", 0) : -1;

    for (size_t n; r == 0 && (n = fread(block, 1, sizeof block, file)) > 0;) {
        r = bytes_append(&bytes, block, n);
    }
    r = r == 0 && !ferror(file) ? 0 : -1;
    if (file) {
        (void)fclose(file);
    }
    if (r < 0) {
        bytes_free(&bytes);
    } else {
        *ret_bytes = bytes;
    }
    return r;
}

static int32_t keep(void *ctx, uint32_t stream, const void *data, uint64_t length)
{
    struct capture *capture = ctx;

    return bytes_append(stream == ENCLAVE_STDOUT ? &capture->out : &capture->err, data,
                        (size_t)length);
}

void capture_run(struct enclave_manager *manager, const char *id, const char *tool,
                 json_object *params, const struct bytes *input, struct enclave_cancel *cancel,
                 int64_t timeout_ms, struct capture *ret_capture)
{
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_result *result = NULL;

    *ret_capture = (struct capture){0};
    options.timeout_ms = timeout_ms;
    options.output = keep;
    options.output_ctx = ret_capture;
    options.cancel = cancel;
    if (input) {
        options.stdin_data = input->data;
        options.stdin_length = input->length;
    }
    ret_capture->error = enclave_manager_execute_tool(
        manager, id, tool, json_object_to_json_string(params), &options, &result, &err);
    json_object_put(params);
    if (ret_capture->error != 0) {
        (void)snprintf(ret_capture->reason, sizeof ret_capture->reason, "%s", err.message);
        return;
    }
    ret_capture->cause = result->cause;
    ret_capture->exit_code = result->exit_code;
    ret_capture->signal = result->signal;
    ret_capture->warm = strstr(result->metadata, "\"warm\":true") != NULL;
    enclave_result_free(result);
}

void capture_free(struct capture *capture)
{
    bytes_free(&capture->out);
    bytes_free(&capture->err);
}
