/*
 * enclave/backend.h - writing a backend: a place where sandboxes live.
 *
 * A backend makes and ends sandboxes, spawns processes in them, and moves files. Deadlines, output
 * limits, tools and results are the core's, written once on top of `spawn`. A new backend is done
 * when it passes the conformance suite (docs/).
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
    uint32_t size;     /* sizeof(struct enclave_sandbox_spec) */
    int32_t cancel_fd; /* becomes readable when the caller gives up: stop, undo, return CANCELLED;
                          -1: never */
    const char *id;    /* ^[a-z0-9][a-z0-9_-]{0,62}$, unique in the manager */
    /* The sandbox's configuration with all defaults filled in: a JSON object,
     * docs/configuration.md. */
    const char *config;
    /* ENCLAVE_CAN_... bits that the caller asked for explicitly. They are enforced or `create`
     * fails. */
    uint64_t explicit_bits;
    enclave_progress_fn progress; /* for an image pull; NULL: nobody watches */
    void *progress_ctx;
};

/* What `create` tells about the sandbox it made. Filled in by the backend; the caller sets `size`.
 */
struct enclave_sandbox_facts {
    uint32_t size;     /* sizeof(struct enclave_sandbox_facts) */
    uint32_t reserved; /* 0 */
    uint64_t
        unenforced; /* ENCLAVE_CAN_... bits, not explicit, that turned out not enforceable here */
    const struct enclave_sink
        *metadata; /* set by the caller: receives one JSON object, or nothing */
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
    ENCLAVE_EXIT_LOST = 3 /* the sandbox or its engine went away; `reason` says what is known */
};

#define ENCLAVE_EXIT_KILLED (UINT32_C(1) << 0) /* process_kill ended it, or what was left of it */
#define ENCLAVE_EXIT_OOM (UINT32_C(1) << 1)    /* SIGKILL by the kernel's out-of-memory killer */

struct enclave_exit {
    uint32_t size;        /* sizeof(struct enclave_exit) */
    uint32_t how;         /* ENCLAVE_EXIT_... */
    int32_t code;         /* exit code; 127 or 126 when the program could not be started */
    int32_t signal;       /* signal number */
    uint32_t flags;       /* ENCLAVE_EXIT_KILLED, ENCLAVE_EXIT_OOM */
    uint32_t oom_kills;   /* processes of the sandbox killed for lack of memory meanwhile */
    int64_t cpu_us;       /* user and system time */
    uint64_t peak_memory; /* bytes */
    const char *reason;   /* one line; NULL when there is nothing to say. Borrowed for the call. */
};

/*
 * What happens to a process. Called by a thread of the backend, one at a time for one process, and
 * possibly before `spawn` has returned. They must not block and must not call back into the backend
 * for this process, except process_credit and process_write. `exit` is the last one: it comes when
 * the process has ended and its streams are closed, and it always comes, unless `spawn` failed.
 */
struct enclave_process_events {
    uint32_t size;     /* sizeof(struct enclave_process_events) */
    uint32_t reserved; /* 0 */
    void *ctx;
    /* Output. Returns how many bytes are done with; the others are given back by process_credit. */
    uint64_t (*output)(void *ctx, uint32_t stream, const void *data, uint64_t length);
    /* Stdin has room again. NULL when the process has no stdin to write to. */
    void (*writable)(void *ctx);
    void (*exit)(void *ctx, const struct enclave_exit *end);
};

/*
 * The ops. Handles (`backend`, `sandbox`, `process`) are the backend's own pointers. Functions
 * marked mandatory are never NULL; the host answers ENCLAVE_ENOTSUP for others that are.
 *
 * Thread rule: [any-thread] throughout, except that nothing else runs on an object while its
 * close, destroy or process_release does.
 */
struct enclave_backend_ops {
    uint32_t size; /* sizeof(struct enclave_backend_ops) */
    /* Place in the order that `backend = auto` tries: lowest first; 0 or less: never automatic. */
    int32_t auto_rank;

    /*
     * Mandatory. Take the options (a JSON object, the option table with defaults applied). Cheap:
     * does not talk to an engine, so that a manager can be made before its engine runs.
     */
    int32_t (*open)(const struct enclave_host *host, const char *options, void **ret_backend,
                    struct enclave_error *err);
    /* Mandatory. Every sandbox has been destroyed. Accepts NULL. */
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
     * Mandatory. End everything in the sandbox; its processes get their `exit` events. With
     * `remove_on_exit` (the default) nothing is left of it. Stopping twice is no error.
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
     * started is reported by the `exit` event (127 or 126, with a reason). `events` is copied.
     */
    int32_t (*spawn)(void *sandbox, const struct enclave_spawn *spawn,
                     const struct enclave_process_events *events, void **ret_process,
                     struct enclave_error *err);
    /* Mandatory. Stdin: takes what fits now, `*ret_taken` of `length`; `writable` comes when more
     * does. */
    int32_t (*process_write)(void *process, const void *data, uint64_t length, uint64_t *ret_taken,
                             struct enclave_error *err);
    /* Mandatory. End of stdin. */
    int32_t (*process_close_stdin)(void *process, struct enclave_error *err);
    /* Mandatory. `length` more bytes of output of `stream` are done with. */
    void (*process_credit)(void *process, uint32_t stream, uint64_t length);
    /* Mandatory. Send a signal to the main process. */
    int32_t (*process_signal)(void *process, int32_t signal, struct enclave_error *err);
    /*
     * Mandatory. End the process and every process that it started, whatever they did to get away.
     * Returns at once; `exit` comes when none is left.
     */
    int32_t (*process_kill)(void *process, struct enclave_error *err);
    /* Mandatory. Free the handle, after `exit`. */
    void (*process_release)(void *process);

    /* Optional, as a group. Files, with the payload's rights; see struct enclave_file_request. */
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
     * Optional. Archives are tar streams (ustar, GNU or pax on the way in; pax on the way out), not
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
