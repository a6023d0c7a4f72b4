/*
 * enclave/plugin.h - what every plugin exports, and what the host offers it.
 *
 * A plugin is a shared object that exports one constant data symbol, `enclave_plugin`:
 *
 *     const struct enclave_plugin enclave_plugin =
 *         ENCLAVE_PLUGIN_INIT(ENCLAVE_PLUGIN_TOOL, "wordcount", "1.0.0", "Count words in a text",
 *                             NULL,                // its options
 *                             &wordcount_ops);     // a struct enclave_tool_ops
 *
 * The host reads it, and may refuse the plugin, before any of its functions has run. The file is
 * called `tool-NAME.so` or `backend-NAME.so`, lies in a configured plugin folder, is a regular file
 * owned by root or by the user, and neither it nor its folder is writable by group or others. A
 * plugin does not link to libenclave: all services come through the `enclave_host` table that
 * `open` receives.
 *
 * Thread rule tags used in these headers:
 *   [any-thread]  may be called by several threads at once, on the same object too
 *   [per-object]  one thread at a time for one object; different objects in parallel
 *   [loader]      called once, alone, while plugins are loaded or unloaded
 * Functions without a tag are [any-thread].
 *
 * See ABI.md for what may change between versions, backend.h and tool.h for the ops.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_PLUGIN_H
#define ENCLAVE_PLUGIN_H

#include "error.h"
#include "types.h"
#include "version.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The bytes "ENCLAVE1" as they lie in memory on a little-endian machine. */
#define ENCLAVE_PLUGIN_MAGIC UINT64_C(0x314556414c434e45)

/* Kinds of plugin; they say what `ops` points to. */
enum {
    ENCLAVE_PLUGIN_BACKEND = 1, /* struct enclave_backend_ops, backend.h */
    ENCLAVE_PLUGIN_TOOL = 2     /* struct enclave_tool_ops, tool.h */
};

/* Types of an option, with the form its value has in the INI file and in JSON. */
enum {
    ENCLAVE_OPTION_STRING = 1,  /* text; a JSON string */
    ENCLAVE_OPTION_INTEGER = 2, /* 42; a JSON integer */
    ENCLAVE_OPTION_BOOLEAN = 3, /* true or false; a JSON boolean */
    ENCLAVE_OPTION_SIZE = 4,    /* bytes: 1048576, 512k, 64m, 2g; a JSON integer */
    ENCLAVE_OPTION_SECONDS = 5, /* 30 or 0.5, not negative; a JSON number */
    ENCLAVE_OPTION_LIST = 6     /* a, b, c; a JSON array of strings */
};

#define ENCLAVE_OPTION_SECRET (UINT32_C(1) << 0) /* never shown: its value is printed as "***" */

/*
 * One option of a plugin. The table ends with an entry whose name is NULL. Options of a backend are
 * set in the section `[backend NAME]`; those of a tool in `[tool NAME]` and, for one sandbox, in
 * its `tools_config`. The host refuses what is not in the table or has the wrong type, fills in the
 * defaults, and hands the values to `open` as one JSON object.
 *
 * The host walks the table in steps of `sizeof(struct enclave_option)` as the plugin was compiled
 * with: the `size` of its first entry.
 */
struct enclave_option {
    uint32_t size;             /* sizeof(struct enclave_option); ENCLAVE_OPTION sets it */
    uint32_t type;             /* ENCLAVE_OPTION_STRING, ... */
    uint32_t flags;            /* ENCLAVE_OPTION_SECRET, ... */
    uint32_t reserved;         /* 0 */
    const char *name;          /* a-z, 0-9, _; NULL ends the table */
    const char *default_value; /* as it would stand in the INI file; NULL: absent unless set */
    const char *help;          /* one line for people, saying unit and meaning */
};

#define ENCLAVE_OPTION(name, type, default_value, help)                                            \
    {                                                                                              \
        (uint32_t)sizeof(struct enclave_option), (type), 0, 0, (name), (default_value), (help)     \
    }
#define ENCLAVE_OPTION_SECRET_STRING(name, help)                                                   \
    {                                                                                              \
        (uint32_t)sizeof(struct enclave_option), ENCLAVE_OPTION_STRING, ENCLAVE_OPTION_SECRET, 0,  \
            (name), NULL, (help)                                                                   \
    }
#define ENCLAVE_OPTION_END                                                                         \
    {                                                                                              \
        (uint32_t)sizeof(struct enclave_option), 0, 0, 0, NULL, NULL, NULL                         \
    }

/* Levels of a log message. */
enum {
    ENCLAVE_LOG_ERROR = 1,
    ENCLAVE_LOG_WARNING = 2,
    ENCLAVE_LOG_INFO = 3,
    ENCLAVE_LOG_DEBUG = 4
};

/* Defined in tool.h. */
struct enclave_call;
struct enclave_call_info;
struct enclave_command;
struct enclave_outcome;

/*
 * What the host offers. It lives as long as the object that `open` returns; keep the pointer. Read
 * `size` before using a member that a later minor version added. All functions are [any-thread].
 */
struct enclave_host {
    uint32_t size;           /* sizeof(struct enclave_host) as the host was compiled */
    uint32_t abi_minor;      /* the host's ENCLAVE_ABI_MINOR */
    void *ctx;               /* pass it back as the first argument of log and extension */
    const char *plugin_path; /* absolute path of this plugin's file */
    const char *instance;    /* name of the manager's instance; unique in this process */

    /* One line for the log of the embedding program. Not for what is also returned as an error. */
    void (*log)(void *ctx, uint32_t level, const char *message);

    /* A table of optional services ("enclave.NAME/VERSION"); NULL when the host has none of it. */
    const void *(*extension)(void *ctx, const char *id);

    /*
     * For tools. `call` is what `execute` received; it ends when `execute` returns. These functions
     * block, observe the deadline and the cancellation of the call, and apply its output limits. A
     * sink or source that they are given must not use the same call. A second `run` of the same
     * call waits for the first, and its output replaces that of the first in the result.
     */

    /* Facts about the call. The caller sets ret->size. */
    int32_t (*get_call_info)(struct enclave_call *call, struct enclave_call_info *ret,
                             struct enclave_error *err);

    /*
     * Run a command in the sandbox and wait for its end. What it writes streams to the caller and
     * becomes the output and error of the result, unless the command names sinks of its own.
     * Returns 0 whenever the program's end is known, with `*ret` filled in: also when it could not
     * be started (exit code 127 or 126, as a shell would say), and when it was ended for time, by
     * the caller or for its output: then ret->cause says so, and `execute` has to return 0 at once.
     * When as many commands as the sandbox has room for are running, it waits for its turn, within
     * its timeout. An error when it could not be attempted at all. `ret` may be NULL; otherwise the
     * caller sets ret->size.
     */
    int32_t (*run)(struct enclave_call *call, const struct enclave_command *command,
                   struct enclave_outcome *ret, struct enclave_error *err);

    /*
     * File operations; see struct enclave_file_request. stat calls `to` once, list once for each
     * file. Errors: NOTFOUND, DENIED, INVALID (a directory to read, a file to list, ...), TOOBIG,
     * EXISTS (to remove: a directory that is not empty), TIMEOUT and CANCELLED (return them from
     * `execute`), NOTSUP (by the backend), LOST.
     */
    int32_t (*file_read)(struct enclave_call *call, const struct enclave_file_request *request,
                         const struct enclave_sink *to, struct enclave_error *err);
    int32_t (*file_write)(struct enclave_call *call, const struct enclave_file_request *request,
                          const struct enclave_source *from, struct enclave_error *err);
    int32_t (*file_stat)(struct enclave_call *call, const struct enclave_file_request *request,
                         const struct enclave_entry_sink *to, struct enclave_error *err);
    int32_t (*file_list)(struct enclave_call *call, const struct enclave_file_request *request,
                         const struct enclave_entry_sink *to, struct enclave_error *err);
    int32_t (*file_remove)(struct enclave_call *call, const struct enclave_file_request *request,
                           struct enclave_error *err);

    /*
     * The result. Without these calls it is made of the last `run`: its output, its error stream or
     * a sentence about its end, success for exit code 0. Texts are copied; later calls replace
     * earlier ones.
     */

    /* Set the output; the streaming callback sees it too. Subject to the output limit. */
    int32_t (*set_output)(struct enclave_call *call, const void *data, uint64_t length,
                          struct enclave_error *err);
    /* The tool ran and failed: status "error" with this text. Not for failures of the machinery,
     * which `execute` returns as its own error. */
    int32_t (*set_error)(struct enclave_call *call, const char *text, struct enclave_error *err);
    /* One member of the result's metadata; `value` is JSON text. */
    int32_t (*set_metadata)(struct enclave_call *call, const char *key, const char *value,
                            struct enclave_error *err);
};

/* The one symbol of a plugin. Constant; read by the host before anything in the plugin runs. */
struct enclave_plugin {
    uint64_t magic;       /* ENCLAVE_PLUGIN_MAGIC */
    uint32_t size;        /* sizeof(struct enclave_plugin) */
    uint16_t abi_major;   /* ENCLAVE_ABI_MAJOR it was compiled with */
    uint16_t abi_minor;   /* ENCLAVE_ABI_MINOR it was compiled with */
    uint16_t needs_minor; /* smallest minor of a host it can work with; usually 0 */
    uint16_t kind;        /* ENCLAVE_PLUGIN_BACKEND or ENCLAVE_PLUGIN_TOOL */
    uint32_t flags;       /* 0 */
    const char *name;     /* ^[a-z][a-z0-9_-]{0,62}$, the same as in the file's name */
    const char *version;  /* the plugin's own: "1.0.0" */
    const char *summary;  /* one line for people */
    const struct enclave_option *options; /* NULL: it has none */
    const void *ops;                      /* by kind; never NULL */
};

#define ENCLAVE_PLUGIN_HEADER(kind)                                                                \
    ENCLAVE_PLUGIN_MAGIC, (uint32_t)sizeof(struct enclave_plugin), ENCLAVE_ABI_MAJOR,              \
        ENCLAVE_ABI_MINOR, 0, (kind), 0

/* The whole initialiser, in C and C++ alike. */
#define ENCLAVE_PLUGIN_INIT(kind, name, version, summary, options, ops)                            \
    {                                                                                              \
        ENCLAVE_PLUGIN_HEADER(kind), (name), (version), (summary), (options), (ops)                \
    }

#if defined(__GNUC__)
#define ENCLAVE_PLUGIN_EXPORT __attribute__((visibility("default")))
#else
#define ENCLAVE_PLUGIN_EXPORT
#endif

/* Declared so that a plugin's definition is checked against it, and exported whatever the flags. */
ENCLAVE_PLUGIN_EXPORT extern const struct enclave_plugin enclave_plugin;

#ifdef __cplusplus
}
#endif

#endif
