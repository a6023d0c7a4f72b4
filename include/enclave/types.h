/*
 * enclave/types.h - words that the embedding API and the plugin ABI share.
 *
 * Everything here crosses the ABI between libenclave and its plugins, so it is made of fixed-width
 * integers and pointers only, and every struct begins with its size. See ABI.md for the rules.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_TYPES_H
#define ENCLAVE_TYPES_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* States of a sandbox. The words in JSON are the lower-case suffixes ("running"). */
enum {
    ENCLAVE_STATUS_INITIALIZING = 1,
    ENCLAVE_STATUS_RUNNING = 2,
    ENCLAVE_STATUS_IDLE = 3, /* in a pool, waiting */
    ENCLAVE_STATUS_BUSY = 4, /* in a pool, borrowed */
    ENCLAVE_STATUS_STOPPING = 5,
    ENCLAVE_STATUS_STOPPED = 6,
    ENCLAVE_STATUS_ERROR = 7
};

/*
 * How an execution came to its end; a result has exactly one. The words in JSON are the lower-case
 * suffixes ("backend_lost").
 */
enum {
    ENCLAVE_CAUSE_EXITED = 1,       /* the program ended by itself, with an exit code */
    ENCLAVE_CAUSE_SIGNALED = 2,     /* the program died of a signal that was not ours */
    ENCLAVE_CAUSE_TIMEOUT = 3,      /* its time was over; every process it started was ended */
    ENCLAVE_CAUSE_CANCELLED = 4,    /* the caller cancelled; every process it started was ended */
    ENCLAVE_CAUSE_OOM = 5,          /* the kernel killed it: the sandbox was out of memory */
    ENCLAVE_CAUSE_OUTPUT_LIMIT = 6, /* it wrote more than allowed, with on_output_limit = kill */
    ENCLAVE_CAUSE_BACKEND_LOST = 7  /* the sandbox or its engine went away; the end is not known */
};

/* Output streams of a process. */
enum { ENCLAVE_STDOUT = 1, ENCLAVE_STDERR = 2 };

/*
 * What a backend may be able to enforce or offer; bits of a uint64_t. A sandbox that asks for one
 * explicitly, on a backend without it, is refused with ENCLAVE_EUNENFORCED; one that merely has it
 * by default runs, and `metadata.unenforced` names it. The words in JSON, in the order of the bits:
 * "memory_limit", "cpu_limit", "pids_limit", "network_off", "network", "read_only_root",
 * "tmpfs_sizes", "seccomp", "no_new_privileges", "own_uid", "image", "volumes", "ports",
 * "extra_hosts", "privileged", "platform", "runtime", "user", "own_files", "kill_tree".
 */
#define ENCLAVE_CAN_MEMORY (UINT64_C(1) << 0)         /* memory_limit, with no swap beyond it */
#define ENCLAVE_CAN_CPU (UINT64_C(1) << 1)            /* cpu_limit */
#define ENCLAVE_CAN_PIDS (UINT64_C(1) << 2)           /* pids_limit */
#define ENCLAVE_CAN_NETWORK_OFF (UINT64_C(1) << 3)    /* network_enabled = false: none at all */
#define ENCLAVE_CAN_NETWORK (UINT64_C(1) << 4)        /* network_enabled = true, network = NAME */
#define ENCLAVE_CAN_READ_ONLY_ROOT (UINT64_C(1) << 5) /* read_only_root */
#define ENCLAVE_CAN_SIZED_TMPFS (UINT64_C(1) << 6)    /* workdir_size, tmp_size, shm_size */
#define ENCLAVE_CAN_SECCOMP (UINT64_C(1) << 7)        /* a system call filter on payloads */
#define ENCLAVE_CAN_NO_NEW_PRIVS (UINT64_C(1) << 8)   /* no-new-privileges on payloads */
#define ENCLAVE_CAN_OWN_UID (UINT64_C(1) << 9)        /* payloads have a uid other than PID 1's */
#define ENCLAVE_CAN_IMAGE (UINT64_C(1) << 10)         /* image */
#define ENCLAVE_CAN_VOLUMES (UINT64_C(1) << 11)       /* volumes */
#define ENCLAVE_CAN_PORTS (UINT64_C(1) << 12)         /* ports */
#define ENCLAVE_CAN_EXTRA_HOSTS (UINT64_C(1) << 13)   /* extra_hosts */
#define ENCLAVE_CAN_PRIVILEGED (UINT64_C(1) << 14)    /* privileged */
#define ENCLAVE_CAN_PLATFORM (UINT64_C(1) << 15)      /* platform */
#define ENCLAVE_CAN_RUNTIME (UINT64_C(1) << 16)       /* runtime */
#define ENCLAVE_CAN_USER (UINT64_C(1) << 17)          /* user */
#define ENCLAVE_CAN_OWN_FILES (UINT64_C(1) << 18) /* nothing of the host's files is to be seen */
#define ENCLAVE_CAN_KILL_TREE (UINT64_C(1) << 19) /* process_kill gets every process, always */

/*
 * A program that is started once in a sandbox, stays, and forks for each execution, which then
 * costs a fork and not the start of an interpreter. Only a hint: where the backend has no fork
 * servers, the server does not start or has died, or the execution is the first that names it (and
 * would wait longer for the server than for its program), the program itself is started; the
 * outcome is the same by contract. Two executions share a server when `argv` and `env` are equal.
 * What a server has to do is described in docs/plugins.md. Borrowed for the call. Since ABI 1.1.
 */
#define ENCLAVE_FORK_SERVER_EAGER (UINT32_C(1) << 0) /* worth it for the first execution already */

struct enclave_fork_server {
    uint32_t size;  /* sizeof(struct enclave_fork_server) */
    uint32_t flags; /* ENCLAVE_FORK_SERVER_... */
    /* NULL-terminated; argv[0] as in a command, with the PATH that `env` gives it. It runs with rights
     * that payloads do not have, so neither it nor what it reads may come from a payload. */
    const char *const *argv;
    /*
     * NULL-terminated. Its environment is just this: "NAME=value", or "NAME" and "PREFIX*" for what the
     * sandbox's environment has of that name.
     */
    const char *const *env;
};

/* Longest sandbox id, with its NUL. Ids match ^[a-z0-9][a-z0-9_-]{0,62}$. */
#define ENCLAVE_ID_SIZE 64

/*
 * Where bytes go. The owner of the sink fills it in; whoever is handed one calls `write` any number
 * of times, from one thread at a time, before the call it was handed to returns. `data` is borrowed
 * for the call. `write` returns 0, or a negative ENCLAVE_E... code, upon which the writer stops and
 * returns that code.
 */
struct enclave_sink {
    uint32_t size;     /* sizeof(struct enclave_sink) */
    uint32_t reserved; /* 0 */
    void *ctx;         /* the owner's; passed back untouched */
    int32_t (*write)(void *ctx, const void *data, uint64_t length);
};

/*
 * Where bytes come from. `read` fills at most `capacity` bytes of `buffer` and returns how many
 * (more than 0), 0 at the end, or a negative ENCLAVE_E... code, upon which the reader stops and
 * returns it.
 */
struct enclave_source {
    uint32_t size;     /* sizeof(struct enclave_source) */
    uint32_t reserved; /* 0 */
    void *ctx;         /* the owner's; passed back untouched */
    int64_t (*read)(void *ctx, void *buffer, uint64_t capacity);
};

/* Kinds of file in struct enclave_file_info. */
enum {
    ENCLAVE_FILE_REGULAR = 1,
    ENCLAVE_FILE_DIRECTORY = 2,
    ENCLAVE_FILE_SYMLINK = 3,
    ENCLAVE_FILE_OTHER = 4 /* device, FIFO, socket */
};

/* One file of a sandbox, as the sandbox sees it. Strings are borrowed for the call. */
struct enclave_file_info {
    uint32_t size;      /* sizeof(struct enclave_file_info) */
    uint32_t type;      /* ENCLAVE_FILE_... */
    uint32_t mode;      /* permission bits, 07777 */
    uint32_t uid;       /* owner inside the sandbox */
    uint32_t gid;       /* group inside the sandbox */
    uint32_t links;     /* number of hard links */
    uint64_t length;    /* bytes */
    int64_t mtime_s;    /* last change, seconds since the Unix epoch, UTC */
    const char *name;   /* last part of the path; any bytes but NUL and '/' */
    const char *target; /* of a symbolic link, else NULL */
};

/* Receives the entries of a directory, in order of their names. Same rules as enclave_sink. */
struct enclave_entry_sink {
    uint32_t size;     /* sizeof(struct enclave_entry_sink) */
    uint32_t reserved; /* 0 */
    void *ctx;         /* the owner's; passed back untouched */
    int32_t (*entry)(void *ctx, const struct enclave_file_info *info);
};

/*
 * One file operation. Paths are absolute or relative to the sandbox's working directory. The
 * operation runs with the payload's rights, so it can do no more than a program in the sandbox
 * could.
 */
#define ENCLAVE_FILE_FLAG_MKDIRS (UINT32_C(1) << 0)    /* write: make missing parent folders */
#define ENCLAVE_FILE_FLAG_RECURSIVE (UINT32_C(1) << 1) /* remove: a directory with all in it */

struct enclave_file_request {
    uint32_t size;      /* sizeof(struct enclave_file_request) */
    uint32_t flags;     /* ENCLAVE_FILE_FLAG_... */
    const char *path;   /* not empty */
    uint32_t mode;      /* write: permission bits of a new file; 0 means 0644 */
    uint32_t reserved;  /* 0 */
    uint64_t max_bytes; /* of content; more fails with ENCLAVE_ETOOBIG; 0: no limit */
    int64_t timeout_ms; /* 0: none; the operation ends with ENCLAVE_ETIMEOUT */
    /*
     * When not NULL: NULL-terminated lists of absolute directories. The file that the path really
     * leads to, after every symbolic link, must lie in one of `allowed` and in none of `blocked`;
     * otherwise ENCLAVE_EDENIED. It is decided on the opened file, so it cannot be raced.
     */
    const char *const *allowed;
    const char *const *blocked;
};

/*
 * Progress of something slow, such as an image being pulled. Strings are borrowed for the call.
 */
struct enclave_progress {
    uint32_t size;     /* sizeof(struct enclave_progress) */
    uint32_t reserved; /* 0 */
    const char *what;  /* "pull" */
    const char *item;  /* what it is done to: the image's name */
    const char *text;  /* the step, for people: "Downloading"; may be empty */
    uint64_t done;     /* bytes done so far */
    uint64_t total;    /* bytes in all; 0 while not known */
};

/* Called in the thread that made the slow call. Must not call back into the same manager. */
typedef void (*enclave_progress_fn)(void *ctx, const struct enclave_progress *progress);

#ifdef __cplusplus
}
#endif

#endif
