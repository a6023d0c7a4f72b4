/*
 * result.h - a ToolResult in JSON (docs/api.md), made again what the server's manager had.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HTTP_REMOTE_RESULT_H
#define HTTP_REMOTE_RESULT_H

#include <enclave/backend.h>

#include <json-c/json.h>

/* Owns what the struct points to. */
struct result {
    struct enclave_tool_result told;
    json_object *json;
    char *output; /* bytes that are not UTF-8; NULL: the JSON's text is the output */
    char *error;
};

/*
 * `json` becomes the result's. PROTOCOL when it is not a ToolResult. What a server that is not one of Enclave's does not tell
 * is taken for what it most likely is: `begun_us` and `took_us` for times, an exit code for a status.
 */
int32_t result_read(json_object *json, int64_t begun_us, int64_t took_us,
                    struct result *ret_result);
void result_free(struct result *result);

#endif
