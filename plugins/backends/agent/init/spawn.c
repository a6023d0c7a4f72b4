/*
 * spawn.c - see spawn.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "spawn.h"

#include "child.h"
#include "drop.h"
#include "exec.h"
#include "fork_server.h"
#include "gids.h"
#include "program.h"
#include "script.h"
#include "util.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* What a shell says, and so what callers expect. */
#define EXIT_NOT_EXECUTABLE 126
#define EXIT_NOT_FOUND 127

struct spawn {
    uint32_t flags;
    uint32_t window;
    const char *cwd;
    char **argv;
    size_t argc;
    char **env;
    size_t env_count;
    const char *script_name;
    uint32_t script_index;
    const uint8_t *script_data;
    size_t script_length;
    struct fork_server_spec server;
};

/* --------------------------------------------------------------------------------- environment */

static size_t name_length(const char *variable)
{
    return strcspn(variable, "=");
}

static void env_set(char **env, size_t *count, char *variable)
{
    size_t length = name_length(variable);
    for (size_t i = 0; i < *count; i++)
        if (name_length(env[i]) == length && memcmp(env[i], variable, length) == 0) {
            env[i] = variable;
            return;
        }
    env[(*count)++] = variable;
}

char **spawn_merge_env(char *const *base, size_t base_count, char *const *over, size_t over_count,
                       size_t *ret_count)
{
    char **env = calloc(base_count + over_count + 1, sizeof(*env));
    if (!env)
        return NULL;
    size_t count = base_count;
    if (base_count > 0)
        memcpy(env, base, base_count * sizeof(*env));
    for (size_t i = 0; i < over_count; i++)
        env_set(env, &count, over[i]);
    *ret_count = count;
    return env;
}

/* ------------------------------------------------------------------------------------ in the child */

static int report_exec_error(struct report *report, const char *path, int error)
{
    if (error == ENOENT && access(path, F_OK) == 0)
        return child_report(report, EXIT_NOT_EXECUTABLE,
                            "the interpreter or loader it names does not exist");
    if (error == ENOENT || error == ENOTDIR)
        return child_report(report, EXIT_NOT_FOUND, "not found");
    if (error == ENOEXEC)
        return child_report(report, EXIT_NOT_EXECUTABLE,
                            "not a program, and no script with a #! line");
    if (error == EAGAIN)
        return child_report(report, EXIT_NOT_EXECUTABLE,
                            "cannot be started: the limit of processes is reached");
    return child_report(report, EXIT_NOT_EXECUTABLE, "cannot be executed: %s", error_text(error));
}

/* As execvpe(3), but with the PATH that the payload sees, and never handing a file without #! to a
 * shell. */
static int exec_by_path(struct report *report, char *const *argv, char *const *env)
{
    const char *path = program_env(env, "PATH");
    bool denied = false;
    for (const char *p = path ? path : PROGRAM_DEFAULT_PATH;; p++) {
        char full[PATH_MAX];
        size_t length = strcspn(p, ":");
        int n = snprintf(full, sizeof(full), "%.*s%s%s", (int)length, p, length > 0 ? "/" : "",
                         argv[0]);
        if (n > 0 && (size_t)n < sizeof(full)) {
            execve(full, argv, env);
            if (errno == EACCES)
                denied = true;
            else if (errno != ENOENT && errno != ENOTDIR)
                return report_exec_error(report, full, errno);
            else if (errno == ENOENT && access(full, F_OK) == 0)
                return report_exec_error(report, full, ENOENT);
        }
        p += length;
        if (*p == '\0')
            break;
    }
    return report_exec_error(report, "", denied ? EACCES : ENOENT);
}

static int run_program(const struct config *config, struct report *report, void *ctx)
{
    const struct spawn *spawn = ctx;
    const char *cwd = spawn->cwd[0] ? spawn->cwd : config->working_dir;
    size_t count;
    if (chdir(cwd) < 0)
        return child_report(report, EXIT_NOT_EXECUTABLE, "cannot enter the folder '%.150s': %s",
                            cwd, error_text(errno));
    char **env =
        spawn_merge_env(config->env, config->env_count, spawn->env, spawn->env_count, &count);
    if (!env)
        return child_report(report, EXIT_NOT_EXECUTABLE, "out of memory");
    drop_signal_mask();
    if (!strchr(spawn->argv[0], '/'))
        return exec_by_path(report, spawn->argv, env);
    execve(spawn->argv[0], spawn->argv, env);
    return report_exec_error(report, spawn->argv[0], errno);
}

/* ----------------------------------------------------------------------------------- in the agent */

static bool parse(const struct frame *frame, struct spawn *spawn)
{
    struct reader r = {.at = frame->payload, .end = frame->payload + frame->length};
    spawn->flags = reader_u32(&r);
    spawn->window = reader_u32(&r);
    spawn->cwd = reader_string(&r);
    spawn->argv = reader_list(&r, &spawn->argc);
    spawn->env = reader_list(&r, &spawn->env_count);
    spawn->script_name = reader_string(&r);
    spawn->script_index = reader_u32(&r);
    spawn->script_data = reader_bytes(&r, &spawn->script_length);
    spawn->server.flags = reader_u32(&r);
    spawn->server.argv = reader_list(&r, &spawn->server.argc);
    spawn->server.env = reader_list(&r, &spawn->server.env_count);
    if (!reader_done(&r) || spawn->argc == 0)
        return false;
    return spawn->script_name[0] == '\0' ||
           (script_name_valid(spawn->script_name) && spawn->script_index < spawn->argc);
}

static void refuse(struct agent *agent, uint32_t id, const char *what, int error)
{
    char reason[200];
    const char *hint = error == EAGAIN   ? " (the sandbox's limit of processes is reached)"
                       : error == EMFILE ? " (too many executions at once)"
                                         : "";
    snprintf(reason, sizeof(reason), "cannot %s: %s%s", what, error_text(error), hint);
    exec_refuse(agent, id, EXIT_NOT_EXECUTABLE, reason);
}

static bool offer_to_server(struct agent *agent, struct exec *exec, const struct spawn *spawn,
                            struct exec_ends *ends)
{
    const struct config *config = &agent->config;
    struct fork_server_call call = {.argv = spawn->argv, .argc = spawn->argc};
    if (spawn->server.argc == 0 || spawn->cwd[0]) /* servers know the working directory only */
        return false;
    CLEANUP_FREE char **env = spawn_merge_env(config->env, config->env_count, spawn->env,
                                              spawn->env_count, &call.env_count);
    call.env = env;
    return env && fork_server_take(agent, exec, &spawn->server, &call, ends);
}

static int start(struct agent *agent, struct exec *exec, struct spawn *spawn, char **script_path,
                 const char **ret_what)
{
    struct exec_ends ends;
    int r;
    if (spawn->script_name[0]) {
        *ret_what = "write the script";
        r = script_write(agent, exec, spawn->script_name, spawn->script_data, spawn->script_length,
                         script_path);
        if (r < 0)
            return r;
        spawn->argv[spawn->script_index] = *script_path;
    }
    *ret_what = "find a group for the execution";
    r = gids_take(agent, &exec->gid);
    if (r < 0)
        return r;
    *ret_what = "make the pipes of a process";
    r = exec_open_pipes(agent, exec, spawn->flags & WIRE_SPAWN_STDIN, &ends);
    if (r < 0)
        return r;
    *ret_what = "start a process";
    if (offer_to_server(agent, exec, spawn, &ends))
        return 0;
    return child_start(agent, exec, &ends, run_program, spawn);
}

void spawn_alone(struct agent *agent, struct exec *exec, char **argv, char **env,
                 struct exec_ends *ends)
{
    struct spawn spawn = {.cwd = "", .argv = argv, .env = env};
    uint32_t id = exec->id;
    int r = -ENOMEM;
    while (env && env[spawn.env_count])
        spawn.env_count++;
    if (argv && env)
        r = child_start(agent, exec, ends, run_program, &spawn);
    exec_ends_close(ends);
    if (r < 0) {
        exec_free(agent, exec);
        refuse(agent, id, "start a process", -r);
    }
}

int spawn_message(struct agent *agent, const struct frame *frame)
{
    struct spawn spawn = {0};
    CLEANUP_FREE char *script_path = NULL;
    const char *what = "";
    bool parsed = parse(frame, &spawn);
    if (parsed) {
        struct exec *exec = exec_new(agent, frame->id, spawn.window);
        if (exec)
            exec->stays = spawn.flags & WIRE_SPAWN_STAYS;
        int r = exec ? start(agent, exec, &spawn, &script_path, &what) : 0;
        if (!exec)
            exec_refuse(agent, frame->id, EXIT_NOT_EXECUTABLE,
                        "too many executions at once in this sandbox");
        if (r < 0) {
            exec_free(agent, exec);
            refuse(agent, frame->id, what, -r);
        }
    }
    free(spawn.argv);
    free(spawn.env);
    free(spawn.server.argv);
    free(spawn.server.env);
    return parsed ? 0 : -1;
}
