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

/* Free a string, or get_file's data, that a function of this header returned. Accepts NULL. Does
 * not block. */
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
/* Only when no call that was given it is under way, and no submitted execution's completion is
 * still to be taken. Accepts NULL. */
ENCLAVE_API void enclave_cancel_free(struct enclave_cancel *cancel);

/* ------------------------------------------------------------------------------------ manager */

struct enclave_manager;
struct enclave_option; /* plugin.h */

/* The manager's sandboxes end with it, whatever `on_restart` and `on_free` say, and it leaves those
 * of others alone: for a program that shares a service's configuration and not its sandboxes. */
#define ENCLAVE_MANAGER_TRANSIENT (UINT32_C(1) << 0)

struct enclave_manager_options {
    uint32_t size;  /* ENCLAVE_MANAGER_OPTIONS_INIT sets it */
    uint32_t flags; /* ENCLAVE_MANAGER_... */
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
    /*
     * A section of the INI file that is the program's own ("server" is that of `enclave serve`) and
     * its options, a table as a plugin has (plugin.h), which has to live as long as the manager.
     * They are checked as those of plugins are, and enclave_manager_get_config() shows them. NULL:
     * none. A program that does not name the section `server` leaves it unread.
     */
    const char *section;
    const struct enclave_option *section_options;
};

#define ENCLAVE_MANAGER_OPTIONS_INIT                                                               \
    {                                                                                              \
        sizeof(struct enclave_manager_options), 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL  \
    }

/*
 * Read the configuration, load the enabled plugins, start the background cleanup. `options` may be
 * NULL. Does not wait for an engine: one that is not running is reported by the first create. What managers of
 * this machine that died have left in engines is removed meanwhile.
 *
 * With `on_restart = adopt` it first locks the instance, then takes back the sandboxes that an earlier manager of
 * the instance left running, for which it asks each backend that can (up to 5 seconds for each that does not
 * answer). They have their ids, configurations, tools, files and times again; executions that were under way have
 * been ended. One that cannot be taken back is deleted, and the log says so.
 *
 * Errors: CONFIG (file, line, what was expected), PLUGIN, NOMEM; BUSY when another manager has the instance,
 * DENIED or IO when its lock cannot be made.
 */
ENCLAVE_API int32_t enclave_manager_new(const struct enclave_manager_options *options,
                                        struct enclave_manager **ret_manager,
                                        struct enclave_error *err);

/*
 * Delete the manager's sandboxes (with `on_free = keep` leave those that run, and whose backend can,
 * to the next manager of the instance, for `reconnect_grace` seconds, or to the other manager that
 * has them), unload the plugins, free the manager. Executions under way in other threads are ended
 * first, with cause `backend_lost`, and their calls return; no call of another kind may be under
 * way. Results and strings that the manager gave stay valid. Accepts NULL.
 *
 * Blocks until the sandboxes are deleted. Another manager that has them (http-remote) is waited for
 * as long as `end_timeout` of its backend says, 45 seconds, and 10 when it is silent; what it has
 * not deleted by then is left to it. The log names each sandbox that could not be deleted.
 */
ENCLAVE_API void enclave_manager_free(struct enclave_manager *manager);

/* ---------------------------------------------------------------------------------- sandboxes */

/*
 * With a backend whose sandboxes are another manager's (http-remote) every call asks that manager,
 * and fails with its errors, message included, or with those of the way there (UNREACHABLE,
 * UNAUTHORIZED, LOST, ...). Then `type` is one of that manager's, an id may be of any sandbox that
 * it has, and ages are for it to count. Sandboxes that this manager did not make are deleted only
 * by enclave_manager_delete_sandbox(), and, by their own manager, for their age.
 */

/* The sandbox ends with the manager, whatever `on_restart` and `on_free` say: as a pool's do, since
 * a pool is not known to the next manager. */
#define ENCLAVE_CREATE_TRANSIENT (UINT32_C(1) << 0)

struct enclave_create_options {
    uint32_t size;  /* ENCLAVE_CREATE_OPTIONS_INIT sets it */
    uint32_t flags; /* ENCLAVE_CREATE_... */
    /* The id to give it: ^[a-z0-9][a-z0-9_-]{0,62}$. NULL: 8 random letters and digits. */
    const char *id;
    /* Told about slow steps, in the calling thread; NULL: nobody. */
    enclave_progress_fn progress;
    void *progress_ctx;
    struct enclave_cancel *cancel; /* NULL: cannot be cancelled */
    /*
     * A name of the caller's for this request, 1 to 255 bytes, so that it can be repeated without making a
     * second sandbox: while the key is known, a create with it gives the id that the first one gave, and
     * one that comes while the first is under way waits for it. With another type, config or id: EXISTS.
     * A create that failed frees its key. A key is known as long as its sandbox, and beyond that as one of
     * the last 1,024. NULL: none.
     */
    const char *request_key;
    /* Whose it is, for a program that serves several: 1 to 63 printable ASCII characters, shown as metadata.owner
     * and kept over a restart. The manager does nothing else with it. NULL: nobody's. */
    const char *owner;
};

#define ENCLAVE_CREATE_OPTIONS_INIT                                                                \
    {                                                                                              \
        sizeof(struct enclave_create_options), 0, NULL, NULL, NULL, NULL, NULL, NULL               \
    }

/*
 * Create a sandbox and start it. `type` is the backend's name; NULL or "auto": the configured one.
 * `config` is a JSON object (docs/configuration.md lists the fields); NULL: all defaults. Only
 * tools named in its `tools_config` (else in that of the INI file's [sandbox]) may be executed in
 * it. `options` may be NULL. Errors: INVALID (an unknown field, a bad value: the message names it),
 * NOTFOUND (backend, image), EXISTS (id, request key), UNENFORCED, UNREACHABLE, BACKEND, CANCELLED.
 * On failure nothing is left behind.
 */
ENCLAVE_API int32_t enclave_manager_create_sandbox(struct enclave_manager *manager,
                                                   const char *type, const char *config,
                                                   const struct enclave_create_options *options,
                                                   char ret_id[ENCLAVE_ID_SIZE],
                                                   struct enclave_error *err);

/* Facts about one sandbox, a JSON object. NOTFOUND. Asks no engine, but the other manager if there
 * is one. */
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

/* Delete every sandbox of this manager, and end its pools. Goes on after a failure and returns the first.
 * Of those that another manager has, which cannot be reached, the rest are let go of: they stay there. */
ENCLAVE_API int32_t enclave_manager_cleanup_all_sandboxes(struct enclave_manager *manager,
                                                          struct enclave_error *err);

/*
 * Do now what the background cleanup does every `cleanup_interval` seconds: reclaim sandboxes that
 * run for longer than `running_ttl`, are stopped or in error for longer than `stopped_ttl`, were
 * not used for longer than `idle_ttl`, or are older than the `ttl` of their configuration. One that
 * is executing is left alone unless its `running_ttl` or `ttl` is over.
 * `ret_json` (may be NULL): an array of {"id", "reason"}, one for each that was reclaimed; the reason
 * is the word that is quoted above, or "pool" for one of a pool's that had ended. Their ids are gone when
 * this returns. It waits for their engines to end them, though for 2 seconds at most: the rest goes on in
 * the background.
 */
ENCLAVE_API int32_t enclave_manager_sweep(struct enclave_manager *manager, char **ret_json,
                                          struct enclave_error *err);

/*
 * Let a sandbox live for at least so many seconds from now (0 to 1,000,000,000), whatever would have the
 * cleanup reclaim it before. Never shortens its life. Errors: NOTFOUND, INVALID, STATE (it is being
 * stopped).
 */
ENCLAVE_API int32_t enclave_manager_keep_alive(struct enclave_manager *manager, const char *id,
                                               int64_t seconds, struct enclave_error *err);

/* Totals, counts by status and type, executions by tool and cause, times: a JSON object. */
ENCLAVE_API int32_t enclave_manager_get_stats(struct enclave_manager *manager, char **ret_json,
                                              struct enclave_error *err);

/* --------------------------------------------------------------------------------- executing */

/*
 * Receives output as it comes: bytes as the program wrote them, in order within each stream, up to
 * a megabyte at once. Called in the thread that runs the execution: the one that called
 * execute_tool or run_submitted, else one of the manager's; while it runs the program is held back,
 * not the manager. A return value other than 0 cancels the execution.
 */
typedef int32_t (*enclave_output_fn)(void *ctx, uint32_t stream, const void *data, uint64_t length);

struct enclave_completion; /* below, with enclave_manager_submit() */

/*
 * A submitted execution has ended. Called once, in the thread that ran it: one of the manager's,
 * whose stack is 256 KiB and which runs others afterwards, so that it must not block; or the one
 * that called run_submitted. It may call the manager, to submit the next for instance, and free what
 * the options pointed to. 1: the result is the caller's, and the completion does not come again; 0:
 * it is to be taken as others are. What is pointed to is borrowed for the call.
 *
 * Not called for what was cancelled before it began: that comes as a completion, which waits to be
 * taken. While enclave_manager_free() waits for what runs, it is called for that (cause
 * `backend_lost` or `cancelled`), and not for what was queued, of which nothing comes any more.
 */
typedef int32_t (*enclave_ended_fn)(const struct enclave_completion *completion);

/* Of enclave_manager_submit(): this thread calls enclave_manager_run_submitted() next, so no thread
 * of the manager is woken for this one. execute_tool takes no notice of it. */
#define ENCLAVE_EXECUTE_LEND (UINT32_C(1) << 0)

struct enclave_execute_options {
    uint32_t size;  /* ENCLAVE_EXECUTE_OPTIONS_INIT sets it */
    uint32_t flags; /* ENCLAVE_EXECUTE_..., or 0; any other is INVALID */
    /*
     * Milliseconds; 0: none; -1: not given; less is INVALID. The first that is given counts: the
     * parameter `timeout` (seconds), this, the tool's option, the sandbox's `timeout`, 30 s.
     */
    int64_t timeout_ms;
    enclave_output_fn output; /* NULL: only the result */
    void *output_ctx;
    struct enclave_cancel *cancel; /* NULL: cannot be cancelled */
    const char *execution_id;      /* NULL: the manager makes one; comes back in the result */
    const void *stdin_data;        /* what the program reads from stdin; NULL: nothing */
    uint64_t stdin_length;
    enclave_ended_fn ended; /* of a submitted one; NULL: the completion waits to be taken */
};

#define ENCLAVE_EXECUTE_OPTIONS_INIT                                                               \
    {                                                                                              \
        sizeof(struct enclave_execute_options), 0, -1, NULL, NULL, NULL, NULL, NULL, 0, NULL       \
    }

/* Status of a result. The words in JSON are the lower-case suffixes. */
enum {
    ENCLAVE_RESULT_SUCCESS = 1, /* cause `exited` with code 0, and the tool has not complained */
    ENCLAVE_RESULT_ERROR = 2,   /* anything else: `cause` says what */
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
 * running), INVALID (the parameter is named), TOOBIG, CANCELLED and LOST (before anything ran; but
 * after LOST of another manager's sandbox it may have), NOMEM, and what the tool itself returned.
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

/* ---------------------------------------------------------------------------------- submitting */

/*
 * Executions for a program that waits for many things at once, in a loop of its own: submit does
 * not wait; a descriptor becomes readable when there is something to take. examples/event-loop
 * shows it.
 *
 * They run in threads of the manager, `max_executions` at once; `max_queued` more wait, in the
 * order in which they came within a sandbox, and sandbox by sandbox in turns. Time in the queue
 * does not count for their timeouts. enclave_manager_free() cancels what has not ended and drops
 * all completions.
 */

/*
 * As enclave_manager_execute_tool(), without waiting. What is given is copied; only
 * `options->output_ctx` and `options->cancel` are needed until the completion was taken, or `ended`
 * called.
 * `user_data` comes back in it untouched. `*ret_ticket` (may be NULL) is never 0 and not used
 * twice. `options->output` is called in a thread of the manager, whose stack is 256 KiB: it has to
 * copy and hand over. `options->ended` saves the way through a loop; who gives it takes completions
 * all the same, for those that were cancelled before they began. Does not block, except for an id
 * that only another manager knows, the first time. Errors: NOTFOUND (sandbox), INVALID, NOMEM; BUSY:
 * the queue is full, or too many completions wait to be taken. All others come with the completion.
 */
ENCLAVE_API int32_t enclave_manager_submit(struct enclave_manager *manager, const char *id,
                                           const char *tool, const char *params,
                                           const struct enclave_execute_options *options,
                                           void *user_data, uint64_t *ret_ticket,
                                           struct enclave_error *err);

/*
 * Lend this thread: run in it the submitted execution whose turn it is, if one waits, and return
 * when that has ended. 0: one was run; how it ended says its completion. For a program with threads
 * of its own: the way from the thread that submits to one of the manager's, and what it costs, is
 * saved when that thread submits with ENCLAVE_EXECUTE_LEND and calls this next. It does not wait for
 * something to run, and may find another's execution, when that one's turn has come: then a thread
 * of the manager is woken for the own one.
 *
 * A promise is to be kept: what was submitted with ENCLAVE_EXECUTE_LEND, and is not come for, may
 * keep others that were from being run, until the next submit.
 *
 * `output` and `ended` are called in this thread, which needs 256 KiB of stack. Errors: NOTFOUND:
 * none waits; BUSY: as many run as `max_executions` says, and when one of these has ended a thread of
 * the manager takes what waits. Blocks; enclave_manager_cancel_ticket() ends what it runs. Must have
 * returned before enclave_manager_free() is called.
 */
ENCLAVE_API int32_t enclave_manager_run_submitted(struct enclave_manager *manager,
                                                  struct enclave_error *err);

/* A descriptor for poll() or epoll that is readable while completions wait. Do not read or close
 * it: it is the manager's, the same each time. IO: no descriptor is to be had. Does not block. */
ENCLAVE_API int32_t enclave_manager_completion_fd(struct enclave_manager *manager, int32_t *ret_fd,
                                                  struct enclave_error *err);

/* How a submitted execution ended: what enclave_manager_execute_tool() would have returned. */
struct enclave_completion {
    uint32_t size; /* ENCLAVE_COMPLETION_INIT sets it */
    int32_t code;  /* 0: there is a result; else what `error` says */
    uint64_t ticket;
    void *user_data;
    struct enclave_result *result; /* the caller's, freed with enclave_result_free() */
    struct enclave_error error;
};

#define ENCLAVE_COMPLETION_INIT                                                                    \
    {                                                                                              \
        sizeof(struct enclave_completion), 0, 0, NULL, NULL, ENCLAVE_ERROR_INIT                    \
    }

/* Take the completion that has waited longest. NOTFOUND: none waits. Does not block. */
ENCLAVE_API int32_t enclave_manager_next_completion(struct enclave_manager *manager,
                                                    struct enclave_completion *ret_completion,
                                                    struct enclave_error *err);

/*
 * Cancel a submitted execution. Its completion still comes: with the code CANCELLED when nothing
 * had run, else with a result, whose cause is `cancelled` if this was in time. NOTFOUND: it has
 * ended already. Does not block.
 */
ENCLAVE_API int32_t enclave_manager_cancel_ticket(struct enclave_manager *manager, uint64_t ticket,
                                                  struct enclave_error *err);

/* -------------------------------------------------------------------------------------- pools */

/* How a sandbox of a pool is given back after each execution. */
enum {
    ENCLAVE_POOL_RESET =
        1, /* nothing of the execution is left in it; where that cannot be, as FRESH */
    ENCLAVE_POOL_FRESH = 2, /* not at all: it is deleted, and a new one made in the background */
    ENCLAVE_POOL_DIRTY = 3  /* as it is */
};

struct enclave_pool_options {
    uint32_t size;                 /* ENCLAVE_POOL_OPTIONS_INIT sets it */
    uint32_t reuse;                /* ENCLAVE_POOL_...; 0: not given, RESET */
    struct enclave_cancel *cancel; /* NULL: making the pool cannot be cancelled */
};

#define ENCLAVE_POOL_OPTIONS_INIT                                                                  \
    {                                                                                              \
        sizeof(struct enclave_pool_options), 0, NULL                                               \
    }

/*
 * Make a pool of `size` sandboxes (at most 1,024) that wait for executions, with status `idle`.
 * `name` has the form of a sandbox's id; NULL: "default". `type`, `config` as for create_sandbox.
 * What is not given (size 0, NULL, no reuse) is taken from the section [pool NAME] of the INI file,
 * where there is one. When the size is 0 there too, nothing is made, which is no error.
 * `*ret_ids_json` (may be NULL): an array of ids. On failure no pool is left. When nothing is given
 * and the pool is there already, waits until it is made, and returns its ids. Errors: as
 * create_sandbox; EXISTS (there is such a pool), BUSY (there are 64 pools).
 */
ENCLAVE_API int32_t enclave_manager_initialize_pool(struct enclave_manager *manager,
                                                    const char *name, uint32_t size,
                                                    const char *type, const char *config,
                                                    const struct enclave_pool_options *options,
                                                    char **ret_ids_json, struct enclave_error *err);

/*
 * Run a tool in a sandbox of a pool (NULL: "default"): the next that is free; who waits longest
 * gets it first. It is `busy` meanwhile, and given back when this returns. One that is gone is not
 * lent but replaced. A pool that the INI file declares is made by its first use. `wait_ms`: how
 * many milliseconds to wait for a free one; -1: an hour; 0: not at all. options->cancel ends the
 * wait too. Errors: as execute_tool; INVALID (there is no such pool), TIMEOUT (none was free in
 * time), CANCELLED (while it waited), STATE (the pool has ended).
 */
ENCLAVE_API int32_t enclave_manager_execute_tool_in_pool(
    struct enclave_manager *manager, const char *name, const char *tool, const char *params,
    const struct enclave_execute_options *options, int64_t wait_ms,
    struct enclave_result **ret_result, struct enclave_error *err);

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
 * object) or "error" (text), "can": [...], "auto_rank": number}; `backend = auto` takes the lowest rank
 * above 0 that works. Takes up to 5 seconds for each that does not answer. */
ENCLAVE_API int32_t enclave_manager_probe(struct enclave_manager *manager, char **ret_json,
                                          struct enclave_error *err);

#ifdef __cplusplus
}
#endif

#endif
