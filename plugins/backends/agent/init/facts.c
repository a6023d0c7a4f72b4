/*
 * facts.c - see facts.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "facts.h"

#include "cgroup.h"
#include "child.h"
#include "drop.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/utsname.h>
#include <sys/wait.h>

/* statfs(2), f_flags: the same numbers as mount(2)'s */
#define FLAG_RDONLY 1
#define FLAG_NOSUID 2
#define FLAG_NODEV 4
#define FLAG_NOEXEC 8

/* The child could not take the gid; the parent then tries without. */
#define EXIT_NO_GID 3

struct facts {
    char text[FACTS_MAX];
    size_t length;
};

__attribute__((format(printf, 2, 3))) static void add(struct facts *facts, const char *format, ...)
{
    va_list args;
    size_t left = sizeof(facts->text) - facts->length;
    va_start(args, format);
    int n = vsnprintf(facts->text + facts->length, left, format, args);
    va_end(args);
    if (n > 0 && (size_t)n < left) /* one that does not fit is left out whole */
        facts->length += (size_t)n;
    else
        facts->text[facts->length] = '\0';
}

/* ----------------------------------------------------------------------------------- the process */

static void add_status(struct facts *facts, const char *status, const char *field, const char *key)
{
    const char *p = strstr(status, field);
    if (!p)
        return;
    p += strlen(field);
    p += strspn(p, " \t");
    add(facts, "%s=%.*s\n", key, (int)strcspn(p, " \t\n"), p);
}

static void add_process(struct facts *facts)
{
    char status[4096];
    struct utsname name;
    if (uname(&name) == 0)
        add(facts, "arch=%s\n", name.machine);
    add(facts, "uid=%u\ngid=%u\n", (unsigned)getuid(), (unsigned)getgid());
    if (read_text(AT_FDCWD, "/proc/self/status", status, sizeof(status)) < 0)
        return;
    add_status(facts, status, "\nCapEff:", "cap_eff");
    add_status(facts, status, "\nCapPrm:", "cap_prm");
    add_status(facts, status, "\nCapBnd:", "cap_bnd");
    add_status(facts, status, "\nCapAmb:", "cap_amb");
    add_status(facts, status, "\nNoNewPrivs:", "no_new_privs");
    add_status(facts, status, "\nSeccomp:", "seccomp");
    add_status(facts, status, "\nSeccomp_filters:", "seccomp_filters");
}

static void add_process_limit(struct facts *facts)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NPROC, &limit) == 0 && limit.rlim_max != RLIM_INFINITY)
        add(facts, "nproc=%llu\n", (unsigned long long)limit.rlim_max);
}

static void add_uid_map(struct facts *facts)
{
    char text[4096];
    unsigned long inside, outside, count;
    if (read_text(AT_FDCWD, "/proc/self/uid_map", text, sizeof(text)) > 0 &&
        sscanf(text, "%lu %lu %lu", &inside, &outside, &count) == 3)
        add(facts, "uid_map=%lu %lu %lu\n", inside, outside, count);
}

/* ------------------------------------------------------------------------------------- the group */

/* "max", or a number; version 1 writes a number near 2^63 for none. */
static bool parse_limit(const char *text, bool *ret_max, uint64_t *ret_value)
{
    char *end;
    *ret_max = strncmp(text, "max", 3) == 0;
    *ret_value = strtoull(text, &end, 10);
    if (*ret_value >= (UINT64_C(1) << 62))
        *ret_max = true;
    return *ret_max || end != text;
}

static void add_limit(struct facts *facts, const char *key, bool max, uint64_t value)
{
    if (max)
        add(facts, "%s=max\n", key);
    else
        add(facts, "%s=%llu\n", key, (unsigned long long)value);
}

static void add_memory(struct facts *facts)
{
    char text[128];
    int version;
    bool max;
    bool swap_max;
    uint64_t memory;
    uint64_t swap;
    if (cgroup_read("memory", "memory.max", "memory.limit_in_bytes", text, sizeof(text), &version) <
            0 ||
        !parse_limit(text, &max, &memory))
        return;
    add_limit(facts, "memory_max", max, memory);
    if (cgroup_read("memory", "memory.swap.max", "memory.memsw.limit_in_bytes", text, sizeof(text),
                    &version) < 0 ||
        !parse_limit(text, &swap_max, &swap))
        return;
    if (version == 2) { /* of swap alone there */
        swap += memory;
        swap_max = swap_max || max;
    }
    add_limit(facts, "memory_swap_max", swap_max, swap);
}

static void add_pids(struct facts *facts)
{
    char text[128];
    int version;
    bool max;
    uint64_t value;
    if (cgroup_read("pids", "pids.max", "pids.max", text, sizeof(text), &version) >= 0 &&
        parse_limit(text, &max, &value))
        add_limit(facts, "pids_max", max, value);
}

static void add_cpu(struct facts *facts)
{
    char quota[128];
    char period[128];
    int version;
    if (cgroup_read("cpu", "cpu.max", "cpu.cfs_quota_us", quota, sizeof(quota), &version) < 0)
        return;
    if (version == 2) { /* "QUOTA PERIOD" */
        size_t length = strcspn(quota, " ");
        snprintf(period, sizeof(period), "%s", quota[length] ? quota + length + 1 : "100000");
        quota[length] = '\0';
    } else if (cgroup_read("cpu", NULL, "cpu.cfs_period_us", period, sizeof(period), &version) <
               0) {
        return;
    }
    add(facts, "cpu_quota=%s\ncpu_period=%s\n", quota[0] == '-' ? "max" : quota, period);
}

/* --------------------------------------------------------------------------- mounts and interfaces */

static void add_mount(struct facts *facts, const char *path)
{
    static const struct {
        unsigned long flag;
        const char *name;
    } names[] = {{FLAG_RDONLY, "ro"},
                 {FLAG_NOSUID, "nosuid"},
                 {FLAG_NODEV, "nodev"},
                 {FLAG_NOEXEC, "noexec"}};
    struct statfs fs;
    char flags[64] = "";
    if (strchr(path, '\n') || statfs(path, &fs) < 0)
        return;
    for (size_t i = 0; i < AGENT_COUNT(names); i++)
        if ((unsigned long)fs.f_flags & names[i].flag) {
            size_t length = strlen(flags);
            snprintf(flags + length, sizeof(flags) - length, "%s%s", length > 0 ? "+" : "",
                     names[i].name);
        }
    add(facts, "mount:%s=%lx,%llu,%s\n", path, (unsigned long)fs.f_type,
        (unsigned long long)fs.f_blocks * (unsigned long long)fs.f_bsize, flags);
}

static void add_root(struct facts *facts)
{
    struct statfs fs;
    if (statfs("/", &fs) == 0)
        add(facts, "root_read_only=%d\n", (unsigned long)fs.f_flags & FLAG_RDONLY ? 1 : 0);
}

/* /proc/self/net/dev: two lines of heading, then "  NAME: numbers". */
static void add_interfaces(struct facts *facts)
{
    char text[8192];
    char names[1024] = "";
    size_t length = 0;
    if (read_text(AT_FDCWD, "/proc/self/net/dev", text, sizeof(text)) < 0)
        return;
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        char *colon = strchr(line, ':');
        line += strspn(line, " ");
        if (!colon || length + 20 > sizeof(names))
            continue;
        length += (size_t)snprintf(names + length, sizeof(names) - length, "%s%.*s",
                                   length > 0 ? "," : "", (int)(colon - line), line);
    }
    add(facts, "interfaces=%s\n", names);
}

/* ------------------------------------------------------------------------------------------ probe */

static void collect(const struct agent *agent, struct facts *facts)
{
    add(facts, "build=" AGENT_VERSION "\n");
    add(facts, "kill=%s\n", agent->kill_mode == KILL_BY_GID ? "gid" : "subreaper");
    add_process(facts);
    add_process_limit(facts);
    add_uid_map(facts);
    add_memory(facts);
    add_pids(facts);
    add_cpu(facts);
    add_root(facts);
    add_interfaces(facts);
    for (char **check = agent->config.checks; check && *check; check++)
        add_mount(facts, *check);
}

static _Noreturn void probe(const struct agent *agent, int to)
{
    bool with_gid = agent->kill_mode == KILL_BY_GID;
    const char *what = "";
    char reason[200];
    struct facts facts = {.length = 0};
    if (dup2(to, 1) < 0)
        _exit(1);
    int r = drop_in_child(&agent->config, with_gid ? agent->gid_first : 0, false, &what);
    if (r < 0) {
        int n = snprintf(reason, sizeof(reason), "a payload cannot %s: %s", what, error_text(-r));
        (void)write_all(1, reason, (size_t)n);
        _exit(with_gid && strstr(what, "group") ? EXIT_NO_GID : 1);
    }
    collect(agent, &facts);
    _exit(write_all(1, facts.text, facts.length) < 0);
}

/* The exit status of the probe, with what it wrote; -1 when it could not be started. */
static int run_probe(struct agent *agent, char *text, size_t size)
{
    int fds[2];
    int status;
    if (pipe2(fds, O_CLOEXEC) < 0)
        return -1;
    pid_t pid = fork();
    if (pid == 0)
        probe(agent, fds[1]);
    close(fds[1]);
    ssize_t n = pid > 0 ? read_all(fds[0], text, size - 1) : -1;
    close(fds[0]);
    text[n > 0 ? n : 0] = '\0';
    if (pid < 0 || waitpid(pid, &status, 0) < 0)
        return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int facts_collect(struct agent *agent, char *text, size_t size, char *reason, size_t reason_size)
{
    int r = run_probe(agent, text, size);
    if (r == EXIT_NO_GID) {
        agent->kill_mode = KILL_BY_SUBREAPER;
        r = run_probe(agent, text, size);
    }
    if (r == 0)
        return 0;
    snprintf(reason, reason_size, "%s", r > 0 && text[0] ? text : "cannot start a process");
    return -1;
}
