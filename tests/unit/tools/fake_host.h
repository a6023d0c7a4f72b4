/*
 * fake_host.h - a host table for tools that records what it is asked, and answers as it is told.
 *
 * Owns: loading the plugin under test (TOOL_PLUGIN) and one call. Not here: anything that the real
 * host does with an answer; that is tested with the core.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef FAKE_HOST_H
#define FAKE_HOST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the ones above */

#include <enclave/tool.h>

#define FAKE_ARGS 16
#define FAKE_REQUESTS 4

struct fake_request {
    char operation[8]; /* read, write, stat, list, remove */
    char path[256];
    uint32_t flags;
    uint64_t max_bytes;
    char allowed[128]; /* joined by ':'; "-" when NULL */
    char blocked[128];
};

/* What the tools take for the host's call. */
struct enclave_call {
    const char *config; /* of the sandbox; NULL: {} */
    /* the last run */
    int runs;
    int argc;
    char *argv[FAKE_ARGS];
    char *script; /* with a NUL behind it */
    uint64_t script_length;
    char script_name[64];
    uint32_t script_index;
    uint32_t flags;
    char env[128]; /* its only entry, or "" */
    int64_t timeout_ms;
    uint64_t max_output;
    /* the result */
    char *output; /* NULL: not set */
    uint64_t output_length;
    char *error; /* NULL: not set */
    /* files */
    int requests;
    struct fake_request request[FAKE_REQUESTS];
    char *written; /* what file_write was given, with a NUL behind it */
    uint64_t written_length;
    /* what to answer */
    int32_t code; /* of every file operation, and run */
    int32_t stat_code;
    const char *message;
    const void *content;
    uint64_t content_length;
    const struct enclave_file_info *entries; /* of list; the first one also of stat */
    int entry_count;
};

struct fake {
    void *handle;
    const struct enclave_plugin *plugin;
    const struct enclave_tool_ops *ops;
    struct enclave_host host;
    void *tool;
    struct enclave_call call;
    struct enclave_error err;
};

/* CMocka fixtures: `*state` is a struct fake with the plugin loaded and no tool opened. */
int fake_setup(void **state);
int fake_teardown(void **state);

/* Open the tool, closing one that is open. */
int32_t fake_open(struct fake *fake, const char *options);

/* Forget the last call, keep what to answer, and execute. */
int32_t fake_execute(struct fake *fake, const char *params);

/* Asserts that open refuses `options` with INVALID and a message that holds `part`. */
void fake_assert_open_refused(struct fake *fake, const char *options, const char *part);

/* Asserts that the schema is an object schema that refuses unknown parameters and requires these,
 * a NULL-terminated list; and that the option table ends and explains each of its options. */
void fake_assert_schema(const struct fake *fake, const char *const *required);

#endif
