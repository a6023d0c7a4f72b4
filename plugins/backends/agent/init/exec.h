/*
 * exec.h - the executions: their places, their pipes with credit and room, their end. Owns struct
 * exec and everything in it; does not start processes (spawn.h, file_op.h) nor end them (kill.h).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_EXEC_H
#define AGENT_EXEC_H

#include "agent.h"

/* The child's ends of an execution's pipes. */
struct exec_ends {
    int fds[3];
};

#define EXEC_ENDS_NONE ((struct exec_ends){.fds = {-1, -1, -1}})

struct exec *exec_find(struct agent *agent, uint32_t id);
struct exec *exec_find_pid(struct agent *agent, pid_t pid);
/* A place for a new execution; NULL when all are taken. */
struct exec *exec_new(struct agent *agent, uint32_t id, uint32_t window);
/* Give the place back without a word to the manager. */
void exec_free(struct agent *agent, struct exec *exec);

/* Make its pipes and watch the outputs; 0 or -errno. The child's ends are the caller's to close. */
int exec_open_pipes(struct agent *agent, struct exec *exec, bool with_stdin,
                    struct exec_ends *ret_ends);
void exec_ends_close(struct exec_ends *ends);
/* In the child: the ends become 0 to 2. */
int exec_ends_install(const struct exec_ends *ends);

/* An output has something, or has ended. */
void exec_pump(struct agent *agent, struct exec *exec, unsigned stream);
/* Stdin can take something. */
void exec_feed(struct agent *agent, struct exec *exec);
/* Frames of the manager. 0, or -1: it sent more than there was room for. */
int exec_stdin(struct agent *agent, struct exec *exec, const void *data, size_t length);
void exec_stdin_end(struct agent *agent, struct exec *exec);
void exec_credit(struct agent *agent, struct exec *exec, uint32_t stream, uint32_t bytes);
/* It goes on without its manager: what it writes is thrown away, and its end told to nobody. */
void exec_set_adrift(struct agent *agent, struct exec *exec);
/* The time of streams that rest is over. */
void exec_rested(struct agent *agent);
/* Go on reading what had to wait for room in the outbox, when there is some. */
void exec_resume_all(struct agent *agent);

/* The main process has ended. */
void exec_main_done(struct agent *agent, struct exec *exec, int status, uint64_t cpu_us,
                    uint64_t peak_memory);
/* Nothing of a killed execution is left: send what the pipes hold, then EXIT. */
void exec_all_gone(struct agent *agent, struct exec *exec);
/* EXIT, for one that could not be started: `code` is an exit code or, of a file operation, errno. */
void exec_refuse(struct agent *agent, uint32_t id, uint32_t code, const char *reason);

#endif
