/*
 * fork_server.c - see fork_server.h.
 *
 * A server has the agent's uid, since it has to hand its children over to the payload's. So that this
 * cannot be turned against the agent, its program must lie where no payload can write, and of the
 * environment it gets only what SPAWN names.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fork_server.h"

#include "cgroup.h"
#include "child.h"
#include "drop.h"
#include "kernel.h"
#include "program.h"
#include "spawn.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

/* Its descriptor of the socket. */
#define SERVER_FD 3

/* Requests that a server has not answered: enough to keep it busy, and fewer than a Unix socket
 * queues (net.unix.max_dgram_qlen). */
#define SENT_MAX 8

/* A message to a server; what is longer is started without. */
#define MESSAGE_MAX 65536

/* A preloaded module may take its time; a fork does not. */
#define START_MS 60000
#define ANSWER_MS 5000

/* After so many in a row that ended without having answered once, no more are started. */
#define FAILURES_MAX 4

/* An execution that waits for a server: the request, which also says how to start it without. */
struct fork_wait {
    struct fork_wait *next;
    struct exec *exec;
    bool sent;
    struct exec_ends ends;
    size_t argc;
    size_t env_count;
    size_t length;
    size_t strings; /* where argv and the environment begin in `message` */
    char message[];
};

/* ------------------------------------------------------------------------------------ the request */

static size_t strings_length(char *const *list, size_t count)
{
    size_t length = 0;
    for (size_t i = 0; i < count; i++)
        length += strlen(list[i]) + 1;
    return length;
}

static char *strings_append(char *to, char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to = stpcpy(to, list[i]) + 1;
    return to;
}

/* NULL: too long, or no memory. */
static struct fork_wait *wait_new(struct exec *exec, const struct fork_server_call *call)
{
    char head[64];
    int n = snprintf(head, sizeof(head), "%u%c%u%c%zu", (unsigned)exec->id, '\0',
                     (unsigned)exec->gid, '\0', call->argc);
    size_t strings = (size_t)n + 1;
    size_t length = strings + strings_length(call->argv, call->argc) +
                    strings_length(call->env, call->env_count);
    struct fork_wait *wait = length <= MESSAGE_MAX ? calloc(1, sizeof(*wait) + length) : NULL;
    if (!wait)
        return NULL;
    memcpy(wait->message, head, strings);
    char *end = strings_append(wait->message + strings, call->argv, call->argc);
    (void)strings_append(end, call->env, call->env_count);
    wait->exec = exec;
    wait->argc = call->argc;
    wait->env_count = call->env_count;
    wait->length = length - 1; /* the last NUL would begin one more field */
    wait->strings = strings;
    return wait;
}

static void wait_free(struct fork_wait *wait)
{
    exec_ends_close(&wait->ends);
    wait->exec->wait = NULL;
    free(wait);
}

static char **strings_list(char **at, size_t count)
{
    char **list = calloc(count + 1, sizeof(*list));
    for (size_t i = 0; list && i < count; i++) {
        list[i] = *at;
        *at += strlen(*at) + 1;
    }
    return list;
}

/* No server will do it. */
static void wait_start_alone(struct agent *agent, struct fork_wait *wait)
{
    char *at = wait->message + wait->strings;
    CLEANUP_FREE char **argv = strings_list(&at, wait->argc);
    CLEANUP_FREE char **env = strings_list(&at, wait->env_count);
    struct exec *exec = wait->exec;
    struct exec_ends ends = wait->ends;
    wait->ends = EXEC_ENDS_NONE;
    exec->wait = NULL;
    if (exec->killed) {
        exec_ends_close(&ends);
        exec_main_done(agent, exec, SIGKILL, 0, 0);
    } else {
        spawn_alone(agent, exec, argv, env, &ends);
    }
}

static void wait_end(struct agent *agent, struct fork_wait *wait)
{
    wait_start_alone(agent, wait);
    exec_ends_close(&wait->ends);
    free(wait);
}

static struct fork_wait *queue_remove(struct fork_server *server, uint32_t id)
{
    for (struct fork_wait **at = &server->waits; *at; at = &(*at)->next) {
        struct fork_wait *wait = *at;
        if (wait->exec->id != id)
            continue;
        *at = wait->next;
        if (wait->sent)
            server->sent--;
        return wait;
    }
    return NULL;
}

/* ------------------------------------------------------------------------------------- its start */

static bool same_list(char *const *a, char *const *b)
{
    while (*a && *b && strcmp(*a, *b) == 0) {
        a++;
        b++;
    }
    return !*a && !*b;
}

/* The list and its strings in one block. */
static char **copy_list(char *const *list, size_t count)
{
    char **copy = malloc((count + 1) * sizeof(*copy) + strings_length(list, count));
    if (!copy)
        return NULL;
    char *at = (char *)(copy + count + 1);
    (void)strings_append(at, list, count);
    for (size_t i = 0; i < count; i++) {
        copy[i] = at;
        at += strlen(at) + 1;
    }
    copy[count] = NULL;
    return copy;
}

/* `keep` is NAME, or PREFIX*. */
static bool variable_kept(const char *variable, const char *keep)
{
    size_t length = strlen(keep);
    if (length > 0 && keep[length - 1] == '*')
        return strncmp(variable, keep, length - 1) == 0;
    return strncmp(variable, keep, length) == 0 && variable[length] == '=';
}

/* Of the sandbox's environment what the list names, and what it sets. The array is the caller's. */
static char **server_env(const struct config *config, char *const *list, size_t count)
{
    char **env = calloc(config->env_count + count + 1, sizeof(*env));
    size_t n = 0;
    if (!env)
        return NULL;
    for (size_t i = 0; i < config->env_count; i++)
        for (size_t j = 0; j < count; j++)
            if (!strchr(list[j], '=') && variable_kept(config->env[i], list[j])) {
                env[n++] = config->env[i];
                break;
            }
    for (size_t j = 0; j < count; j++)
        if (strchr(list[j], '='))
            env[n++] = list[j];
    return env;
}

/* Also where the bounding set is empty. */
static int keep_capabilities(void)
{
    const uint32_t kept = DROP_SERVER_CAPABILITIES;
    struct kernel_cap_header header = {.version = KERNEL_CAP_VERSION_3};
    struct kernel_cap_data data[2] = {{.effective = kept, .permitted = kept, .inheritable = kept}};
    return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

struct server_start {
    const char *path;
    char **argv;
    char **env;
    int stdio[2];  /* a pipe with itself: of the kind that executions have, and nobody reads it */
    int socket[2]; /* ours, its own */
};

static _Noreturn void server_main(const struct server_start *start)
{
    if (dup2(start->stdio[0], 0) == 0 && dup2(start->stdio[1], 1) == 1 &&
        dup2(start->stdio[1], 2) == 2 && dup2(start->socket[1], SERVER_FD) == SERVER_FD &&
        fcntl(SERVER_FD, F_SETFD, 0) == 0 && chdir("/") == 0 && setsid() > 0 &&
        keep_capabilities() == 0) {
        drop_close_from(SERVER_FD + 1);
        drop_signal_mask();
        execve(start->path, start->argv, start->env);
    }
    _exit(126);
}

/* uid, gid, priority, working directory, and each limit as its number and its value. */
static int send_setting(const struct agent *agent, int fd)
{
    const struct config *config = &agent->config;
    char text[8192];
    int n = snprintf(text, sizeof(text), "%u%c%u%c%d%c%s", (unsigned)config->uid, '\0',
                     (unsigned)config->gid, '\0', PAYLOAD_NICE, '\0', config->working_dir);
    for (size_t i = 0; i < config->rlimit_count && n > 0 && (size_t)n < sizeof(text); i++)
        n += snprintf(text + n, sizeof(text) - (size_t)n, "%c%d%c%llu", '\0',
                      config->rlimits[i].resource, '\0',
                      (unsigned long long)config->rlimits[i].limit);
    if (n <= 0 || (size_t)n >= sizeof(text))
        return -E2BIG;
    return send(fd, text, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

static int open_ends(struct server_start *start)
{
    if (pipe2(start->stdio, O_CLOEXEC | O_NONBLOCK) < 0)
        return -errno;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, start->socket) < 0)
        return -errno;
    return set_nonblocking(start->socket[0]);
}

static size_t place_of(const struct agent *agent, const struct fork_server *server)
{
    return (size_t)(server - agent->servers);
}

static int server_fork(struct agent *agent, struct fork_server *server, struct server_start *start)
{
    int r = open_ends(start);
    if (r < 0)
        return r;
    r = send_setting(agent, start->socket[0]);
    if (r < 0)
        return r;
    r = watch_add(agent, start->socket[0], EPOLLIN, WATCH_SERVER, place_of(agent, server), 0);
    if (r < 0)
        return r;
    pid_t pid = child_fork(agent);
    if (pid == 0)
        server_main(start);
    if (pid < 0)
        return -errno;
    server->pid = pid;
    server->fd = steal_fd(&start->socket[0]);
    return 0;
}

/* It did not start, or has ended: of want now, or for good. */
static void server_failed(struct fork_server *server)
{
    server->state = ++server->failures < FAILURES_MAX ? FORK_SERVER_NEW : FORK_SERVER_USELESS;
}

static void server_start(struct agent *agent, struct fork_server *server)
{
    char path[PROGRAM_PATH_MAX];
    struct server_start start = {
        .path = path, .argv = server->argv, .stdio = {-1, -1}, .socket = {-1, -1}};
    CLEANUP_FREE char **env = server_env(&agent->config, server->env, server->env_count);
    start.env = env;
    if (!env || !program_find(server->argv[0], env, path) ||
        !program_trusted(path, env, agent->config.uid)) {
        server->state = FORK_SERVER_USELESS;
        return;
    }
    server->deadline_ms = now_ms() + START_MS;
    if (server_fork(agent, server, &start) < 0)
        server_failed(server);
    else
        server->state = FORK_SERVER_STARTING;
    for (int i = 0; i < 2; i++) {
        close_fd(&start.stdio[i]);
        close_fd(&start.socket[i]);
    }
}

/* The server that SPAWN means, or the place for it; NULL: too many, or no memory. */
static struct fork_server *server_find(struct agent *agent, const struct fork_server_spec *spec)
{
    for (size_t i = 0; i < FORK_SERVERS_MAX; i++) {
        struct fork_server *server = &agent->servers[i];
        if (server->state == FORK_SERVER_NONE) {
            server->argv = copy_list(spec->argv, spec->argc);
            server->env = copy_list(spec->env, spec->env_count);
            server->env_count = spec->env_count;
            server->fd = -1;
            if (server->argv && server->env) {
                server->state = FORK_SERVER_NEW;
                return server;
            }
            free(server->argv);
            free(server->env);
            return NULL;
        }
        if (same_list(server->argv, spec->argv) && same_list(server->env, spec->env))
            return server;
    }
    return NULL;
}

/* --------------------------------------------------------------------------------------- its end */

static void server_ended(struct agent *agent, struct fork_server *server)
{
    struct fork_wait *waits = server->waits;
    watch_remove(agent, server->fd);
    close_fd(&server->fd);
    if (server->pid > 0)
        kill(server->pid, SIGKILL);
    server_failed(server);
    server->waits = NULL;
    server->sent = 0;
    while (waits) {
        struct fork_wait *wait = waits;
        waits = wait->next;
        wait_end(agent, wait);
    }
}

/* ------------------------------------------------------------------------------ requests, answers */

static bool send_request(struct fork_server *server, struct fork_wait *wait)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(wait->ends.fds))];
    } control;
    struct iovec data = {.iov_base = wait->message, .iov_len = wait->length};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    memset(&control, 0, sizeof(control));
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(sizeof(wait->ends.fds));
    memcpy(CMSG_DATA(&control.header), wait->ends.fds, sizeof(wait->ends.fds));
    return sendmsg(server->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
}

/* What cannot be sent now is tried again with the next answer; the deadline is there for none. */
static void send_waiting(struct fork_server *server)
{
    for (struct fork_wait *wait = server->waits; wait; wait = wait->next) {
        if (server->state != FORK_SERVER_READY || server->sent == SENT_MAX)
            return;
        if (wait->sent)
            continue;
        if (!send_request(server, wait))
            return;
        if (server->sent++ == 0)
            server->deadline_ms = now_ms() + ANSWER_MS;
        wait->sent = true;
    }
}

static void forked(struct fork_wait *wait, pid_t pid)
{
    struct exec *exec = wait->exec;
    exec->pid = pid;
    exec->forked = true;
    if (exec->killed) { /* scans so far were of nothing */
        exec->settled = false;
        exec->clean_scans = 0;
        kill(pid, SIGKILL);
    }
    wait_free(wait);
}

static void answer(struct agent *agent, struct fork_server *server, uint32_t id, int32_t value)
{
    server->deadline_ms = now_ms() + ANSWER_MS;
    if (id == 0) {
        server->state = FORK_SERVER_READY;
    } else {
        struct fork_wait *wait = queue_remove(server, id);
        if (wait && value > 0) {
            server->failures = 0;
            forked(wait, value);
        } else if (wait) {
            wait_end(agent, wait);
        }
    }
    send_waiting(server);
}

static void read_answers(struct agent *agent, struct fork_server *server)
{
    uint8_t bytes[8];
    while (server->fd >= 0) {
        ssize_t n = recv(server->fd, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_TRUNC);
        if (n == (ssize_t)sizeof(bytes))
            answer(agent, server, wire_get_u32(bytes), (int32_t)wire_get_u32(bytes + 4));
        else if (n < 0 && errno == EAGAIN)
            return;
        else if (n < 0 && errno == ECONNRESET)
            continue; /* it left requests unread: told once, before the answers that still wait */
        else
            server_ended(agent, server);
    }
}

/* ---------------------------------------------------------------------------------- for the others */

bool fork_server_take(struct agent *agent, struct exec *exec, const struct fork_server_spec *spec,
                      const struct fork_server_call *call, struct exec_ends *ends)
{
    /* A payload with the agent's uid could get at a server. */
    if (spec->argc == 0 || agent->kill_mode != KILL_BY_GID || agent->config.privileged ||
        agent->config.uid == 0)
        return false;
    struct fork_server *server = server_find(agent, spec);
    if (!server || server->state == FORK_SERVER_USELESS)
        return false;
    /* Only what is run again is worth a server, which takes longer to start than one run does. */
    if (server->state == FORK_SERVER_NEW && !server->asked_for &&
        !(spec->flags & WIRE_FORK_SERVER_EAGER)) {
        server->asked_for = true;
        return false;
    }
    struct fork_wait *wait = wait_new(exec, call);
    if (!wait)
        return false;
    if (server->state == FORK_SERVER_NEW)
        server_start(agent, server);
    if (server->state == FORK_SERVER_NEW || server->state == FORK_SERVER_USELESS) {
        free(wait);
        return false;
    }
    exec->oom_before = cgroup_oom_kills(agent);
    exec->wait = wait;
    wait->ends = *ends;
    *ends = EXEC_ENDS_NONE;
    struct fork_wait **last = &server->waits;
    while (*last)
        last = &(*last)->next;
    *last = wait;
    send_waiting(server);
    return true;
}

void fork_server_event(struct agent *agent, size_t place)
{
    read_answers(agent, &agent->servers[place]);
}

void fork_server_kill(struct agent *agent, struct exec *exec)
{
    if (!exec->wait || exec->wait->sent) /* the answer says whom to kill */
        return;
    for (size_t i = 0; i < FORK_SERVERS_MAX; i++) {
        struct fork_wait *wait = queue_remove(&agent->servers[i], exec->id);
        if (wait)
            wait_end(agent, wait);
    }
}

bool fork_server_child_ended(struct agent *agent, pid_t pid)
{
    bool server_itself = false;
    for (size_t i = 0; i < FORK_SERVERS_MAX; i++) {
        struct fork_server *server = &agent->servers[i];
        if (server->state == FORK_SERVER_NONE)
            break;
        if (server->pid == pid) {
            server->pid = 0;
            server_itself = true;
        }
        read_answers(agent, server);
    }
    return server_itself;
}

void fork_servers_stop(struct agent *agent)
{
    for (size_t i = 0; i < FORK_SERVERS_MAX; i++) {
        struct fork_server *server = &agent->servers[i];
        if (server->state == FORK_SERVER_NONE)
            break;
        if (server->fd >= 0) {
            server_ended(agent, server);
            server->asked_for = true;
        }
        server->failures = 0;
        server->state = FORK_SERVER_NEW;
    }
}

void fork_servers_renew(struct agent *agent)
{
    for (size_t i = 0; i < FORK_SERVERS_MAX; i++) {
        struct fork_server *server = &agent->servers[i];
        if (server->asked_for && server->state == FORK_SERVER_NEW)
            server_start(agent, server);
    }
}

static bool server_waited_for(const struct fork_server *server)
{
    return server->state == FORK_SERVER_STARTING || server->sent > 0;
}

void fork_server_expire(struct agent *agent)
{
    for (size_t i = 0; i < FORK_SERVERS_MAX; i++) {
        struct fork_server *server = &agent->servers[i];
        if (!server_waited_for(server) || server->deadline_ms > now_ms())
            continue;
        /* What is answered by now counts, and nobody can answer any more: a call must not run twice. */
        shutdown(server->fd, SHUT_RDWR);
        read_answers(agent, server);
    }
}

int fork_server_wait_ms(const struct agent *agent)
{
    int64_t least = -1;
    for (size_t i = 0; i < FORK_SERVERS_MAX; i++) {
        const struct fork_server *server = &agent->servers[i];
        if (!server_waited_for(server))
            continue;
        int64_t left = server->deadline_ms - now_ms();
        left = left > 0 ? left : 0;
        least = least < 0 || left < least ? left : least;
    }
    return (int)least;
}
