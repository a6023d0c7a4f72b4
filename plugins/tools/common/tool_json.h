/*
 * tool_json.h - reading a tool's options and parameters, which cross the ABI as JSON text.
 *
 * Owns: access to members by name and type, and the options that all tools that run a program have
 * in common. Not here: checking against the schema or the option table, which the host has done
 * before it calls a tool. What a member is not, it therefore only is by a host's mistake, and then
 * counts as absent.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TOOL_JSON_H
#define TOOL_JSON_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <enclave/tool.h>

/* Options of a tool that runs a program; tool_limits_read() reads them, the host the timeout. */
#define TOOL_LIMIT_OPTIONS                                                                         \
    ENCLAVE_OPTION("max_output_size", ENCLAVE_OPTION_SIZE, NULL,                                   \
                   "bytes kept of each output stream; unset: the sandbox's limit"),                \
        ENCLAVE_OPTION("on_output_limit", ENCLAVE_OPTION_STRING, "truncate",                       \
                       "what to do about more output: truncate it, or kill the program"),          \
        ENCLAVE_OPTION("timeout", ENCLAVE_OPTION_SECONDS, NULL,                                    \
                       "seconds, for calls that name no timeout; 0: none; unset: the sandbox's")

struct tool_limits {
    uint64_t max_output; /* bytes of each stream; 0: the call's */
    uint32_t flags;      /* ENCLAVE_COMMAND_... */
};

/* A text that may hold any byte, borrowed from the object it was read from. */
struct tool_text {
    const char *data; /* NULL: absent */
    size_t length;
};

/* Parse `text`, a JSON object; NULL, with `err` set, when it is none. `what` is for the message. */
struct json_object *tool_json_parse(const char *text, const char *what, struct enclave_error *err);

/* For __attribute__((cleanup)). */
void tool_json_drop(struct json_object **object);

bool tool_json_bool(struct json_object *object, const char *key, bool fallback);
uint64_t tool_json_size(struct json_object *object, const char *key, uint64_t fallback);
struct tool_text tool_json_text(struct json_object *object, const char *key);

/* A string for an interface that ends it at a NUL: one inside it is refused (ENCLAVE_EINVALID),
 * since what was checked must be what is used. `*ret` is NULL when it is absent. */
int32_t tool_json_string(struct json_object *object, const char *key, const char **ret,
                         struct enclave_error *err);

/* An array of such strings, NULL-terminated. The array is the caller's, freed with free(); the
 * strings are borrowed from `object`. `*ret` is NULL when the array is absent or empty. */
int32_t tool_json_list(struct json_object *object, const char *key, const char ***ret,
                       struct enclave_error *err);

int32_t tool_limits_read(struct json_object *options, struct tool_limits *ret,
                         struct enclave_error *err);

/* Whether there is nothing in it but white space. */
bool tool_text_is_blank(struct tool_text text);

#endif
