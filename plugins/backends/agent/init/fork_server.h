/*
 * fork_server.h - warm programs that fork for an execution in place of starting anew (../README.md,
 * "Fork servers"). Owns the servers and the executions that wait for one; what an execution is, and
 * how it is started without a server, is exec.h's and spawn.h's.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_FORK_SERVER_H
#define AGENT_FORK_SERVER_H

#include "agent.h"
#include "exec.h"

/* What SPAWN says of a fork server; everything borrowed. `argv` is empty when it names none. */
struct fork_server_spec {
    uint32_t flags; /* WIRE_FORK_SERVER_... */
    char **argv;
    size_t argc;
    char **env;
    size_t env_count;
};

/* The program that the execution is, which is started when no server can stand in. */
struct fork_server_call {
    char *const *argv;
    size_t argc;
    char *const *env; /* whole: the sandbox's and SPAWN's */
    size_t env_count;
};

/*
 * Hand an execution with its script, group and pipes over to a server, starting that when it is
 * due. True: taken, with the pipe ends; the execution goes on when the server has answered. False:
 * the caller starts the program itself.
 */
bool fork_server_take(struct agent *agent, struct exec *exec, const struct fork_server_spec *spec,
                      const struct fork_server_call *call, struct exec_ends *ends);

/* The socket of server `place` has something, or has ended. */
void fork_server_event(struct agent *agent, size_t place);
/* An execution that waits is killed. */
void fork_server_kill(struct agent *agent, struct exec *exec);
/* A child of the agent that is no execution's has ended: read the answers that may name it. True: it
 * was a server, and that is all there is to it. */
bool fork_server_child_ended(struct agent *agent, pid_t pid);

/* For a reset: end all, when every execution is being killed; and start those again that were ever named. */
void fork_servers_stop(struct agent *agent);
void fork_servers_renew(struct agent *agent);

/* End servers that do not answer in time. */
void fork_server_expire(struct agent *agent);
/* Milliseconds until that has to be looked at; -1: never. */
int fork_server_wait_ms(const struct agent *agent);

#endif
