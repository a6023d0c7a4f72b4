/*
 * child.h - starting a child of the agent that serves an execution, by the one way that all of them
 * take: fork, pipes, drop. Owns the subreapers; what a child does then is its caller's.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_CHILD_H
#define AGENT_CHILD_H

#include "agent.h"
#include "exec.h"

/* What the child does. Returns its exit status, when it returns. */
typedef int (*child_fn)(const struct config *config, struct report *report, void *ctx);

/*
 * Fork the child of `exec`. The child's pipe ends are closed here in any case. 0 or -errno.
 *
 * A plain fork, not a vfork: a vfork'd child that already has the payload's uid could be stopped by
 * another process of that uid, and the agent would hang with it.
 */
int child_start(struct agent *agent, struct exec *exec, struct exec_ends *ends, child_fn run,
                void *ctx);

/* Fork with the priority that payloads have when memory is short; as fork(2). */
pid_t child_fork(const struct agent *agent);

/* In a child: say why it goes no further. Returns `code`. */
int child_report(struct report *report, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The execution ends while its subreaper stays, with what runs on in the background. */
void child_leave(struct agent *agent, pid_t subreaper);
/* Whether `pid` is such a subreaper; with `forget`, it has ended. */
bool child_is_leftover(struct agent *agent, pid_t pid, bool forget);

/* The subreaper of `exec` has ended before its main process, so somebody killed it: is that the agent's own
 * child now? */
bool child_inherit(struct agent *agent, struct exec *exec);

/* A subreaper has written to the notice pipe: look which main processes have ended. */
void child_notice(struct agent *agent);

#endif
