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
    /* Readable once the caller gives up: undo, return CANCELLED. Wait on it only. -1: never. */
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
};

#define ENCLAVE_SPAWN_STDIN (UINT32_C(1) << 0) /* stdin stays open for process_write */

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
 * possibly before `spawn` has returned. They must not block. From inside an event the host may call
 * process_credit, process_write and process_close_stdin of the same process, so no lock that those take
 * may be held; it never releases a process from inside an event. `exit` is the last event: it comes when
 * the process has ended and its streams are closed, or were given up; and it always comes, unless `spawn` failed.
 */
struct enclave_process_events {
    uint32_t size;     /* sizeof(struct enclave_process_events) */
    uint32_t reserved; /* 0 */
    void *ctx;
    /*
     * Output. `data` is borrowed for the call: the host copies what it keeps. The return value, how
     * many bytes are done with, is flow control only; the others are given back by process_credit,
     * which may come at any time until process_release, or never.
     */
    uint64_t (*output)(void *ctx, uint32_t stream, const void *data, uint64_t length);
    /*
     * Stdin has room again, after a process_write that did not take all. Not called from inside
     * process_write. NULL when the process has no stdin to write to.
     */
    void (*writable)(void *ctx);
    void (*exit)(void *ctx, const struct enclave_exit *end);
};

/*
 * The ops. Handles (`backend`, `sandbox`, `process`) are the backend's own pointers. Functions marked
 * mandatory are never NULL; the host answers ENCLAVE_ENOTSUP for others that are.
 *
 * Thread rule: [any-thread] throughout, except that nothing else runs on an object while its
 * close, destroy or process_release does.
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
    /* Mandatory [loader]. Every sandbox has been destroyed. Accepts NULL. */
    void (*close)(void *backend);
    /*
     * Mandatory. Does it work here and now? On success one JSON object for people and programs goes
     * to `report`
     * ({"engine": "Docker 28.2", "address": ..., ...}; it may be NULL); on failure the error says
     * why and what to do. Answers within 5 seconds.
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
     * sandbox before it destroys it.
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
     * started is reported by the `exit` event (127 or 126, its `reason` without the name). `events` is copied; `spawn`
     * and all in it are borrowed for the call. The environment is the image's, then HOME = working_dir,
     * then the configuration's env_vars, then spawn->env. The backend puts the script in place and
     * removes it.
     */
    int32_t (*spawn)(void *sandbox, const struct enclave_spawn *spawn,
                     const struct enclave_process_events *events, void **ret_process,
                     struct enclave_error *err);
    /*
     * Mandatory. Stdin: takes what fits now, `*ret_taken` of `length` (0 is fine); after less than all,
     * `writable` comes when there is room. What the program will never read, because it closed its
     * stdin or ended, is taken and thrown away.
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
     * Optional, all five or none. Files, with the payload's rights; see struct enclave_file_request and
     * the errors at enclave_host.file_read. Each ends with TIMEOUT after request->timeout_ms, and with
     * CANCELLED once cancel_fd (-1: none) is readable: wait on it only, never read or close it.
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
     * Optional, both or none. Archives are tar streams (ustar, GNU or pax on the way in; pax on the way out), not
     * compressed. put_archive unpacks below the directory request->path, which is made when
     * missing; an entry that would leave it, and one that is neither file, directory, symbolic nor
     * hard link, is refused with ENCLAVE_EINVALID. get_archive packs the file or directory at
     * request->path.
     */
    int32_t (*put_archive)(void *sandbox, const struct enclave_file_request *request,
                           int32_t cancel_fd, const struct enclave_source *tar,
                           struct enclave_error *err);
    int32_t (*get_archive)(void *sandbox, const struct enclave_file_request *request,
                           int32_t cancel_fd, const struct enclave_sink *tar,
                           struct enclave_error *err);
};

#ifdef __cplusplus
}
#endif

#endif
