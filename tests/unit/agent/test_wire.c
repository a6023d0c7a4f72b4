/*
 * test_wire.c - see test_wire.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "test_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 20000

uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

void bytes_raw(struct bytes *b, const void *data, size_t length)
{
    if (b->size < b->length + length) {
        b->size = (b->length + length) * 2;
        b->data = realloc(b->data, b->size);
        if (!b->data)
            abort();
    }
    if (length > 0)
        memcpy(b->data + b->length, data, length);
    b->length += length;
}

void bytes_u32(struct bytes *b, uint32_t v)
{
    uint8_t p[4];
    wire_put_u32(p, v);
    bytes_raw(b, p, sizeof(p));
}

void bytes_u64(struct bytes *b, uint64_t v)
{
    uint8_t p[8];
    wire_put_u64(p, v);
    bytes_raw(b, p, sizeof(p));
}

void bytes_string(struct bytes *b, const char *text)
{
    size_t length = text ? strlen(text) : 0;
    bytes_u32(b, (uint32_t)length);
    bytes_raw(b, text, length);
}

void bytes_list(struct bytes *b, const char *const *list)
{
    uint32_t count = 0;
    while (list && list[count])
        count++;
    bytes_u32(b, count);
    for (uint32_t i = 0; i < count; i++)
        bytes_string(b, list[i]);
}

void bytes_free(struct bytes *b)
{
    free(b->data);
    *b = (struct bytes){0};
}

/* ---------------------------------------------------------------------------------------- start */

static _Noreturn void run_agent(const char *agent, int fd, bool one_gid_only)
{
    char *const argv[] = {"enclave-agent", NULL};
    char *const env[] = {"PATH=/usr/bin:/bin", "BASE=agent", NULL};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
        _exit(90);
    if (one_gid_only) { /* as in a namespace of an ordinary user: no second id to be had */
        if (unshare(CLONE_NEWUSER) < 0)
            _exit(91);
        const char *const files[] = {"/proc/self/setgroups", "/proc/self/uid_map",
                                     "/proc/self/gid_map"};
        char text[3][32] = {"deny", "", ""};
        snprintf(text[1], sizeof(text[1]), "%d 0 1", TEST_UID);
        snprintf(text[2], sizeof(text[2]), "%d 0 1", TEST_GID);
        for (int i = 0; i < 3; i++) {
            int file = open(files[i], O_WRONLY);
            if (file < 0 || write(file, text[i], strlen(text[i])) < 0)
                _exit(92);
            close(file);
        }
    }
    dup2(fd, 0);
    dup2(fd, 1);
    execve(agent, argv, env);
    _exit(93);
}

/* A process that makes the namespace, tells the agent's pid, and ends when the agent does. */
static _Noreturn void run_parent(const char *agent, int fd, int tell, bool one_gid_only)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (unshare(CLONE_NEWPID | CLONE_NEWNS) < 0)
        _exit(77);
    pid_t pid = fork();
    if (pid == 0)
        run_agent(agent, fd, one_gid_only);
    close(fd);
    if (write(tell, &pid, sizeof(pid)) != (ssize_t)sizeof(pid))
        _exit(1);
    int status = 0;
    waitpid(pid, &status, 0);
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

static struct {
    uint32_t ms;
    const char *token;
} lease;

void link_lease(uint32_t lease_ms, const char *token)
{
    lease.ms = lease_ms;
    lease.token = token;
}

static void send_config(struct link *link, const char *working_dir, const char *scratch)
{
    const char *const env[] = {"CONFIGURED=yes", NULL};
    const char *const checks[] = {"/tmp", "/dev/shm", NULL};
    struct bytes b = {0};
    bytes_u32(&b, WIRE_MAGIC);
    bytes_u32(&b, WIRE_MAJOR | WIRE_MINOR << 16);
    bytes_u32(&b, 0);
    bytes_u32(&b, TEST_UID);
    bytes_u32(&b, TEST_GID);
    bytes_string(&b, working_dir);
    bytes_string(&b, scratch);
    bytes_list(&b, env);
    bytes_list(&b, checks);
    bytes_u32(&b, 2);
    bytes_u32(&b, RLIMIT_NPROC);
    bytes_u64(&b, 240);
    bytes_u32(&b, RLIMIT_CORE);
    bytes_u64(&b, 0);
    if (lease.ms || lease.token) {
        bytes_u32(&b, lease.ms);
        bytes_string(&b, lease.token);
    }
    link_send(link, WIRE_CONFIG, 0, 0, b.data, b.length);
    bytes_free(&b);
}

struct link *link_open(const char *agent, const char *working_dir, const char *scratch,
                       bool one_gid_only, char *facts, size_t facts_size)
{
    int pair[2];
    int tell[2];
    struct wire_frame ready;
    struct link *link = calloc(1, sizeof(*link));
    if (!link || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0 ||
        pipe2(tell, O_CLOEXEC) < 0)
        abort();
    link->parent = fork();
    if (link->parent == 0) {
        close(pair[0]); /* else the agent would never see the end of the stream */
        run_parent(agent, pair[1], tell[1], one_gid_only);
    }
    close(pair[1]);
    close(tell[1]);
    link->fd = pair[0];
    if (read(tell[0], &link->agent, sizeof(link->agent)) != (ssize_t)sizeof(link->agent))
        link->agent = -1;
    close(tell[0]);
    send_config(link, working_dir, scratch);
    if (!link_receive(link, PATIENCE_MS, &ready) || ready.type != WIRE_READY) {
        fprintf(stderr, "no READY from %s\n", agent);
        link_close(link);
        return NULL;
    }
    snprintf(facts, facts_size, "%.*s", (int)(ready.length - 12), ready.payload + 12);
    return link;
}

void link_close(struct link *link)
{
    if (!link)
        return;
    close(link->fd);
    waitpid(link->parent, NULL, 0);
    free(link);
}

/* --------------------------------------------------------------------------------------- frames */

void link_raw(struct link *link, const void *data, size_t length)
{
    const uint8_t *p = data;
    while (length > 0) {
        ssize_t n = send(link->fd, p, length, MSG_NOSIGNAL);
        if (n <= 0)
            return; /* the agent has ended: the test sees it when it reads */
        p += n;
        length -= (size_t)n;
    }
}

void link_send(struct link *link, uint8_t type, uint8_t flags, uint32_t id, const void *payload,
               size_t length)
{
    uint8_t header[WIRE_HEADER_SIZE];
    wire_put_header(header, (uint32_t)length, type, flags, id);
    link_raw(link, header, sizeof(header));
    link_raw(link, payload, length);
}

bool link_receive(struct link *link, int timeout_ms, struct wire_frame *ret_frame)
{
    for (;;) {
        const uint8_t *header = link->in + link->start;
        size_t have = link->end - link->start;
        if (have >= WIRE_HEADER_SIZE && have >= WIRE_HEADER_SIZE + wire_get_u32(header)) {
            *ret_frame = (struct wire_frame){.type = header[4],
                                             .flags = header[5],
                                             .id = wire_get_u32(header + 8),
                                             .payload = header + WIRE_HEADER_SIZE,
                                             .length = wire_get_u32(header)};
            link->start += WIRE_HEADER_SIZE + ret_frame->length;
            return true;
        }
        memmove(link->in, link->in + link->start, have);
        link->start = 0;
        link->end = have;
        struct pollfd poll_fd = {.fd = link->fd, .events = POLLIN};
        if (poll(&poll_fd, 1, timeout_ms) <= 0)
            return false;
        ssize_t n = recv(link->fd, link->in + have, sizeof(link->in) - have, 0);
        if (n <= 0)
            return false;
        link->end += (size_t)n;
    }
}

void link_spawn(struct link *link, uint32_t id, const struct spawn_args *args)
{
    struct bytes b = {0};
    bytes_u32(&b, (args->with_stdin ? WIRE_SPAWN_STDIN : 0) | (args->stays ? WIRE_SPAWN_STAYS : 0));
    bytes_u32(&b, args->window ? args->window : 1u << 20);
    bytes_string(&b, args->cwd);
    bytes_list(&b, args->argv);
    bytes_list(&b, args->env);
    bytes_string(&b, args->script_name);
    bytes_u32(&b, args->script_index);
    bytes_string(&b, args->script);
    bytes_u32(&b, args->server_flags);
    bytes_list(&b, args->server_argv);
    bytes_list(&b, args->server_env);
    /* Cut into frames, as the wire wants it for what is long. */
    for (size_t at = 0; at < b.length || at == 0;) {
        size_t n = b.length - at < WIRE_PAYLOAD_MAX ? b.length - at : WIRE_PAYLOAD_MAX;
        link_send(link, WIRE_SPAWN, at + n < b.length ? WIRE_FLAG_MORE : 0, id, b.data + at, n);
        at += n;
    }
    bytes_free(&b);
}

static void take_exit(const struct wire_frame *frame, struct outcome *what)
{
    const uint8_t *p = frame->payload;
    what->how = wire_get_u32(p);
    what->code = wire_get_u32(p + 4);
    what->signal = wire_get_u32(p + 8);
    what->flags = wire_get_u32(p + 12);
    what->cpu_us = wire_get_u64(p + 20);
    snprintf(what->reason, sizeof(what->reason), "%.*s", (int)wire_get_u32(p + 36), p + 40);
}

static void take_output(struct link *link, const struct wire_frame *frame, struct outcome *what)
{
    uint8_t credit[8];
    bytes_raw(frame->flags == WIRE_STDOUT ? &what->out : &what->err, frame->payload, frame->length);
    wire_put_u32(credit, frame->flags);
    wire_put_u32(credit + 4, (uint32_t)frame->length);
    link_send(link, WIRE_CREDIT, 0, frame->id, credit, sizeof(credit));
}

void link_wait_all(struct link *link, uint32_t first, size_t count, struct outcome *outcomes)
{
    struct wire_frame frame;
    memset(outcomes, 0, count * sizeof(*outcomes));
    for (size_t left = count; left > 0 && link_receive(link, PATIENCE_MS, &frame);) {
        if (frame.id < first || frame.id >= first + count)
            continue;
        if (frame.type == WIRE_OUTPUT) {
            take_output(link, &frame, &outcomes[frame.id - first]);
        } else if (frame.type == WIRE_EXIT) {
            take_exit(&frame, &outcomes[frame.id - first]);
            left--;
        }
    }
    for (size_t i = 0; i < count; i++) {
        bytes_raw(&outcomes[i].out, "", 1); /* a NUL that length does not count */
        bytes_raw(&outcomes[i].err, "", 1);
        outcomes[i].out.length--;
        outcomes[i].err.length--;
    }
}

void link_wait(struct link *link, uint32_t id, struct outcome *what)
{
    link_wait_all(link, id, 1, what);
}

void outcome_free(struct outcome *what)
{
    bytes_free(&what->out);
    bytes_free(&what->err);
}

void link_file(struct link *link, uint32_t id, const struct file_args *args, struct outcome *what)
{
    struct bytes b = {0};
    bytes_u32(&b, args->op);
    bytes_u32(&b, args->flags);
    bytes_u32(&b, args->mode);
    bytes_u32(&b, 1u << 20);
    bytes_u64(&b, args->max_bytes);
    bytes_string(&b, args->path);
    bytes_list(&b, args->allowed);
    bytes_list(&b, args->blocked);
    link_send(link, WIRE_FILE, 0, id, b.data, b.length);
    bytes_free(&b);
    if (args->input) {
        link_send(link, WIRE_STDIN, 0, id, args->input, args->input_length);
        link_send(link, WIRE_STDIN_EOF, 0, id, NULL, 0);
    }
    link_wait(link, id, what);
}
