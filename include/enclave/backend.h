/*
 * enclave/backend.h - writing a backend: a place where sandboxes live.
 *
 * A backend makes and ends sandboxes, spawns processes in them, and moves files. Deadlines, output
 * limits, tools and results are the core's, written once on top of `spawn`. docs/plugins.md has more.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_BACKEND_H
#define ENCLAVE_BACKEND_H

#include "plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A sandbox to make. Borrowed for the call of `create`. */
struct enclave_sandbox_spec {
    uint32_t size; /* sizeof(struct enclave_sandbox_spec) */
    /* Readable once the caller gives up: undo, return CANCELLED. Only wait on it. -1: never. */
    int32_t cancel_fd;
    const char *id; /* ^[a-z0-9][a-z0-9_-]{0,62}$, unique in the manager */
    /*
     * The sandbox's configuration: a JSON object with every field of docs/configuration.md. Sizes are
     * strings as "512m"; a field that is not set and has no default is null. `working_dir` is to exist
     * at exactly that path: tools rely on it.
     */
    const char *config;
    /* ENCLAVE_CAN_... bits that the caller asked for explicitly. They are enforced or `create`
     * fails. */
    uint64_t explicit_bits;
    enclave_progress_fn progress; /* for an image pull; NULL: nobody watches */
    void *progress_ctx;
    /*
     * 0: the sandbox ends with the manager, however that ends. Otherwise it outlives it by so many
     * milliseconds, and then ends by itself, unless a manager of the same instance has adopted it.
     * Always 0 for a backend without `adopt`. Since 1.2
     */
    uint32_t lease_ms;
    uint32_t reserved; /* 0 */
    /* These three for backends with execute_tool; NULL for others. Since 1.3. */
    /* What of `config` was asked for, by the caller or the INI file: a JSON object. The other
     * manager has defaults of its own. */
    const char *requested;
    const char *type;        /* the caller's, when it is not the name of this backend; else NULL */
    const char *request_key; /* the caller's, or NULL */
};

/* What `create` tells about the sandbox it made. The host sets `size` and `metadata`. */
struct enclave_sandbox_facts {
    uint32_t size;     /* sizeof(struct enclave_sandbox_facts) */
    uint32_t reserved; /* 0 */
    /*
     * ENCLAVE_CAN_... bits, not explicit, that turned out not enforceable for this sandbox. The host
     * adds those that `capabilities` lacks.
     */
    uint64_t unenforced;
    const struct enclave_sink *metadata; /* takes one JSON object, or nothing */
    /* For backends with execute_tool: the id that it has instead of spec->id; "": spec->id. Since
     * 1.3 */
    char id[ENCLAVE_ID_SIZE];
};

/* A sandbox of a manager that is gone. Borrowed for the call of `found`. Since 1.2 */
struct enclave_adopted {
    uint32_t size;     /* sizeof(struct enclave_adopted) */
    uint32_t reserved; /* 0 */
    const char *id;
    void *sandbox;     /* the handle, as from `create` */
    const void *state; /* what set_state() was given last */
    uint64_t state_length;
};

/* What `adopt` is given. Borrowed for the call. Since 1.2 */
struct enclave_adoption {
    uint32_t size;     /* sizeof(struct enclave_adoption) */
    uint32_t lease_ms; /* as in struct enclave_sandbox_spec */
    void *ctx;
    /* [any-thread] Called once for each sandbox while `adopt` runs. 0: the host has the handle now.
     * Otherwise the backend deletes the sandbox and frees the handle. */
    int32_t (*found)(void *ctx, const struct enclave_adopted *adopted);
};

/*
 * host->extension(host->ctx, ENCLAVE_RECLAIMED), since 1.3: where `tidy` tells what it has
 * removed, then or later, for the log and the statistics.
 */
#define ENCLAVE_RECLAIMED "enclave.reclaimed/1"
struct enclave_reclaimed {
    uint32_t size;     /* sizeof(struct enclave_reclaimed) as the host was compiled */
    uint32_t reserved; /* 0 */
    /* [any-thread] A sandbox of an owner that is gone was removed. `ctx` is host->ctx; `id` is what
     * the sandbox was called, as far as that is known. */
    void (*owner_gone)(void *ctx, const char *id);
};

#define ENCLAVE_SPAWN_STDIN (UINT32_C(1) << 0) /* stdin stays open for process_write */
/* `adopt` and `detach` do not end it, but nobody hears of it after them. Since 1.2 */
#define ENCLAVE_SPAWN_STAYS (UINT32_C(1) << 1)

/*
 * A process to start. Same meanings as in struct enclave_command (tool.h). Borrowed for the call.
 */
struct enclave_spawn {
    uint32_t size;  /* sizeof(struct enclave_spawn) */
    uint32_t flags; /* ENCLAVE_SPAWN_... */
    const char *const *argv;
    const char *const *env;
    const char *cwd;
    const char *script_name;
    const void *script_data;
    uint64_t script_length;
    uint32_t script_index;
    /* Bytes of each stream that may be under way before `output` or process_credit takes them. A
     * writer past it blocks. At least 4096. */
    uint32_t window;
    const struct enclave_fork_server *fork_server; /* NULL: none. Since 1.1 */
};

/* How a process ended, in struct enclave_exit. */
enum {
    ENCLAVE_EXIT_EXITED = 1,   /* `code` */
    ENCLAVE_EXIT_SIGNALED = 2, /* `signal` */
    ENCLAVE_EXIT_LOST = 3 /* the sandbox was stopped or went away; `reason` says what is known */
};

#define ENCLAVE_EXIT_FLAG_KILLED                                                                   \
    (UINT32_C(1) << 0)                           /* process_kill ended it, or what was left of it */
#define ENCLAVE_EXIT_FLAG_OOM (UINT32_C(1) << 1) /* SIGKILL by the kernel's out-of-memory killer */
#define ENCLAVE_EXIT_FLAG_FORKED (UINT32_C(1) << 2) /* a fork server's child. Since 1.1 */

/* Members that do not apply, and numbers that are not known, are 0. */
struct enclave_exit {
    uint32_t size;      /* sizeof(struct enclave_exit) */
    uint32_t how;       /* ENCLAVE_EXIT_EXITED, ... */
    int32_t code;       /* exit code; 127 or 126 when the program could not be started */
    int32_t signal;     /* signal number */
    uint32_t flags;     /* ENCLAVE_EXIT_FLAG_... */
    uint32_t oom_kills; /* processes of the sandbox killed for lack of memory meanwhile */
    int64_t cpu_us; /* user and system time of the main process and the children it waited for */
    uint64_t peak_memory; /* largest resident set of one of those processes, bytes */
    const char *reason;   /* one line; NULL when there is nothing to say. Borrowed for the call. */
};

/*
 * What happens to a process. Called by a thread of the backend, one at a time for one process, and
 * possibly before `spawn` has returned. The host's functions do not block. From inside an event the
 * host may call process_credit, process_write and process_close_stdin of the same process, so the
 * backend must hold no lock that those take; it never releases a process from inside an event.
 * `exit` is the last event: it comes when the process has ended and its streams are closed, or were
 * given up; and it always comes, unless `spawn` failed.
 */
struct enclave_process_events {
    uint32_t size;     /* sizeof(struct enclave_process_events) */
    uint32_t reserved; /* 0 */
    void *ctx;
    /*
     * Output. `data` is borrowed for the call: the host copies what it keeps. The return value, how
     * many bytes are done with (no longer count for `window`), is flow control only; the rest is
     * given back by process_credit, which may come at any time until process_release, or never.
     */
    uint64_t (*output)(void *ctx, uint32_t stream, const void *data, uint64_t length);
    /*
     * Stdin has room again, after a process_write that did not take all. Not called from inside
     * process_write. NULL when the process has no stdin to write to.
     */
    void (*writable)(void *ctx);
    void (*exit)(void *ctx, const struct enclave_exit *end);
};

/* How an execution elsewhere ended. The members are those of struct enclave_result (enclave.h).
 * Borrowed for the call of `result`. Since 1.3 */
struct enclave_tool_result {
    uint32_t size;   /* sizeof(struct enclave_tool_result) */
    uint32_t status; /* ENCLAVE_RESULT_... */
    uint32_t cause;  /* ENCLAVE_CAUSE_... */
    int32_t exit_code;
    int32_t signal;
    uint32_t truncated;
    const void *output; /* as the program wrote it; need not be UTF-8 */
    uint64_t output_length;
    const void *error; /* NULL: none */
    uint64_t error_length;
    const char *metadata; /* a JSON object; NULL: {} */
    uint64_t stdout_bytes;
    uint64_t stderr_bytes;
    int64_t started_at_us;
    int64_t wall_us;
    int64_t cpu_us;
    uint64_t peak_memory;
};

/* An execution of a tool where the sandbox is. Borrowed for the call of `execute_tool`. Since 1.3 */
struct enclave_tool_call {
    uint32_t size; /* sizeof(struct enclave_tool_call) */
    /* Readable once the caller gives up: cancel it there, and tell how it ended. Only wait on it.
     * -1: never. */
    int32_t cancel_fd;
    const char *tool;
    const char *params;       /* a JSON object, not checked against the tool's schema */
    const char *execution_id; /* never NULL */
    int64_t timeout_ms;       /* the request's; 0: none; -1: not given */
    const void *stdin_data;   /* NULL: nothing */
    uint64_t stdin_length;
    void *ctx;
    /* Output as it comes, in the thread that called execute_tool; NULL: only the result. When it
     * returns other than 0 the caller gives up: as with cancel_fd. */
    int32_t (*output)(void *ctx, uint32_t stream, const void *data, uint64_t length);
    /* In the same thread. When it returns other than 0, execute_tool returns that. */
    int32_t (*result)(void *ctx, const struct enclave_tool_result *result);
};

/*
 * The ops. Handles (`backend`, `sandbox`, `process`) are the backend's own pointers. Functions
 * marked mandatory are never NULL (with execute_tool some may be: see there); for others that are
 * NULL the host answers ENCLAVE_ENOTSUP.
 *
 * Thread rule: [any-thread] throughout, except that nothing else runs on an object while its close,
 * destroy or process_release does.
 */
struct enclave_backend_ops {
    uint32_t size; /* sizeof(struct enclave_backend_ops) */
    /* Place in the order that `backend = auto` tries: lowest first; 0 or less: never automatic. */
    int32_t auto_rank;

    /*
     * Mandatory [loader]. Take the options (a JSON object, the option table with defaults applied). Cheap:
     * does not talk to an engine, so that a manager can be made before its engine runs.
     */
    int32_t (*open)(const struct enclave_host *host, const char *options, void **ret_backend,
                    struct enclave_error *err);
    /* Mandatory [loader]. Every sandbox has been destroyed. Accepts NULL. The plugin may be
     * unloaded after it, so no thread of its own is left. */
    void (*close)(void *backend);
    /*
     * Mandatory. Does it work here and now? On success one JSON object for people and programs goes
     * to `report` (which may be NULL): {"engine": "Docker 28.2", "address": ..., ...}. On failure
     * the error says why and what to do. Answers within 5 seconds.
     */
    int32_t (*probe)(void *backend, const struct enclave_sink *report, struct enclave_error *err);
    /* Mandatory. What can be enforced and offered here: ENCLAVE_CAN_... bits. May ask the engine.
     */
    int32_t (*capabilities)(void *backend, uint64_t *ret_bits, struct enclave_error *err);

    /*
     * Mandatory. Make a sandbox and start it; blocks until it is ready. What it was told to enforce
     * has been read back from inside. On failure nothing is left behind.
     */
    int32_t (*create)(void *backend, const struct enclave_sandbox_spec *spec,
                      struct enclave_sandbox_facts *facts, void **ret_sandbox,
                      struct enclave_error *err);
    /*
     * Mandatory. End everything in the sandbox. Its processes get their `exit` events (LOST), at the
     * latest soon after it returns; later ops on it fail with STATE or LOST. With
     * `remove_on_exit` (the default) nothing is left of it. Stopping twice is no error: the host stops a
     * sandbox before it destroys it (with execute_tool only when something in it is under way).
     */
    int32_t (*stop)(void *sandbox, struct enclave_error *err);
    /*
     * Mandatory. Stop it, remove it and free the handle, which is gone even when an error is
     * returned. Every process handle has been released.
     */
    int32_t (*destroy)(void *sandbox, struct enclave_error *err);
    /* Mandatory. ENCLAVE_STATUS_RUNNING, _STOPPED or _ERROR, from memory: does not block. */
    uint32_t (*status)(void *sandbox);

    /*
     * Mandatory. Start a process and return without waiting for it. A program that cannot be
     * started is reported by the `exit` event (127 or 126, with a `reason` that does not name it).
     * `events` is copied; `spawn` and all in it are borrowed for the call. The environment is the
     * image's, then HOME = working_dir, then the configuration's env_vars, then spawn->env. The
     * backend puts the script in place and removes it.
     */
    int32_t (*spawn)(void *sandbox, const struct enclave_spawn *spawn,
                     const struct enclave_process_events *events, void **ret_process,
                     struct enclave_error *err);
    /*
     * Mandatory. Stdin: takes what fits now, `*ret_taken` of `length` (0 is fine), without waiting;
     * after less than all, `writable` comes when there is room. What the program will never read,
     * because it closed its stdin or ended, is taken and thrown away.
     */
    int32_t (*process_write)(void *process, const void *data, uint64_t length, uint64_t *ret_taken,
                             struct enclave_error *err);
    /* Mandatory. End of stdin. */
    int32_t (*process_close_stdin)(void *process, struct enclave_error *err);
    /* Mandatory. `length` more bytes of output of `stream` are done with. */
    void (*process_credit)(void *process, uint32_t stream, uint64_t length);
    /* Mandatory. Send a signal to the main process; nothing happens when it has ended. */
    int32_t (*process_signal)(void *process, int32_t signal, struct enclave_error *err);
    /*
     * Mandatory. End the process and every process that it started, whatever they did to get away.
     * Returns at once; `exit`, with ENCLAVE_EXIT_FLAG_KILLED, comes when none is left, within 10 seconds.
     * Nothing happens when it has ended.
     */
    int32_t (*process_kill)(void *process, struct enclave_error *err);
    /* Mandatory. Free the handle, after `exit`. */
    void (*process_release)(void *process);

    /*
     * Optional, all five or none. Files, with the payload's rights; see struct enclave_file_request
     * and the errors at enclave_host.file_read. Each ends with TIMEOUT after request->timeout_ms,
     * and with CANCELLED once cancel_fd (-1: none) is readable: only wait on it, never read or
     * close it.
     */
    int32_t (*file_read)(void *sandbox, const struct enclave_file_request *request,
                         int32_t cancel_fd, const struct enclave_sink *to,
                         struct enclave_error *err);
    int32_t (*file_write)(void *sandbox, const struct enclave_file_request *request,
                          int32_t cancel_fd, const struct enclave_source *from,
                          struct enclave_error *err);
    int32_t (*file_stat)(void *sandbox, const struct enclave_file_request *request,
                         int32_t cancel_fd, const struct enclave_entry_sink *to,
                         struct enclave_error *err);
    int32_t (*file_list)(void *sandbox, const struct enclave_file_request *request,
                         int32_t cancel_fd, const struct enclave_entry_sink *to,
                         struct enclave_error *err);
    int32_t (*file_remove)(void *sandbox, const struct enclave_file_request *request,
                           int32_t cancel_fd, struct enclave_error *err);

    /*
     * Optional, both or none. As files above. Archives are tar streams (ustar, GNU or pax on the
     * way in; pax on the way out), not compressed. put_archive unpacks below the directory
     * request->path, which is made when missing; an entry that would leave it, and one that is
     * neither file, directory, symbolic nor hard link, is refused with ENCLAVE_EINVALID.
     * get_archive packs the file or directory at request->path.
     */
    int32_t (*put_archive)(void *sandbox, const struct enclave_file_request *request,
                           int32_t cancel_fd, const struct enclave_source *tar,
                           struct enclave_error *err);
    int32_t (*get_archive)(void *sandbox, const struct enclave_file_request *request,
                           int32_t cancel_fd, const struct enclave_sink *tar,
                           struct enclave_error *err);

    /*
     * Optional, since 1.2. Bring a sandbox that runs back to how `create` left it, for somebody
     * else to use: no process of a payload is left, nothing that one wrote, no kernel object that
     * outlives processes; fork servers are made anew. Never called for a sandbox whose root or a
     * volume can be written, that is privileged, whose `user` is 0, or that has a `command`.
     * Processes under way get their `exit` events. NOTSUP when something in it can be written that
     * would stay; after any error the host gives the sandbox up. Answers within 15 seconds.
     */
    int32_t (*reset)(void *sandbox, struct enclave_error *err);

    /*
     * Optional, since 1.2. Remove what owners that are gone for certain have left behind in the
     * engine, and try once more what could not be removed before. Called when a manager starts and
     * at each sweep. Does not block: the work is done in the background, and told to the host's
     * ENCLAVE_RECLAIMED.
     */
    void (*tidy)(void *backend);

    /*
     * Optional, all three or none (of a backend with execute_tool: `detach`), since 1.2: sandboxes
     * that outlive their manager.
     *
     * adopt: find the sandboxes that run, have a lease, and belong to host->instance on this
     * machine; no other manager of that instance lives. The processes that the old manager started
     * are ended first, but for those with ENCLAVE_SPAWN_STAYS. What cannot be taken over is
     * deleted. An error when it is not known which sandboxes there are; those found before it stay
     * found.
     */
    int32_t (*adopt)(void *backend, const struct enclave_adoption *adoption,
                     struct enclave_error *err);
    /* Keep a copy of this with the sandbox for whoever adopts it, in place of what was kept before.
     * At most 64 KiB (TOOBIG). Payloads cannot see it. */
    int32_t (*set_state)(void *sandbox, const void *data, uint64_t length,
                         struct enclave_error *err);
    /* Let go of a sandbox with a lease, which goes on. Its processes get their `exit` events
     * (LOST). Then the host calls `destroy`, which only frees the handle. */
    int32_t (*detach)(void *sandbox, struct enclave_error *err);

    /*
     * Optional, all five or none, since 1.3: a backend whose sandboxes are another manager's, where
     * the tools run too. With them `spawn` and process_... may be NULL, and `detach` is mandatory,
     * also for sandboxes without a lease, and never fails. The backend's errors are the other
     * manager's: the host passes them on as they are, so a message has to say by itself what was
     * attempted. The host neither counts ages nor adopts: that is for the other manager. `status`
     * is STOPPED or ERROR once an answer has told so.
     *
     * execute_tool: run one, wait for its end, call `call->result` once, return 0. Errors are those
     * of enclave_manager_execute_tool(); when the connection breaks and the tool may have run,
     * LOST. It returns soon after `stop` was called, even if that failed, and soon after `detach`:
     * with LOST when no more is known.
     */
    int32_t (*execute_tool)(void *sandbox, const struct enclave_tool_call *call,
                            struct enclave_error *err);
    /* The tools enabled in it: a JSON object, name -> OpenAI function schema. */
    int32_t (*list_tools)(void *sandbox, const struct enclave_sink *to, struct enclave_error *err);
    /* What enclave_manager_get_sandbox_info() gives of it there, asked for now: a JSON object.
     * NOTFOUND from this, and from other ops that name no tool or file, means that the sandbox is
     * gone. */
    int32_t (*info)(void *sandbox, const struct enclave_sink *to, struct enclave_error *err);
    /*
     * A handle for a sandbox that this manager did not make; NOTFOUND when there is none. The host
     * lets go of it with `detach` and `destroy`, unless it is told to delete the sandbox.
     */
    int32_t (*lookup)(void *backend, const char *id, void **ret_sandbox, struct enclave_error *err);
    /* The sandboxes that the other manager shows us, in a state (ENCLAVE_STATUS_...), or all for 0:
     * a JSON array of what `info` gives. */
    int32_t (*list)(void *backend, uint32_t status, const struct enclave_sink *to,
                    struct enclave_error *err);
    /* Each optional, since 1.3, for such backends only: the other manager's keep_alive; its sweep,
     * a JSON array as from enclave_manager_sweep(); its statistics, a JSON object as from
     * enclave_manager_get_stats(). */
    int32_t (*keep_alive)(void *sandbox, int64_t seconds, struct enclave_error *err);
    int32_t (*sweep)(void *backend, const struct enclave_sink *to, struct enclave_error *err);
    int32_t (*stats)(void *backend, const struct enclave_sink *to, struct enclave_error *err);

    /*
     * Optional, since 1.4. The manager ends: called once, in the thread that ends it, before its
     * sandboxes are deleted, while other ops are under way in other threads and more are to come
     * (stop, delete, detach); also when there never was a sandbox. Does not block. From here on the
     * backend bounds, by a time that it documents, what is under way and what it is still asked, all
     * of it together; what is not done by then fails.
     */
    void (*ending)(void *backend);
};

#ifdef __cplusplus
}
#endif

#endif
