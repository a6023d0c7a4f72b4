/*
 * agent.h - the manager's side of the agent, for backend plugins of this project.
 *
 * Owns: the event loop, the link to each sandbox's agent (frames, credit, bounds), processes, file
 * operations and the unpacking of archives. Does not own: how the agent came to run, and what it
 * means that its stream ended; that is the backend's.
 *
 * The functions with the shape of backend.h's ops have the meaning and the thread rule given there,
 * so that a backend can pass them through. Nothing that an agent sends is trusted: see
 * ../README.md.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_AGENT_H
#define ENCLAVE_AGENT_H

#include <enclave/backend.h>

#include <stddef.h>
#include <sys/types.h>

/* ----------------------------------------------------------------------------------------- loop */

/* One thread with one epoll set, for all sandboxes of a backend. */
struct agent_loop;

int32_t agent_loop_new(struct agent_loop **ret_loop, struct enclave_error *err);
/* Every agent of it has been freed. Accepts NULL. */
void agent_loop_free(struct agent_loop *loop);

/* ------------------------------------------------------------------------------------ transport */

/* The stream holds the attach framing of the Engine API (header of 8 bytes: stream, 0, 0, 0, u32
 * big-endian length) on the way in; stream 1 is the agent's, stream 2 is its stderr (a diagnosis).
 */
#define AGENT_TRANSPORT_MULTIPLEXED (UINT32_C(1) << 0)

/* All that has come and was not read makes `fd` readable: `read` keeps nothing back. */
#define AGENT_TRANSPORT_PLAIN (UINT32_C(1) << 1)

/*
 * A connected byte stream. `read` and `write` do not block: they return the number of bytes, 0
 * (read only) at the end, or -errno (-EAGAIN: wait for `fd`). They are called by the loop's thread,
 * and by a thread that sends, never two at once. `close` is called once, and does not block.
 */
struct agent_transport {
    int fd; /* to wait on */
    uint32_t flags;
    void *ctx;
    ssize_t (*read)(void *ctx, void *buffer, size_t capacity);
    ssize_t (*write)(void *ctx, const void *data, size_t length);
    void (*close)(void *ctx);
};

/* A transport over a non-blocking socket, which it then owns. */
struct agent_transport agent_transport_socket(int fd, uint32_t flags);

/* ---------------------------------------------------------------------------------------- agent */

/* The agent of one sandbox. */
struct agent;

struct agent_rlimit {
    uint32_t resource; /* RLIMIT_... */
    uint64_t limit;
};

struct agent_config {
    uint32_t uid; /* of payloads */
    uint32_t gid;
    int privileged;
    int give_working_dir; /* it is root's, and is to be the payload's */
    const char *working_dir;
    const char *scratch_dir;
    const char *const *env;    /* NULL-terminated NAME=value, or NULL */
    const char *const *checks; /* NULL-terminated paths, or NULL */
    const struct agent_rlimit *rlimits;
    size_t rlimit_count;
    int64_t ready_timeout_ms; /* for the agent's READY */
    int cancel_fd;            /* gives up waiting for READY; -1: never */
    /* How long the sandbox is to outlive its manager, at least; 0: it ends with the stream. Otherwise the
     * stream's end must not reach the agent when the manager dies, and the loop renews the lease. */
    uint32_t lease_ms;
    const char
        *token; /* AGENT_TOKEN_SIZE characters: who has it can adopt the sandbox; NULL: nobody */
    /*
     * Called by the loop's thread when the stream has ended or broken, once, unless agent_close() or
     * agent_fail() came first; `*ret_agent` is set by then. Must not block. The owner then finds
     * out what is true and calls agent_fail(), from any thread. NULL: agent_fail() happens at once,
     * with the reason known here.
     */
    void (*lost)(void *ctx, const char *reason);
    void *lost_ctx;
};

/*
 * Take over `transport` (closed on failure too), send CONFIG, wait for READY. `*ret_facts` is the
 * text of README.md, "Facts", freed with free(). Errors: TIMEOUT, CANCELLED, PROTOCOL, LOST (with
 * what the agent or its engine wrote to the diagnosis stream), NOMEM.
 */
int32_t agent_connect(struct agent_loop *loop, const struct agent_transport *transport,
                      const struct agent_config *config, struct agent **ret_agent, char **ret_facts,
                      struct enclave_error *err);

#define AGENT_TOKEN_SIZE 32
#define AGENT_STATE_MAX 65536

/* What an agent has kept for the next manager; freed with free(). */
struct agent_state {
    uint8_t *data;
    size_t length;
};

/*
 * Take over the sandbox of a manager that is gone, whatever it left in the stream: `transport` is a new one to
 * an agent that was configured with this token. The executions of the other manager are ended. Of `config`
 * only the last six members, from ready_timeout_ms on, count. As agent_connect() otherwise.
 */
int32_t agent_adopt(struct agent_loop *loop, const struct agent_transport *transport,
                    const struct agent_config *config, struct agent **ret_agent, char **ret_facts,
                    struct agent_state *ret_state, struct enclave_error *err);

/* What the agent is to keep for the next manager, in place of what it has; at most AGENT_STATE_MAX
 * bytes. Does not wait for an answer. */
int32_t agent_set_state(struct agent *agent, const void *data, size_t length,
                        struct enclave_error *err);

/* The value of a key in the facts, copied into `value`; 0, or -1 when it is absent or too long. */
int agent_fact(const char *facts, const char *key, char *value, size_t size);

/* 1 until the stream has ended, agent_close() or agent_fail(). Does not block. */
int agent_alive(const struct agent *agent);

/* End the stream, deliver `exit` (ENCLAVE_EXIT_LOST with `reason`) to every process, and fail all
 * that comes with ENCLAVE_ELOST. Does not wait: the loop's thread delivers. Idempotent: the first
 * reason stays. */
void agent_fail(struct agent *agent, const char *reason);

/* End the stream, which ends the sandbox; then as agent_fail(). When it returns, no callback of
 * this agent is under way or will come. Not from the loop's thread. */
void agent_close(struct agent *agent, const char *reason);

/* As agent_close(), but a sandbox with a lease goes on for that long. */
void agent_detach(struct agent *agent, const char *reason);

/* After agent_close(); every process has been released. Accepts NULL. */
void agent_free(struct agent *agent);

/* ------------------------------------------------------------------------- ops, as in backend.h */

/* `*ret_process` is set before the first callback comes, which may be before agent_spawn() returns.
 * File operations block: not from the loop's thread, that is, from a callback. */

int32_t agent_spawn(struct agent *agent, const struct enclave_spawn *spawn,
                    const struct enclave_process_events *events, void **ret_process,
                    struct enclave_error *err);
int32_t agent_process_write(void *process, const void *data, uint64_t length, uint64_t *ret_taken,
                            struct enclave_error *err);
int32_t agent_process_close_stdin(void *process, struct enclave_error *err);
void agent_process_credit(void *process, uint32_t stream, uint64_t length);
int32_t agent_process_signal(void *process, int32_t signal, struct enclave_error *err);
int32_t agent_process_kill(void *process, struct enclave_error *err);
void agent_process_release(void *process);

int32_t agent_file_read(struct agent *agent, const struct enclave_file_request *request,
                        int32_t cancel_fd, const struct enclave_sink *to,
                        struct enclave_error *err);
int32_t agent_file_write(struct agent *agent, const struct enclave_file_request *request,
                         int32_t cancel_fd, const struct enclave_source *from,
                         struct enclave_error *err);
int32_t agent_file_stat(struct agent *agent, const struct enclave_file_request *request,
                        int32_t cancel_fd, const struct enclave_entry_sink *to,
                        struct enclave_error *err);
int32_t agent_file_list(struct agent *agent, const struct enclave_file_request *request,
                        int32_t cancel_fd, const struct enclave_entry_sink *to,
                        struct enclave_error *err);
int32_t agent_file_remove(struct agent *agent, const struct enclave_file_request *request,
                          int32_t cancel_fd, struct enclave_error *err);
int32_t agent_reset(struct agent *agent, struct enclave_error *err);
int32_t agent_put_archive(struct agent *agent, const struct enclave_file_request *request,
                          int32_t cancel_fd, const struct enclave_source *tar,
                          struct enclave_error *err);
int32_t agent_get_archive(struct agent *agent, const struct enclave_file_request *request,
                          int32_t cancel_fd, const struct enclave_sink *tar,
                          struct enclave_error *err);

#endif
