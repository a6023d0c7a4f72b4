/*
 * spawn.c - SPAWN: what is checked of it on this side, and its encoding.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "../wire.h"
#include "message.h"
#include "process.h"
#include "sized.h"

#include <string.h>

#define WINDOW_MIN 4096

static int32_t check(const struct enclave_spawn *spawn, const struct enclave_process_events *events,
                     struct enclave_error *err)
{
    uint32_t count = 0;

    while (spawn->argv && spawn->argv[count]) {
        count++;
    }
    if (count == 0 || !spawn->argv[0][0]) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "spawn: no program is named");
    }
    if (!events->output || !events->exit) {
        return enclave_error_set(err, ENCLAVE_EINVALID,
                                 "spawn '%.128s': the events output and exit are needed",
                                 spawn->argv[0]);
    }
    if (spawn->window < WINDOW_MIN) {
        return enclave_error_set(err, ENCLAVE_EINVALID,
                                 "spawn '%.128s': a window of %u bytes; at least %d are needed",
                                 spawn->argv[0], spawn->window, WINDOW_MIN);
    }
    if (spawn->script_name && spawn->script_name[0] && spawn->script_index >= count) {
        return enclave_error_set(err, ENCLAVE_EINVALID,
                                 "spawn '%.128s': script_index %u is past the %u arguments",
                                 spawn->argv[0], spawn->script_index, count);
    }
    return 0;
}

static size_t list_size(const char *const *list)
{
    size_t size = 0;

    for (; list && *list; list++) {
        size += strlen(*list);
    }
    return size;
}

static int32_t too_big(const struct enclave_spawn *spawn, struct enclave_error *err)
{
    return enclave_error_set(err, ENCLAVE_ETOOBIG,
                             "spawn '%.128s': %llu bytes of script, %zu of arguments and %zu of "
                             "environment; together they may have %u",
                             spawn->argv[0], (unsigned long long)spawn->script_length,
                             list_size(spawn->argv), list_size(spawn->env), WIRE_MESSAGE_MAX);
}

static void add_fork_server(struct message *message, const struct enclave_fork_server *server)
{
    uint32_t flags =
        server && server->flags & ENCLAVE_FORK_SERVER_EAGER ? WIRE_FORK_SERVER_EAGER : 0;

    message_u32(message, flags);
    message_list(message, server ? server->argv : NULL);
    message_list(message, server ? server->env : NULL);
}

static int32_t build(const struct enclave_spawn *spawn, struct message *message,
                     struct enclave_error *err)
{
    int has_script = spawn->script_name && spawn->script_name[0];
    uint32_t flags = (spawn->flags & ENCLAVE_SPAWN_STDIN ? WIRE_SPAWN_STDIN : 0) |
                     (spawn->flags & ENCLAVE_SPAWN_STAYS ? WIRE_SPAWN_STAYS : 0);
    int32_t rc;

    message_begin(message, WIRE_SPAWN, WIRE_MESSAGE_MAX);
    message_u32(message, flags);
    message_u32(message, spawn->window);
    message_str(message, spawn->cwd);
    message_list(message, spawn->argv);
    message_list(message, spawn->env);
    message_str(message, has_script ? spawn->script_name : NULL);
    message_u32(message, has_script ? spawn->script_index : 0);
    message_blob(message, spawn->script_data, has_script ? spawn->script_length : 0);
    add_fork_server(message, spawn->fork_server);
    rc = message_finish(message);
    if (rc == ENCLAVE_ETOOBIG) {
        return too_big(spawn, err);
    }
    return rc < 0 ? enclave_error_set(err, rc, "spawn '%.128s': out of memory", spawn->argv[0]) : 0;
}

int32_t agent_spawn(struct agent *agent, const struct enclave_spawn *spawn,
                    const struct enclave_process_events *events, void **ret_process,
                    struct enclave_error *err)
{
    struct enclave_spawn own_spawn = {0};
    struct enclave_process_events own_events = {0};
    struct process_start start = {.what = "spawn"};
    struct message message = {0};
    int32_t rc;

    SIZED_COPY(own_spawn, spawn);
    SIZED_COPY(own_events, events);
    rc = check(&own_spawn, &own_events, err);
    if (rc == 0) {
        rc = build(&own_spawn, &message, err);
    }
    if (rc == 0) {
        start.name = own_spawn.argv[0];
        start.window = own_spawn.window;
        start.has_stdin = (own_spawn.flags & ENCLAVE_SPAWN_STDIN) != 0;
        start.events = &own_events;
        rc = process_start(agent, &message, &start, ret_process, err);
    }
    message_free(&message);
    return rc;
}
