/*
 * enclave/enclave.h - embedding: run untrusted code in sandboxes, from C.
 *
 *     struct enclave_error err = ENCLAVE_ERROR_INIT;
 *     struct enclave_manager *manager = NULL;
 *     struct enclave_result *result = NULL;
 *     char id[ENCLAVE_ID_SIZE];
 *     const char *config = "{\"tools_config\": [\"python_executor\"]}";
 *     const char *params = "{\"code\": \"print(40 + 2)\"}";
 *
 *     if (enclave_manager_new(NULL, &manager, &err) == 0 &&
 *         enclave_manager_create_sandbox(manager, NULL, config, NULL, id, &err) == 0 &&
 *         enclave_manager_execute_tool(manager, id, "python_executor", params, NULL, &result,
 *                                      &err) == 0) {
 *         fputs(result->output, stdout);
 *         fputs(result->error ? result->error : "", stderr); // and look at result->status
 *     } else {
 *         fprintf(stderr, "%s\n", err.message);
 *     }
 *     enclave_result_free(result);
 *     enclave_manager_free(manager);
 *
 * Rules that hold for every function here:
 *   - It returns 0, or a negative code of error.h; then `err` (may be NULL) says what was attempted,
 *     on what and what to do, and the `ret_` arguments are untouched.
 *   - It is [any-thread] and blocks until it is done, unless its comment says otherwise. Calls on
 *     different sandboxes, and several executions in one sandbox, run in parallel.
 *   - It does not print, exit, or change what belongs to the process: signals, cwd, umask, locale.
 *   - Strings that go in are UTF-8, borrowed for the call. Strings that come out as `char **ret_...`
 *     are the caller's, freed with enclave_free(). JSON texts are described in docs/api.md.
 *   - Objects made before a fork() may be used in the parent only.
 *
 * Since 0.1 unless said otherwise.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_ENCLAVE_H
#define ENCLAVE_ENCLAVE_H

#include "error.h"
#include "types.h"
#include "version.h"

#if defined(__GNUC__)
#define ENCLAVE_API __attribute__((visibility("default")))
#else
#define ENCLAVE_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------------------------ library */

/* Version of the loaded library, "0.1.0". A constant. Does not block. */
ENCLAVE_API const char *enclave_version(void);

/* Free a string that a function of this header returned. Accepts NULL. Does not block. */
ENCLAVE_API void enclave_free(void *memory);

/* Name ("notfound"), text, HTTP status and exit code of an error code. Constants; any int is safe.
 */
ENCLAVE_API const char *enclave_error_name(int32_t code);
ENCLAVE_API const char *enclave_error_text(int32_t code);
ENCLAVE_API int enclave_error_http_status(int32_t code);
ENCLAVE_API int enclave_error_exit_code(int32_t code);

/* The word of an ENCLAVE_STATUS_... or ENCLAVE_CAUSE_... value, "unknown" for others. Constants. */
ENCLAVE_API const char *enclave_status_name(uint32_t status);
ENCLAVE_API const char *enclave_cause_name(uint32_t cause);

/* --------------------------------------------------------------------------------- cancelling */

/*
 * A handle by which one thread cancels what others wait for. One handle may serve several calls,
 * one after another or at once. Once triggered it stays so: calls given it end with
 * ENCLAVE_ECANCELLED, or a result with cause `cancelled`.
 */
struct enclave_cancel;

ENCLAVE_API int32_t enclave_cancel_new(struct enclave_cancel **ret_cancel,
                                       struct enclave_error *err);
/* Does not block. Not for signal handlers: catch the signal in a thread (sigwait, signalfd). */
ENCLAVE_API void enclave_cancel_trigger(struct enclave_cancel *cancel);
/* No call that was given it is under way any more. Accepts NULL. */
ENCLAVE_API void enclave_cancel_free(struct enclave_cancel *cancel);

/* ------------------------------------------------------------------------------------ manager */

struct enclave_manager;

struct enclave_manager_options {
    uint32_t size;  /* ENCLAVE_MANAGER_OPTIONS_INIT sets it */
    uint32_t flags; /* 0 */
    /*
     * The INI file. NULL: $ENCLAVE_CONFIG, else enclave/enclave.ini in $XDG_CONFIG_HOME
     * (~/.config), else in the system's configuration folder, else built-in defaults. A file that
     * is named here or by the variable must exist; an empty string reads none at all.
     */
    const char *config_path;
    /* NULL, or a NULL-terminated list of "SECTION.KEY=VALUE" ("enclave.backend=docker",
     * "tool shell_executor.shell_path=/bin/bash") that win over the file. */
    const char *const *overrides;
    /* Receives log lines (ENCLAVE_LOG_... of plugin.h), from any thread; NULL: none. Must not call
     * back into the manager. */
    void (*log)(void *ctx, uint32_t level, const char *message);
    void *log_ctx;
    /* Seconds, monotonic, for the ages of sandboxes; NULL: CLOCK_MONOTONIC. For tests. */
    int64_t (*clock)(void *ctx);
    void *clock_ctx;
};

#define ENCLAVE_MANAGER_OPTIONS_INIT                                                               \
    {                                                                                              \
        sizeof(struct enclave_manager_options), 0, NULL, NULL, NULL, NULL, NULL, NULL              \
    }

/*
 * Read the configuration, load the enabled plugins, start the background cleanup. `options` may be
 * NULL. Does not talk to an engine: one that is not running is reported by the first create.
 * Errors: CONFIG (file, line, what was expected), PLUGIN, NOMEM.
 */
ENCLAVE_API int32_t enclave_manager_new(const struct enclave_manager_options *options,
                                        struct enclave_manager **ret_manager,
                                        struct enclave_error *err);

/*
 * Delete the manager's sandboxes (with `on_free = keep` leave those that can live without a
 * manager; none can in this version), unload the plugins, free the manager. Executions under way
 * end first, with cause `backend_lost`; no other call may be under way. Accepts NULL.
 */
ENCLAVE_API void enclave_manager_free(struct enclave_manager *manager);

/* ---------------------------------------------------------------------------------- sandboxes */

struct enclave_create_options {
    uint32_t size;  /* ENCLAVE_CREATE_OPTIONS_INIT sets it */
    uint32_t flags; /* 0 */
    /* The id to give it: ^[a-z0-9][a-z0-9_-]{0,62}$. NULL: 8 random letters and digits. */
    const char *id;
    /* Told about slow steps, in the calling thread; NULL: nobody. */
    enclave_progress_fn progress;
    void *progress_ctx;
    struct enclave_cancel *cancel; /* NULL: cannot be cancelled */
};

#define ENCLAVE_CREATE_OPTIONS_INIT                                                                \
    {                                                                                              \
        sizeof(struct enclave_create_options), 0, NULL, NULL, NULL, NULL                           \
    }

/*
 * Create a sandbox and start it. `type` is the backend's name; NULL or "auto": the configured one.
 * `config` is a JSON object (docs/configuration.md lists the fields); NULL: all defaults. Only
 * tools named in its `tools_config` (or the INI file's `tools` for new sandboxes) may be executed
 * in it. `options` may be NULL. Errors: INVALID (an unknown field, a bad value: the message names
 * it), NOTFOUND (backend, image), EXISTS (id), UNENFORCED, UNREACHABLE, BACKEND, CANCELLED. On
 * failure nothing is left behind.
 */
ENCLAVE_API int32_t enclave_manager_create_sandbox(struct enclave_manager *manager,
                                                   const char *type, const char *config,
                                                   const struct enclave_create_options *options,
                                                   char ret_id[ENCLAVE_ID_SIZE],
                                                   struct enclave_error *err);

/* Facts about one sandbox, a JSON object. NOTFOUND. Does not ask the engine. */
ENCLAVE_API int32_t enclave_manager_get_sandbox_info(struct enclave_manager *manager,
                                                     const char *id, char **ret_json,
                                                     struct enclave_error *err);

/* All sandboxes in a state (ENCLAVE_STATUS_...), or all for 0: a JSON array of the same objects. */
ENCLAVE_API int32_t enclave_manager_list_sandboxes(struct enclave_manager *manager, uint32_t status,
                                                   char **ret_json, struct enclave_error *err);

/* The tools enabled in a sandbox: a JSON object, name -> OpenAI function schema. NOTFOUND. */
ENCLAVE_API int32_t enclave_manager_get_sandbox_tools(struct enclave_manager *manager,
                                                      const char *id, char **ret_json,
                                                      struct enclave_error *err);

/*
 * Stop: everything in it ends, the entry stays, with status `stopped`. Stopping a stopped one is no
 * error. Executions under way end with cause `backend_lost`. NOTFOUND.
 */
ENCLAVE_API int32_t enclave_manager_stop_sandbox(struct enclave_manager *manager, const char *id,
                                                 struct enclave_error *err);

/* Stop it if need be, remove it and its entry. NOTFOUND, also for the second of two. */
ENCLAVE_API int32_t enclave_manager_delete_sandbox(struct enclave_manager *manager, const char *id,
                                                   struct enclave_error *err);

/* Delete every sandbox of this manager. Goes on after a failure and returns the first. */
ENCLAVE_API int32_t enclave_manager_cleanup_all_sandboxes(struct enclave_manager *manager,
                                                          struct enclave_error *err);

/*
 * Do now what the background cleanup does every `cleanup_interval` seconds: delete sandboxes that
 * run for longer than `running_ttl` or are stopped or in error for longer than `stopped_ttl`.
 * `ret_json` (may be NULL): an array of {"id", "reason"}, one for each that was deleted.
 */
ENCLAVE_API int32_t enclave_manager_sweep(struct enclave_manager *manager, char **ret_json,
                                          struct enclave_error *err);

/* Totals, counts by status and type: a JSON object. */
ENCLAVE_API int32_t enclave_manager_get_stats(struct enclave_manager *manager, char **ret_json,
                                              struct enclave_error *err);

/* --------------------------------------------------------------------------------- executing */

/*
 * Receives output as it comes: bytes as the program wrote them, in order within each stream. Called
 * in the thread that called execute_tool; while it runs the program is held back, not the manager.
 * A return value other than 0 cancels the execution.
 */
typedef int32_t (*enclave_output_fn)(void *ctx, uint32_t stream, const void *data, uint64_t length);

struct enclave_execute_options {
    uint32_t size;  /* ENCLAVE_EXECUTE_OPTIONS_INIT sets it */
    uint32_t flags; /* 0 */
    /*
     * Milliseconds; 0: none; -1: not given; less is INVALID. The first that is given counts: the parameter
     * `timeout`, this, the tool's option, the sandbox's `timeout`, 30 s.
     */
    int64_t timeout_ms;
    enclave_output_fn output; /* NULL: only the result */
    void *output_ctx;
    struct enclave_cancel *cancel; /* NULL: cannot be cancelled */
    const char *execution_id;      /* NULL: the manager makes one; comes back in the result */
    const void *stdin_data;        /* what the program reads from stdin; NULL: nothing */
    uint64_t stdin_length;
};

#define ENCLAVE_EXECUTE_OPTIONS_INIT                                                               \
    {                                                                                              \
        sizeof(struct enclave_execute_options), 0, -1, NULL, NULL, NULL, NULL, NULL, 0             \
    }

/* Status of a result. The words in JSON are the lower-case suffixes. */
enum {
    ENCLAVE_RESULT_SUCCESS = 1,
    ENCLAVE_RESULT_ERROR = 2,
    ENCLAVE_RESULT_TIMEOUT = 3,
    ENCLAVE_RESULT_CANCELLED = 4
};

/*
 * What became of an execution. The caller's to read, until enclave_result_free(). `output` and
 * `error` are valid UTF-8 with a NUL behind them: bytes that are not UTF-8 show as U+FFFD, and then
 * metadata.output_base64 (error_base64) holds them as they were. A NUL written by the program
 * counts in output_length.
 */
struct enclave_result {
    uint32_t size;            /* sizeof(struct enclave_result) as the library was compiled */
    uint32_t status;          /* ENCLAVE_RESULT_... */
    uint32_t cause;           /* ENCLAVE_CAUSE_... */
    int32_t exit_code;        /* -1 when no program ended by itself */
    int32_t signal;           /* 0 when no signal ended it */
    uint32_t truncated;       /* 1: more output was written than is kept here */
    const char *tool_name;    /* as called */
    const char *execution_id; /* as given, or made */
    const char *output;       /* stdout; never NULL */
    uint64_t output_length;   /* bytes */
    const char *error;        /* stderr, or what went wrong; NULL when there is none */
    uint64_t error_length;    /* bytes */
    const char *metadata;     /* a JSON object */
    uint64_t stdout_bytes;    /* written in all, kept or not */
    uint64_t stderr_bytes;    /* written in all, kept or not */
    int64_t started_at_us;    /* microseconds since the Unix epoch, UTC */
    int64_t wall_us;          /* microseconds from call to end */
    int64_t cpu_us;           /* CPU time of the programs that were run */
    uint64_t peak_memory;     /* largest resident set of one process, bytes */
};

/*
 * Run a tool in a sandbox that is running. `params` is a JSON object that fits the tool's schema;
 * NULL: {}. `options` may be NULL. When the program runs, fails, is stopped for time, memory or by
 * cancelling, that is a result and 0 is returned. Errors: NOTFOUND (sandbox, tool), STATE (not
 * running), INVALID (the parameter is named), TOOBIG, LOST (before anything ran), NOMEM.
 *
 * The execution ends when the program has ended and everything that it started has closed stdout
 * and stderr, as with a pipe in a shell. A process left in the background that has redirected both
 * goes on until the sandbox stops. A timeout ends every process that the execution started.
 */
ENCLAVE_API int32_t enclave_manager_execute_tool(struct enclave_manager *manager, const char *id,
                                                 const char *tool, const char *params,
                                                 const struct enclave_execute_options *options,
                                                 struct enclave_result **ret_result,
                                                 struct enclave_error *err);

/* Accepts NULL. */
ENCLAVE_API void enclave_result_free(struct enclave_result *result);

/* The result as a ToolResult in JSON (docs/api.md), on one line. */
ENCLAVE_API int32_t enclave_result_json(const struct enclave_result *result, char **ret_json,
                                        struct enclave_error *err);

/* -------------------------------------------------------------------------------------- files */

/*
 * Files in and out. They run with the payload's rights: an upload can only go where a program in
 * the sandbox could write. Sandbox paths are absolute or relative to its working directory.
 * Archives are tar, not compressed. Errors: NOTFOUND, DENIED, INVALID (a name that leads outside, a
 * device), TOOBIG, STATE, NOTSUP (by this backend), LOST, TIMEOUT (after 10 minutes), IO (a local
 * file).
 */

/* Unpack a tar stream below `target_dir`, which is made when missing. */
ENCLAVE_API int32_t enclave_manager_put_archive(struct enclave_manager *manager, const char *id,
                                                const char *target_dir,
                                                const struct enclave_source *tar,
                                                struct enclave_error *err);

/* Copy what is in the local folder `local_dir` (not the folder itself) below `target_dir`. Symbolic
 * links are copied as links; sockets, devices and FIFOs are refused. */
ENCLAVE_API int32_t enclave_manager_put_dir(struct enclave_manager *manager, const char *id,
                                            const char *local_dir, const char *target_dir,
                                            struct enclave_error *err);

/* Write a file; missing parent folders are made; an existing file is replaced. `mode`: permission
 * bits, 0 means 0644. */
ENCLAVE_API int32_t enclave_manager_put_file(struct enclave_manager *manager, const char *id,
                                             const char *path, const void *data, uint64_t length,
                                             uint32_t mode, struct enclave_error *err);

/* The file or folder at `path` as a tar stream; names in it begin with the last part of `path`. */
ENCLAVE_API int32_t enclave_manager_get_archive(struct enclave_manager *manager, const char *id,
                                                const char *path, const struct enclave_sink *tar,
                                                struct enclave_error *err);

/* Read a regular file of at most `max_bytes` (0: 64 MiB). `*ret_data`, freed with enclave_free(),
 * has a NUL behind its `*ret_length` bytes. */
ENCLAVE_API int32_t enclave_manager_get_file(struct enclave_manager *manager, const char *id,
                                             const char *path, uint64_t max_bytes, void **ret_data,
                                             uint64_t *ret_length, struct enclave_error *err);

/* ------------------------------------------------------------------------- looking at the setup */

/* The effective configuration: a JSON array of {"section", "key", "value", "source", "help"};
 * values of secrets are "***"; source is "default", "FILE:LINE", "environment" or "option". */
ENCLAVE_API int32_t enclave_manager_get_config(struct enclave_manager *manager, char **ret_json,
                                               struct enclave_error *err);

/* The plugin files found: a JSON array of {"file", "kind", "name", "version", "summary", "state",
 * "reason", "options"}; state is "loaded", "disabled" or "refused". */
ENCLAVE_API int32_t enclave_manager_get_plugins(struct enclave_manager *manager, char **ret_json,
                                                struct enclave_error *err);

/* Ask each loaded backend whether it works here: a JSON array of {"backend", "works", "detail" (an
 * object) or "error" (text), "can": [...]}. Takes up to 5 seconds for each that does not answer. */
ENCLAVE_API int32_t enclave_manager_probe(struct enclave_manager *manager, char **ret_json,
                                          struct enclave_error *err);

#ifdef __cplusplus
}
#endif

#endif
