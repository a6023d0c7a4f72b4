/*
 * client_peer.c - the other sides for tests of the agent's client.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "client_peer.h"

#include "../../../plugins/backends/agent/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef ENCLAVE_AGENT_PATH
#define ENCLAVE_AGENT_PATH "enclave-agent"
#endif

/* ------------------------------------------------------------------------------- the real agent */

static const char *agent_path(void)
{
    const char *path = getenv("ENCLAVE_AGENT_PATH");

    return path ? path : ENCLAVE_AGENT_PATH;
}

int peer_can_run_agent(void)
{
    return geteuid() == 0 && access(agent_path(), X_OK) == 0;
}

/* In the child, whose parent may have threads: system calls only. */
static void become_agent(int fd, const char *path)
{
    char *const argv[] = {(char *)(uintptr_t)path, NULL};

    if (dup2(fd, 0) < 0 || dup2(fd, 1) < 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("proc", "/proc", "proc", 0, NULL) < 0 ||
        mount("tmpfs", "/mnt", "tmpfs", MS_NOSUID | MS_NODEV, "size=64m,mode=755") < 0 ||
        mkdir(PEER_WORK, 0700) < 0 || chown(PEER_WORK, 1000, 1000) < 0 ||
        mkdir(PEER_SCRATCH, 0755) < 0) {
        _exit(99);
    }
    execve(path, argv, NULL);
    _exit(98);
}

pid_t peer_agent_start(int *ret_fd)
{
    int fds[2];
    pid_t pid;
    const char *path = agent_path();

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    pid = (pid_t)syscall(SYS_clone, SIGCHLD | CLONE_NEWPID | CLONE_NEWNS, NULL, NULL, NULL, NULL);
    if (pid == 0) {
        become_agent(fds[1], path);
    }
    assert_true(pid > 0);
    close(fds[1]);
    assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
    *ret_fd = fds[0];
    return pid;
}

void peer_agent_reap(pid_t pid)
{
    int status;

    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
}

struct agent_config peer_config(void)
{
    static const char *const env[] = {"PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C", NULL};
    static const char *const checks[] = {PEER_WORK, NULL};

    return (struct agent_config){.uid = 1000,
                                 .gid = 1000,
                                 .working_dir = PEER_WORK,
                                 .scratch_dir = PEER_SCRATCH,
                                 .env = env,
                                 .checks = checks,
                                 .ready_timeout_ms = 10000,
                                 .cancel_fd = -1};
}

void peer_link_open(struct peer_link *link, struct agent_loop *loop)
{
    struct agent_config config = peer_config();
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct agent_transport transport;
    int fd;

    link->pid = peer_agent_start(&fd);
    transport = agent_transport_socket(fd, 0);
    if (agent_connect(loop, &transport, &config, &link->agent, &link->facts, &err) != 0) {
        fail_msg("%s", err.message);
    }
}

void peer_link_close(struct peer_link *link)
{
    agent_close(link->agent, "the test is over");
    agent_free(link->agent);
    free(link->facts);
    peer_agent_reap(link->pid);
}

/* ------------------------------------------------------------------------------------------ run */

void run_init(struct run *run)
{
    pthread_condattr_t attributes;

    memset(run, 0, sizeof *run);
    pthread_mutex_init(&run->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&run->changed, &attributes);
    pthread_condattr_destroy(&attributes);
}

void run_free(struct run *run)
{
    pthread_cond_destroy(&run->changed);
    pthread_mutex_destroy(&run->lock);
}

static uint64_t on_output(void *ctx, uint32_t stream, const void *data, uint64_t length)
{
    struct run *run = ctx;
    uint32_t i = stream - 1;
    int hold;

    pthread_mutex_lock(&run->lock);
    if (run->total[i] < sizeof run->out[i] - 1) {
        size_t room = sizeof run->out[i] - 1 - (size_t)run->total[i];

        memcpy(run->out[i] + run->total[i], data, length < room ? (size_t)length : room);
    }
    run->total[i] += length;
    run->output_after_exit |= run->exits;
    hold = run->hold;
    pthread_cond_broadcast(&run->changed);
    pthread_mutex_unlock(&run->lock);
    return hold ? 0 : length;
}

static void on_writable(void *ctx)
{
    struct run *run = ctx;

    pthread_mutex_lock(&run->lock);
    run->writables++;
    pthread_cond_broadcast(&run->changed);
    pthread_mutex_unlock(&run->lock);
}

static void on_end(void *ctx, const struct enclave_exit *end)
{
    struct run *run = ctx;

    pthread_mutex_lock(&run->lock);
    run->exits++;
    run->end = *end;
    if (end->reason) {
        (void)snprintf(run->reason, sizeof run->reason, "%s", end->reason);
    }
    pthread_cond_broadcast(&run->changed);
    pthread_mutex_unlock(&run->lock);
}

struct enclave_process_events run_events(struct run *run)
{
    return (struct enclave_process_events){.size = sizeof(struct enclave_process_events),
                                           .ctx = run,
                                           .output = on_output,
                                           .writable = on_writable,
                                           .exit = on_end};
}

int32_t run_start(struct run *run, struct agent *agent, const char *const *argv, uint32_t flags,
                  struct enclave_error *err)
{
    struct enclave_process_events events = run_events(run);
    struct enclave_spawn spawn = {
        .size = sizeof spawn, .flags = flags, .argv = argv, .window = 65536};

    return agent_spawn(agent, &spawn, &events, &run->process, err);
}

static struct timespec in_ms(int timeout_ms)
{
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += timeout_ms / 1000;
    at.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    return at;
}

#define RUN_WAIT(run, condition, timeout_ms)                                                       \
    struct timespec until = in_ms(timeout_ms);                                                     \
    int late = 0;                                                                                  \
    pthread_mutex_lock(&(run)->lock);                                                              \
    while (!(condition) && !late) {                                                                \
        late = pthread_cond_timedwait(&(run)->changed, &(run)->lock, &until) == ETIMEDOUT;         \
    }                                                                                              \
    late = !(condition);                                                                           \
    pthread_mutex_unlock(&(run)->lock);                                                            \
    return late ? -1 : 0

int run_wait(struct run *run, int timeout_ms)
{
    RUN_WAIT(run, run->exits > 0, timeout_ms);
}

int run_wait_output(struct run *run, int stream, uint64_t length, int timeout_ms)
{
    RUN_WAIT(run, run->total[stream - 1] >= length, timeout_ms);
}

int run_wait_writable(struct run *run, int timeout_ms)
{
    RUN_WAIT(run, run->writables > 0, timeout_ms);
}

void run_finish(struct run *run)
{
    assert_int_equal(run_wait(run, 20000), 0);
    agent_process_release(run->process);
    run->process = NULL;
    assert_int_equal(run->exits, 1);
    assert_false(run->output_after_exit);
}

/* --------------------------------------------------------------------------------------- script */

void script_pair(int *ret_ours, int *ret_theirs)
{
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
    *ret_ours = fds[0];
    *ret_theirs = fds[1];
}

size_t script_frame(uint8_t *to, uint8_t type, uint8_t flags, uint32_t id, const void *payload,
                    size_t length)
{
    wire_put_header(to, (uint32_t)length, type, flags, id);
    if (length > 0) {
        memcpy(to + WIRE_HEADER_SIZE, payload, length);
    }
    return WIRE_HEADER_SIZE + length;
}

size_t script_ready(uint8_t *to, uint32_t magic, uint16_t major, const char *facts)
{
    uint8_t payload[1024];
    size_t n = strlen(facts);

    wire_put_u32(payload, magic);
    wire_put_u16(payload + 4, major);
    wire_put_u16(payload + 6, 0);
    wire_put_u32(payload + 8, (uint32_t)n);
    memcpy(payload + 12, facts, n);
    return script_frame(to, WIRE_READY, 0, 0, payload, 12 + n);
}

size_t script_exit(uint8_t *to, uint32_t id, uint32_t code)
{
    uint8_t payload[40] = {0};

    wire_put_u32(payload, WIRE_EXITED);
    wire_put_u32(payload + 4, code);
    return script_frame(to, WIRE_EXIT, 0, id, payload, sizeof payload);
}

void script_send(int fd, const void *data, size_t length)
{
    const uint8_t *from = data;

    while (length > 0) {
        ssize_t n = send(fd, from, length, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return;
        }
        from += n;
        length -= (size_t)n;
    }
}

static int read_all(int fd, uint8_t *to, size_t length)
{
    while (length > 0) {
        ssize_t n = read(fd, to, length);

        if (n <= 0) {
            return -1;
        }
        to += n;
        length -= (size_t)n;
    }
    return 0;
}

int script_receive(int fd, uint8_t *payload, uint32_t *ret_length, uint32_t *ret_id)
{
    uint8_t header[WIRE_HEADER_SIZE];
    uint32_t length;

    if (read_all(fd, header, sizeof header) < 0) {
        return -1;
    }
    length = wire_get_u32(header);
    assert_true(length <= WIRE_PAYLOAD_MAX);
    if (read_all(fd, payload, length) < 0) {
        return -1;
    }
    if (ret_length) {
        *ret_length = length;
    }
    if (ret_id) {
        *ret_id = wire_get_u32(header + 8);
    }
    return header[4];
}

size_t script_chunk(uint8_t *to, uint8_t stream, const void *data, size_t length)
{
    const uint8_t header[8] = {stream, 0, 0, 0, 0, 0, (uint8_t)(length >> 8), (uint8_t)length};

    memcpy(to, header, sizeof header);
    memcpy(to + sizeof header, data, length);
    return sizeof header + length;
}

int32_t script_connect(struct agent_loop *loop, const void *data, size_t length, int stay,
                       uint32_t flags, struct agent_config *config, struct agent **ret_agent,
                       int *ret_fd, struct enclave_error *err)
{
    struct agent_transport transport;
    char *facts = NULL;
    int ours;
    int theirs;
    int32_t rc;

    script_pair(&ours, &theirs);
    script_send(theirs, data, length);
    if (!stay) {
        shutdown(theirs, SHUT_WR);
    }
    transport = agent_transport_socket(ours, flags);
    rc = agent_connect(loop, &transport, config, ret_agent, &facts, err);
    free(facts);
    if (ret_fd && rc == 0) {
        *ret_fd = theirs;
    } else {
        close(theirs);
    }
    return rc;
}

/* -------------------------------------------------------------------------------------- broken */

static void on_lost(void *ctx, const char *reason)
{
    struct broken *b = ctx;

    b->losts++;
    (void)snprintf(b->reason, sizeof b->reason, "%s", reason);
    sem_post(&b->lost);
}

void broken_open(struct broken *b, struct agent_loop *loop)
{
    struct agent_config config = peer_config();
    static uint8_t payload[WIRE_PAYLOAD_MAX];
    uint8_t data[256];
    size_t n = script_ready(data, WIRE_MAGIC, 1, "a=b");

    memset(b, 0, sizeof *b);
    sem_init(&b->lost, 0, 0);
    config.lost = on_lost;
    config.lost_ctx = b;
    assert_int_equal(script_connect(loop, data, n, 1, 0, &config, &b->agent, &b->fd, NULL), 0);
    assert_int_equal(script_receive(b->fd, payload, NULL, NULL), WIRE_CONFIG);
    run_init(&b->run);
    assert_int_equal(
        run_start(&b->run, b->agent, (const char *const[]){"x", NULL}, ENCLAVE_SPAWN_STDIN, NULL),
        0);
    assert_int_equal(script_receive(b->fd, payload, NULL, &b->id), WIRE_SPAWN);
}

void broken_close(struct broken *b)
{
    agent_close(b->agent, "closed");
    run_finish(&b->run);
    run_free(&b->run);
    agent_free(b->agent);
    close(b->fd);
    sem_destroy(&b->lost);
}
