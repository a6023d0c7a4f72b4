/*
 * protocol.h - what the backend and its launcher say to each other, over a SOCK_SEQPACKET pair.
 *
 * The launcher begins with one `launcher_hello`. From then on only the backend speaks: it sends
 * requests, and is answered by descriptors. Whatever there is to say about a sandbox (why bwrap
 * could not make it) goes into the sandbox's pipe, and the end of that pipe says that all of the
 * sandbox is gone: its processes, and its cgroup.
 *
 * Both sides are built together and of one machine, so structs go as they are.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_BUBBLEWRAP_PROTOCOL_H
#define ENCLAVE_BUBBLEWRAP_PROTOCOL_H

#include <stdint.h>

#define LAUNCHER_MAGIC UINT32_C(0x3142574c)

/* What the launcher finds open: the socket, and a pidfd of the manager's process. */
#define LAUNCHER_SOCKET_FD 3
#define LAUNCHER_MANAGER_FD 4

#define LAUNCHER_MESSAGE_MAX 131072
#define LAUNCHER_FDS_MAX 64
#define LAUNCHER_ARGS_MAX 8192

struct launcher_hello {
    uint32_t magic;
    uint32_t is_root;        /* of the host: it can map uids as it likes, and has to */
    uint32_t cgroup_version; /* 0: sandboxes get no cgroup */
    uint32_t memory;         /* these are 0 or 1: what a sandbox's cgroup can limit */
    uint32_t swap;
    uint32_t cpu;
    uint32_t pids;
};

enum {
    /*
     * Start bwrap. The request is followed by `argc` strings, each with its NUL; before the one whose number is
     * `cgroup_at` (unless 0) come the mounts of the sandbox's cgroup. Descriptors: the agent's end of its stream, the pipe's
     * end for writing, and others, which the program finds as 3, 4, ...
     */
    LAUNCHER_START = 1,
    LAUNCHER_KILL = 2 /* end everything of `token`; nothing happens when it is gone */
};

struct launcher_request {
    uint32_t type;
    uint32_t argc;
    uint64_t token; /* the sandbox; the backend gives none twice */
    /*
     * With `is_root`: bwrap becomes root of a user namespace in which 0 is really `agent_id`, and
     * `uid` and `gid` (unless 0) are what they are outside.
     */
    uint32_t agent_id;
    uint32_t uid;
    uint32_t gid;
    uint32_t cgroup_at;
    uint64_t memory; /* bytes; these three are 0 where there is no such limit */
    uint64_t pids;
    uint64_t cpu_quota_us; /* of cpu_period_us */
    uint64_t cpu_period_us;
};

/* Gids by which the agent tells executions apart: these are mapped as they are. Nobody has them. */
#define LAUNCHER_GIDS_FIRST (UINT32_C(1) << 30)
#define LAUNCHER_GIDS_COUNT (UINT32_C(1) << 29)

#endif
