/*
 * enclave/tool.h - writing a tool: something that may be done in a sandbox.
 *
 * A tool describes its parameters with a JSON schema and does its work through the host table: run
 * a command, read and write files, set the result. It never knows which backend the sandbox lives
 * on. examples/tool-wordcount is a complete one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_TOOL_H
#define ENCLAVE_TOOL_H

#include "plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One call of the tool; opaque, owned by the host, valid until `execute` returns. */
struct enclave_call;

/* What `get_call_info` tells. Strings live as long as the call. */
struct enclave_call_info {
    uint32_t size;     /* sizeof(struct enclave_call_info); the caller sets it */
    uint32_t reserved; /* 0 */
    const char *sandbox_id;
    const char *working_dir; /* of the sandbox: absolute */
    const char *config;      /* of the sandbox, complete: a JSON object, docs/configuration.md */
    const char *execution_id;
    int64_t timeout_ms;  /* left of the call's time, at least 1; 0: it has no limit */
    uint64_t max_output; /* bytes that the result keeps of each stream */
};

/* Take the timeout from the call: the parameter `timeout`, else the request's, the tool's option,
 * the sandbox's. */
#define ENCLAVE_TIMEOUT_DEFAULT INT64_C(-1)

/* End it when it writes more than max_output. */
#define ENCLAVE_COMMAND_KILL_ON_LIMIT (UINT32_C(1) << 0)

/*
 * A command to run. Zero it, set `size` and what is needed; everything is borrowed for the call.
 */
struct enclave_command {
    uint32_t size;  /* sizeof(struct enclave_command) */
    uint32_t flags; /* ENCLAVE_COMMAND_... */
    /* NULL-terminated. argv[0] without a '/' is looked up in the PATH of the sandbox. */
    const char *const *argv;
    /* NULL-terminated "NAME=value", over the environment of the sandbox; NULL adds nothing. */
    const char *const *env;
    const char *cwd; /* NULL: the sandbox's working directory */
    /* What the program reads from stdin; NULL gives it the caller's (usually empty). */
    const void *stdin_data;
    uint64_t stdin_length;
    /*
     * A script, put where the payload can read but not change it, and gone when the command has
     * ended. When script_name is not NULL (letters, digits, '.', '_', '-'), argv[script_index] is
     * replaced by the path of a file of that name with this content.
     */
    const char *script_name;
    const void *script_data;
    uint64_t script_length;
    uint32_t script_index;
    uint32_t reserved; /* 0 */
    /* Milliseconds; 0: none; ENCLAVE_TIMEOUT_DEFAULT: the call's. Never beyond what the call has.
     */
    int64_t timeout_ms;
    uint64_t max_output; /* bytes kept of each stream; 0: the call's limit */
    /* Where its output goes instead of into the result and to the caller. NULL: the result. */
    const struct enclave_sink *stdout_sink;
    const struct enclave_sink *stderr_sink;
    /* What may fork in place of starting argv, when `cwd` is NULL. NULL: nothing. Since 1.1. */
    const struct enclave_fork_server *fork_server;
};

/* How a command ended. The caller sets `size`. */
struct enclave_outcome {
    uint32_t size;         /* sizeof(struct enclave_outcome) */
    uint32_t cause;        /* ENCLAVE_CAUSE_... */
    int32_t exit_code;     /* when it exited; else -1 */
    int32_t signal;        /* when it died of a signal; else 0 */
    uint32_t truncated;    /* 1: more was written than kept */
    uint32_t oom_kills;    /* processes of the sandbox that the kernel killed meanwhile */
    uint64_t stdout_bytes; /* written in all, kept or not */
    uint64_t stderr_bytes;
    int64_t wall_us;      /* microseconds from start to end */
    int64_t cpu_us;       /* user and system time of the program and the children it waited for */
    uint64_t peak_memory; /* largest resident set of one of those processes, bytes */
    uint32_t forked;      /* 1: a fork server's child, and no program was started. Since 1.1 */
    uint32_t reserved;    /* 0 */
};

struct enclave_tool_ops {
    uint32_t size;     /* sizeof(struct enclave_tool_ops) */
    uint32_t reserved; /* 0 */
    /* Mandatory. What the tool does, for the model or the person that chooses it. */
    const char *description;
    /*
     * Mandatory. JSON schema of the parameters: {"type": "object", "properties": {...}, ...}. The
     * host checks each call against it before `execute`: type (one name or a list), enum, required,
     * items, minimum, maximum, minLength, additionalProperties (absent means false: state it). A property
     * "timeout" (seconds) is understood by the host as the timeout of the call.
     */
    const char *parameters;
    /*
     * Mandatory [any-thread]. Called once for each sandbox that enables the tool. `options` is a
     * JSON object: the plugin's option table with defaults, INI file and tools_config applied.
     * Fails with ENCLAVE_EINVALID for an option that makes no sense; the create of the sandbox then
     * fails.
     */
    int32_t (*open)(const struct enclave_host *host, const char *options, void **ret_tool,
                    struct enclave_error *err);
    /* Mandatory [per-object]. Frees what `open` returned; no call is under way. Accepts NULL. */
    void (*close)(void *tool);
    /*
     * Mandatory [any-thread]. Do the work. `params` is a JSON object that fits the schema. Returns
     * 0 when the result is set (also when the program it ran failed), or an error, which the caller
     * of enclave_manager_execute_tool receives in place of a result.
     */
    int32_t (*execute)(void *tool, struct enclave_call *call, const char *params,
                       struct enclave_error *err);
};

#ifdef __cplusplus
}
#endif

#endif
