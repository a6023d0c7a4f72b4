/*
 * reset_clean.c - the part of a reset that runs in a child with the payload's rights, when no other process is left:
 * what a payload can leave behind that outlives it. It has no more rights than a payload, so what it can
 * find and cannot empty is told, and never passed over.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "file_names.h"
#include "file_op.h"
#include "kernel.h"
#include "reset.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#define DEPTH_MAX 16
#define XATTRS_MAX 65536

/* Some text of the kernel's has long lines: overlayfs names all of its layers. */
#define LINE_MAX_BYTES 65536

/* -------------------------------------------------------------------------------------- folders */

/* Also what the payload could make writable. Of the groups of executions none owns what is not the payload's. */
static bool payload_can_write(const struct stat *st)
{
    return st->st_uid == geteuid() || (st->st_mode & S_IWOTH) ||
           (st->st_gid == getegid() && (st->st_mode & S_IWGRP));
}

struct cleaning {
    mode_t mode; /* of folders that are the payload's own */
    struct file_reason *why;
};

static int not_empty(const struct cleaning *cleaning, const char *path)
{
    return file_fail(cleaning->why, ENOTSUP, "'%.120s' can be written and not be emptied", path);
}

/* They can hold as much as a small file. */
static int remove_xattrs(int fd)
{
    static char names[XATTRS_MAX];
    ssize_t length = flistxattr(fd, names, sizeof(names));
    if (length < 0)
        return errno == ENOTSUP ? 0 : -errno;
    for (const char *name = names; name < names + length; name += strlen(name) + 1)
        if (fremovexattr(fd, name) < 0)
            return -errno;
    return 0;
}

static int clear_flags(int fd)
{
    long flags = 0;
    if (ioctl(fd, KERNEL_FS_IOC_GETFLAGS, &flags) < 0 || flags == 0)
        return 0; /* not to be had here, or none is set */
    flags = 0;
    return ioctl(fd, KERNEL_FS_IOC_SETFLAGS, &flags) < 0 ? -errno : 0;
}

static int empty(const struct cleaning *cleaning, int folder, bool own)
{
    int copy = fcntl(folder, F_DUPFD_CLOEXEC, 3);
    int r = copy < 0 ? -errno : file_remove_content(copy, true);
    if (r == 0 && own)
        r = fchown(folder, (uid_t)-1, getegid()) < 0 ? -errno : remove_xattrs(folder);
    if (r == 0 && own)
        r = clear_flags(folder);
    if (r == 0 && own &&
        fchmod(folder, cleaning->mode) < 0) /* after xattrs: an access list is one */
        r = -errno;
    (void)futimens(folder, NULL);
    return r;
}

static int clean_folder(int parent, const char *name, const char *path, int depth,
                        const struct cleaning *cleaning);

/* One that the payload cannot write to, though perhaps to something in it. */
static int search(int folder, const char *path, int depth, const struct cleaning *cleaning)
{
    struct file_names names;
    struct stat own, st;
    int r = fstat(folder, &own) < 0 ? -errno : file_names_read(folder, &names);
    if (r < 0)
        return r;
    for (size_t i = 0; r == 0 && i < names.count; i++) {
        if (fstatat(folder, names.all[i], &st, AT_SYMLINK_NOFOLLOW) < 0)
            r = -errno;
        else if (st.st_dev != own.st_dev) /* another mount, which has its own line */
            continue;
        else if (S_ISDIR(st.st_mode))
            r = depth < DEPTH_MAX ? clean_folder(folder, names.all[i], path, depth + 1, cleaning)
                                  : not_empty(cleaning, path);
        else if (S_ISREG(st.st_mode) && payload_can_write(&st))
            r = not_empty(cleaning, path);
    }
    file_names_free(&names);
    return r;
}

static int clean_folder(int parent, const char *name, const char *path, int depth,
                        const struct cleaning *cleaning)
{
    struct stat st;
    if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return file_fail(cleaning->why, errno, "'%.120s'", path);
    bool own = st.st_uid == geteuid();
    if (own)
        (void)fchmodat(parent, name, 0700, 0);
    CLEANUP_FD int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int r = fd < 0 ? -errno : 0;
    if (r == 0)
        r = payload_can_write(&st) ? empty(cleaning, fd, own) : search(fd, path, depth, cleaning);
    return r < 0 && cleaning->why->text[0] == '\0'
               ? file_fail(cleaning->why, -r, "empty '%.120s'", path)
               : r;
}

/* --------------------------------------------------------------------------------------- mounts */

struct mount {
    char *path;
    const char *type;
    bool read_only;
};

/* "\040" -> " ", in place. */
static void unescape(char *text)
{
    char *to = text;
    for (const char *from = text; *from; to++) {
        unsigned code;
        if (from[0] == '\\' && sscanf(from + 1, "%3o", &code) == 1) {
            *to = (char)code;
            from += 4;
        } else {
            *to = *from++;
        }
    }
    *to = '\0';
}

static bool first_is_ro(const char *options)
{
    return options && strncmp(options, "ro", 2) == 0 && strchr(",\n", options[2]);
}

/* A line of /proc/PID/mountinfo, proc(5); it is cut into pieces. */
static bool parse_mount(char *line, struct mount *ret)
{
    char *fields[6] = {NULL}, *rest = strstr(line, " - "), *at = NULL;
    if (!rest)
        return false;
    *rest = '\0';
    fields[0] = strtok_r(line, " ", &at);
    for (int i = 1; i < 6 && fields[i - 1]; i++)
        fields[i] = strtok_r(NULL, " ", &at);
    ret->type = strtok_r(rest + 3, " ", &at);
    const char *source = strtok_r(NULL, " ", &at), *super = strtok_r(NULL, " ", &at);
    if (!fields[5] || !ret->type || !source)
        return false;
    ret->path = fields[4];
    unescape(ret->path);
    ret->read_only = first_is_ro(fields[5]) || strcmp(fields[5], "ro") == 0 || first_is_ro(super);
    return true;
}

/* Where nothing can be left: what is in it is the kernel's. */
static bool is_kernels(const char *type)
{
    static const char *const types[] = {"proc", "sysfs", "cgroup", "cgroup2", "devpts"};
    for (size_t i = 0; i < AGENT_COUNT(types); i++)
        if (strcmp(type, types[i]) == 0)
            return true;
    return false;
}

/* The volume by which the agent itself came: nobody else can write to it. */
static bool holds_agent(const char *path)
{
    char exe[4096];
    size_t length = strlen(path);
    ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
    if (n < 0)
        return false;
    exe[n] = '\0';
    return length > 1 && strncmp(exe, path, length) == 0 && exe[length] == '/';
}

static int clean_mount(const struct mount *mount, const struct cleaning *cleaning)
{
    struct stat st;
    if (mount->read_only || is_kernels(mount->type))
        return 0;
    if (lstat(mount->path, &st) < 0)
        return errno == ENOENT ? 0 : file_fail(cleaning->why, errno, "'%.120s'", mount->path);
    if (!S_ISDIR(st.st_mode))
        return S_ISREG(st.st_mode) && payload_can_write(&st) ? not_empty(cleaning, mount->path) : 0;
    if (strcmp(mount->type, "tmpfs") == 0 || strcmp(mount->type, "mqueue") == 0)
        return clean_folder(AT_FDCWD, mount->path, mount->path, 0, cleaning);
    return holds_agent(mount->path) ? 0 : not_empty(cleaning, mount->path);
}

/* Message queues that have no folder cannot be found: then there must be none. */
static int check_queues(struct file_reason *why)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_MSGQUEUE, &limit) == 0 && limit.rlim_cur == 0)
        return 0;
    if (syscall(SYS_mq_open, "enclave-reset", O_RDONLY, 0, NULL) < 0 && errno != ENOENT)
        return 0;
    return file_fail(why, ENOTSUP, "message queues can be made and not be found");
}

static int clean_mounts(const struct cleaning *cleaning)
{
    struct file_reason *why = cleaning->why;
    static char line[LINE_MAX_BYTES];
    bool queues = false;
    int r = 0;
    FILE *file = fopen("/proc/self/mountinfo", "re");
    if (!file)
        return file_fail(why, errno, "/proc/self/mountinfo");
    while (r == 0 && fgets(line, sizeof(line), file)) {
        struct mount mount;
        if (!strchr(line, '\n') || !parse_mount(line, &mount)) {
            r = file_fail(why, EPROTO, "/proc/self/mountinfo");
        } else {
            r = clean_mount(&mount, cleaning);
            queues |= strcmp(mount.type, "mqueue") == 0;
        }
    }
    fclose(file);
    return r == 0 && !queues ? check_queues(why) : r;
}

/* --------------------------------------------------------------------------------------- System V */

static int remove_shm(int id)
{
    return shmctl(id, IPC_RMID, NULL);
}

static int remove_msg(int id)
{
    return msgctl(id, IPC_RMID, NULL);
}

static int remove_sem(int id)
{
    return semctl(id, 0, IPC_RMID);
}

/* The ids are the second column, sysvipc(7). The number of those removed, or -errno. */
static int remove_listed(const char *path, int (*remove_one)(int id))
{
    char line[512];
    int count = 0, id;
    FILE *file = fopen(path, "re");
    if (!file)
        return errno == ENOENT ? 0 : -errno; /* a kernel without them */
    while (count >= 0 && fgets(line, sizeof(line), file)) {
        if (sscanf(line, "%*d %d", &id) != 1) /* the heading */
            continue;
        count = remove_one(id) < 0 ? -errno : count + 1;
    }
    fclose(file);
    return count;
}

static int clean_ipc(struct file_reason *why)
{
    static const struct {
        const char *path;
        int (*remove_one)(int id);
    } kinds[] = {{"/proc/sysvipc/shm", remove_shm},
                 {"/proc/sysvipc/msg", remove_msg},
                 {"/proc/sysvipc/sem", remove_sem}};
    for (size_t i = 0; i < AGENT_COUNT(kinds); i++) {
        int r;
        while ((r = remove_listed(kinds[i].path, kinds[i].remove_one)) > 0)
            continue; /* until a look finds none */
        if (r < 0)
            return file_fail(why, -r, "empty '%s'", kinds[i].path);
    }
    return 0;
}

int reset_clean(const struct file_request *request, struct file_reason *why)
{
    const struct cleaning cleaning = {.mode = (mode_t)request->mode, .why = why};
    int r = clean_mounts(&cleaning);
    return r == 0 ? clean_ipc(why) : r;
}
