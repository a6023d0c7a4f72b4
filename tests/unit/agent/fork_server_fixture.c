/*
 * fork_server_fixture.c - a fork server ("Fork servers" in docs/plugins.md) that does what its arguments
 * say, well or badly. Its children execute the program that they stand for.
 *
 *     report=FILE      before it is ready: append what it finds itself in
 *     start=FIFO       before it is ready: wait until somebody opens the FIFO for writing
 *     end              ends in place of getting ready
 *     gate=N:FIFO      before it looks at its Nth request: wait likewise
 *     die=N            ends in place of answering its Nth request
 *     answer=KIND      of what is in answer(), for the first request
 *     first=orphan     before the first fork: a child of the agent that ends at once
 *     child=exit       the children do nothing but exit with 7
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SOCKET 3
#define FIELDS_MAX 4096

struct setting {
    uid_t uid;
    gid_t gid;
    int priority;
    const char *folder;
    const char *limits[64];
    size_t limit_count;
};

struct request {
    uint32_t id;
    gid_t group;
    char **argv;
    char **env;
    int fds[3];
};

static const char *option(char **options, const char *name)
{
    size_t length = strlen(name);
    for (; *options; options++)
        if (strncmp(*options, name, length) == 0)
            return *options + length;
    return NULL;
}

static bool is(const char *value, const char *expected)
{
    return value && strcmp(value, expected) == 0;
}

/* --------------------------------------------------------------------------------- what it reads */

static size_t split(char *text, size_t length, char **fields)
{
    size_t count = 0;
    for (char *at = text; count < FIELDS_MAX && at <= text + length; at += strlen(at) + 1)
        fields[count++] = at;
    return count;
}

static void read_setting(struct setting *setting)
{
    static char text[65536];
    static char *fields[FIELDS_MAX];
    ssize_t n = read(SOCKET, text, sizeof(text) - 1);
    size_t count = n > 0 ? split(text, (size_t)n, fields) : 0;
    if (count < 4)
        _exit(1);
    setting->uid = (uid_t)atoi(fields[0]);
    setting->gid = (gid_t)atoi(fields[1]);
    setting->priority = atoi(fields[2]);
    setting->folder = fields[3];
    for (size_t i = 4; i + 1 < count && setting->limit_count < 64; i++)
        setting->limits[setting->limit_count++] = fields[i];
    if (count > 4)
        setting->limits[setting->limit_count++] = fields[count - 1];
}

/* False at the end of the stream. */
static bool read_request(struct request *request)
{
    static char text[131072];
    static char *fields[FIELDS_MAX];
    static char *argv[FIELDS_MAX];
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(request->fds))];
    } control;
    struct iovec data = {.iov_base = text, .iov_len = sizeof(text) - 1};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    ssize_t n = recvmsg(SOCKET, &message, MSG_CMSG_CLOEXEC);
    if (n <= 0)
        return false;
    text[n] = '\0';
    size_t count = split(text, (size_t)n, fields);
    size_t argc = count > 3 ? (size_t)atoi(fields[2]) : 0;
    if (argc == 0 || argc > count - 3 || count == FIELDS_MAX ||
        message.msg_controllen != sizeof(control.bytes))
        _exit(1);
    request->id = (uint32_t)strtoul(fields[0], NULL, 10);
    request->group = (gid_t)atoi(fields[1]);
    memcpy(argv, fields + 3, argc * sizeof(*argv));
    argv[argc] = NULL;
    fields[count] = NULL;
    request->argv = argv;
    request->env = fields + 3 + argc;
    memcpy(request->fds, CMSG_DATA(&control.header), sizeof(request->fds));
    return true;
}

/* ------------------------------------------------------------------------------- what it answers */

static void send_answer(uint32_t id, int32_t value, size_t length)
{
    uint8_t bytes[9] = {
        (uint8_t)id,    (uint8_t)(id >> 8),    (uint8_t)(id >> 16),    (uint8_t)(id >> 24),
        (uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16), (uint8_t)(value >> 24)};
    (void)!write(SOCKET, bytes, length);
}

/* The child's. */
static void answer(uint32_t id, const char *kind)
{
    if (is(kind, "unknown"))
        send_answer(id + 1000, 1, 8);
    if (is(kind, "ready-again"))
        send_answer(0, 0, 8);
    send_answer(id, (int32_t)getpid(), 8);
    if (is(kind, "twice"))
        send_answer(id, (int32_t)getpid(), 8);
}

/* In place of a child. Whether `kind` is one of these. */
static bool answer_without_child(uint32_t id, const char *kind)
{
    if (is(kind, "zero"))
        send_answer(id, 0, 8);
    else if (is(kind, "error"))
        send_answer(id, -EAGAIN, 8);
    else if (is(kind, "short"))
        send_answer(id, (int32_t)getpid(), 7);
    else if (is(kind, "long"))
        send_answer(id, (int32_t)getpid(), 9);
    else
        return is(kind, "none");
    return true;
}

/* ------------------------------------------------------------------------------------- the child */

static void give_up_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {{0}};
    if (syscall(SYS_capset, &header, none) < 0 || prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0)
        _exit(126);
}

static void set_limits(const struct setting *setting)
{
    for (size_t i = 0; i + 1 < setting->limit_count; i += 2) {
        rlim_t most = strtoull(setting->limits[i + 1], NULL, 10);
        struct rlimit limit = {most, most};
        if (setrlimit((__rlimit_resource_t)atoi(setting->limits[i]), &limit) < 0)
            _exit(126);
    }
}

static _Noreturn void child(const struct setting *setting, const struct request *request,
                            const char *kind, bool only_exits)
{
    for (int i = 0; i < 3; i++)
        dup2(request->fds[i], i);
    setsid();
    setpriority(PRIO_PROCESS, 0, setting->priority);
    set_limits(setting);
    if (setgroups(1, &request->group) < 0 ||
        setresgid(setting->gid, setting->gid, setting->gid) < 0 ||
        setresuid((uid_t)-1, setting->uid, (uid_t)-1) < 0 || chdir(setting->folder) < 0)
        _exit(126);
    answer(request->id, kind);
    if (only_exits)
        _exit(7);
    close(SOCKET);
    if (setresuid(setting->uid, setting->uid, setting->uid) < 0)
        _exit(126);
    give_up_capabilities();
    execvpe(request->argv[0], request->argv, request->env);
    _exit(127);
}

/* True in a child of the agent. */
static bool fork_twice(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        if (fork() == 0)
            return true;
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    return false;
}

/* ------------------------------------------------------------------------------------- the server */

static void wait_at(const char *fifo)
{
    int fd = fifo ? open(fifo, O_RDONLY | O_CLOEXEC) : -1;
    char byte;
    if (fd >= 0) {
        (void)!read(fd, &byte, 1);
        close(fd);
    }
}

static void report(const char *path, char **env)
{
    FILE *file = fopen(path, "ae");
    FILE *status = fopen("/proc/self/status", "re");
    char line[256];
    char folder[256] = "";
    if (!file || !status)
        _exit(1);
    fprintf(file, "server\n");
    for (; *env; env++)
        fprintf(file, "env %s\n", *env);
    while (fgets(line, sizeof(line), status))
        if (strncmp(line, "Cap", 3) == 0 || strncmp(line, "NoNew", 5) == 0 ||
            strncmp(line, "Seccomp:", 8) == 0 || strncmp(line, "Uid", 3) == 0)
            fputs(line, file);
    fclose(status);
    fclose(file);
    file = fopen(path,
                 "ae"); /* the descriptors that are there without one of its own: as at its start */
    for (int fd = 0; file && fd < 1024; fd++)
        if (fd != fileno(file) && fcntl(fd, F_GETFD) >= 0)
            fprintf(file, "descriptor %d\n", fd);
    if (file && getcwd(folder, sizeof(folder)))
        fprintf(file, "folder %s\n%s", folder, getsid(0) == getpid() ? "session\n" : "");
    if (file)
        fclose(file);
}

static void serve(const struct setting *setting, char **options)
{
    const char *gate = option(options, "gate=");
    const char *die = option(options, "die=");
    const char *kind = option(options, "answer=");
    bool orphan = option(options, "first=orphan") != NULL;
    bool only_exits = option(options, "child=exit") != NULL;
    struct request request;
    for (int n = 1; read_request(&request); n++) {
        if (gate && atoi(gate) == n)
            wait_at(strchr(gate, ':') + 1);
        if (die && atoi(die) == n)
            _exit(1);
        if (orphan && n == 1 && fork_twice())
            _exit(0);
        if (!(n == 1 && answer_without_child(request.id, kind)) && fork_twice())
            child(setting, &request, n == 1 ? kind : NULL, only_exits);
        for (int i = 0; i < 3; i++)
            close(request.fds[i]);
    }
}

int main(int argc, char **argv, char **env)
{
    struct setting setting = {0};
    char **options = argv + 1;
    const char *path = option(options, "report=");
    (void)argc;
    read_setting(&setting);
    if (path)
        report(path, env);
    wait_at(option(options, "start="));
    if (option(options, "end"))
        return 0;
    send_answer(0, 0, 8);
    serve(&setting, options);
    return 0;
}
