/*
 * client_peer.h - the other sides for tests of the agent's client: the real agent in namespaces of
 * its own, and a scripted one; and a consumer of a process's events.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CLIENT_PEER_H
#define CLIENT_PEER_H

#include <agent.h>

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

#define PEER_WORK "/mnt/work"
#define PEER_SCRATCH "/mnt/scratch"

/* The real agent: PID 1 of new namespaces, on one end of a socketpair, with a tmpfs at /mnt. Needs
 * root; -1 without. The descriptor is the other end, non-blocking. */
pid_t peer_agent_start(int *ret_fd);
void peer_agent_reap(pid_t pid);
int peer_can_run_agent(void);

/* A link to the real agent; asserts. */
struct peer_link {
    pid_t pid;
    struct agent *agent;
    char *facts;
};
void peer_link_open(struct peer_link *link, struct agent_loop *loop);
void peer_link_close(struct peer_link *link);

/* CONFIG for anything. */
struct agent_config peer_config(void);

/* Collects what happens to a process. */
struct run {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    char out[2][4096]; /* the first bytes of each stream, NUL-terminated */
    uint64_t total[2];
    int hold; /* output takes nothing; credit is up to the test */
    int exits;
    int writables;
    int output_after_exit;
    struct enclave_exit end;
    char reason[256];
    void *process;
};
void run_init(struct run *run);
void run_free(struct run *run);
struct enclave_process_events run_events(struct run *run);
/* 0, or the error of agent_spawn. argv is NULL-terminated. */
int32_t run_start(struct run *run, struct agent *agent, const char *const *argv, uint32_t flags,
                  struct enclave_error *err);
/* Until exit; 0, or -1 after `timeout_ms`. */
int run_wait(struct run *run, int timeout_ms);
/* Until `total` of a stream has reached `length`. */
int run_wait_output(struct run *run, int stream, uint64_t length, int timeout_ms);
int run_wait_writable(struct run *run, int timeout_ms);
/* Wait, and release. */
void run_finish(struct run *run);

/* The scripted agent's side of a socketpair. All assert. */
void script_pair(int *ret_ours, int *ret_theirs);
size_t script_frame(uint8_t *to, uint8_t type, uint8_t flags, uint32_t id, const void *payload,
                    size_t length);
size_t script_ready(uint8_t *to, uint32_t magic, uint16_t major, const char *facts);
size_t script_exit(uint8_t *to, uint32_t id, uint32_t code);
/* Write all of it; what the other side has closed is ignored. */
void script_send(int fd, const void *data, size_t length);
/* Read one frame; its type, or -1 at the end. `*ret_id` may be NULL. */
int script_receive(int fd, uint8_t *payload, uint32_t *ret_length, uint32_t *ret_id);
/* One frame of the attach framing. */
size_t script_chunk(uint8_t *to, uint8_t stream, const void *data, size_t length);

/* agent_connect() to a peer that says `data` and then ends, or stays when `stay`. The peer's
 * descriptor goes to `*ret_fd` on success, unless it is NULL. */
int32_t script_connect(struct agent_loop *loop, const void *data, size_t length, int stay,
                       uint32_t flags, struct agent_config *config, struct agent **ret_agent,
                       int *ret_fd, struct enclave_error *err);

/* A link to a scripted peer with one process, whose SPAWN the peer has read. */
struct broken {
    struct agent *agent;
    struct run run;
    int fd;
    uint32_t id;
    sem_t lost;
    sem_t closed;
    atomic_int thread;
    int losts;
    char reason[400];
};
void broken_open(struct broken *b, struct agent_loop *loop);
void broken_close(struct broken *b);

#endif
