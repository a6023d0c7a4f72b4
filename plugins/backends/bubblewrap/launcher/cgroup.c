/*
 * cgroup.c - see cgroup.h.
 *
 * Everything lies below the launcher's own cgroup where that is allowed, so that limits of the
 * manager hold for its sandboxes too, else as near as can be. In version 2 a cgroup with processes
 * has no children with limits, so it is the first ancestor that allows it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROOT "/sys/fs/cgroup"
#define PREFIX "enclave-"
#define BOX "box%u"
#define MAKE_TRIES 8

/* ---------------------------------------------------------------------------------- small files */

/* A short file's text, without its newline; -1 when it is not to be read. */
static int read_file(const char *folder, const char *name, char *text, size_t size)
{
    char path[2 * CGROUP_PATH_MAX];
    int fd;
    ssize_t n;

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }
    n = read(fd, text, size - 1);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return n < 0 ? -1 : 0;
}

static int write_file(const char *folder, const char *name, const char *text)
{
    char path[2 * CGROUP_PATH_MAX];
    size_t length = strlen(text);
    int fd;
    int r = 0;

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    if (write(fd, text, length) != (ssize_t)length) {
        r = -errno;
    }
    close(fd);
    return r;
}

static int write_number(const char *folder, const char *name, uint64_t number)
{
    char text[24];

    (void)snprintf(text, sizeof text, "%" PRIu64, number);
    return write_file(folder, name, text);
}

static int has_file(const char *folder, const char *name)
{
    char path[2 * CGROUP_PATH_MAX];

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return access(path, F_OK) == 0;
}

/* Whether `list` ("cpu,cpuacct", "cpuset cpu memory") names `word`. */
static int names(const char *list, const char *word)
{
    size_t length = strlen(word);

    for (const char *p = list; *p; p += strcspn(p, ", "), p += strspn(p, ", ")) {
        if (strncmp(p, word, length) == 0 && strchr(", ", p[length])) {
            return 1;
        }
    }
    return 0;
}

/* -------------------------------------------------------------------------------- own cgroup */

/* The path of this process in the hierarchy of `controller` ("": version 2), and the names of all
 * controllers there. Lines are N:LIST:PATH. */
static int own_path(const char *controller, char *list, size_t list_size, char *path, size_t size)
{
    FILE *file = fopen("/proc/self/cgroup", "re");
    char line[CGROUP_PATH_MAX];
    int found = 0;

    while (file && !found && fgets(line, sizeof line, file)) {
        char *first = strchr(line, ':');
        char *second = first ? strchr(first + 1, ':') : NULL;

        if (!second) {
            continue;
        }
        *second++ = '\0';
        second[strcspn(second, "\n")] = '\0';
        found = *controller ? names(first + 1, controller) : first[1] == '\0';
        (void)snprintf(list, list_size, "%s", first + 1);
        (void)snprintf(path, size, "%s", strcmp(second, "/") == 0 ? "" : second);
    }
    if (file) {
        (void)fclose(file);
    }
    return found ? 0 : -1;
}

/* ----------------------------------------------------------------------------- what was left */

static void remove_boxes(const char *folder)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;

    while (dir && (entry = readdir(dir)) != NULL) {
        if (strncmp(entry->d_name, "box", 3) == 0) {
            (void)unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR);
        }
    }
    if (dir) {
        closedir(dir);
    }
}

/* A launcher that was killed could not remove its folder; what nobody holds the lock of is empty by
 * now, or soon will be. */
static void remove_stale(const char *base)
{
    DIR *dir = opendir(base);
    const struct dirent *entry;
    char path[2 * CGROUP_PATH_MAX];

    while (dir && (entry = readdir(dir)) != NULL) {
        int fd;

        if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) != 0) {
            continue;
        }
        (void)snprintf(path, sizeof path, "%s/%s", base, entry->d_name);
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) {
            remove_boxes(path);
            (void)rmdir(path);
        }
        if (fd >= 0) {
            close(fd);
        }
    }
    if (dir) {
        closedir(dir);
    }
}

/* ------------------------------------------------------------------------------ finding a place */

/* Our folder in `base`. Between making and locking it another launcher may take it for stale. */
static int make_own(struct cgroup_hierarchy *h, const char *controller, const char *base)
{
    for (int i = 0; i < MAKE_TRIES; i++) {
        uint64_t random = 0;
        int n;

        (void)!getrandom(&random, sizeof random, 0);
        n = snprintf(h->path, sizeof h->path, "%s/" PREFIX "%016" PRIx64, base, random);
        if (n < 0 || (size_t)n >= sizeof h->path || mkdir(h->path, 0755) < 0) {
            return -1;
        }
        h->controller = controller;
        h->fd = open(h->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (h->fd >= 0 && flock(h->fd, LOCK_EX | LOCK_NB) == 0 && access(h->path, F_OK) == 0) {
            remove_stale(base);
            return 0;
        }
        if (h->fd >= 0) {
            close(h->fd);
        }
        (void)rmdir(h->path);
    }
    return -1;
}

static int open_v1(struct cgroups *cgroups, const char *controller)
{
    struct cgroup_hierarchy *h = &cgroups->hierarchies[cgroups->count];
    char list[256];
    char own[CGROUP_PATH_MAX / 2];
    char base[CGROUP_PATH_MAX];

    if (own_path(controller, list, sizeof list, own, sizeof own) != 0) {
        return 0;
    }
    /* In a cgroup namespace, or with a part of the tree mounted, the path need not be there. */
    for (int i = 0; i < 4; i++) {
        (void)snprintf(base, sizeof base, ROOT "/%s%s", i & 1 ? controller : list,
                       i < 2 ? own : "");
        if (make_own(h, controller, base) == 0) {
            cgroups->count++;
            return 1;
        }
    }
    return 0;
}

static void find_v1(struct cgroups *cgroups, struct launcher_hello *hello)
{
    hello->memory = (uint32_t)open_v1(cgroups, "memory");
    hello->swap =
        hello->memory && has_file(cgroups->hierarchies[0].path, "memory.memsw.limit_in_bytes");
    hello->pids = (uint32_t)open_v1(cgroups, "pids");
    hello->cpu = (uint32_t)open_v1(cgroups, "cpu");
    if (hello->cpu &&
        !has_file(cgroups->hierarchies[cgroups->count - 1].path, "cpu.cfs_quota_us")) {
        hello->cpu = 0; /* a kernel without CONFIG_CFS_BANDWIDTH */
    }
    hello->cgroup_version = cgroups->count > 0;
}

/* Have the children of `folder` limit what can be limited; what they can is in `enabled`. */
static void enable(const char *folder, char *enabled, size_t size)
{
    static const char *const wanted[] = {"+memory", "+pids", "+cpu"};

    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        (void)write_file(folder, "cgroup.subtree_control", wanted[i]);
    }
    if (read_file(folder, "cgroup.subtree_control", enabled, size) != 0) {
        *enabled = '\0';
    }
}

/* To move a process there, one has to be allowed to write to what is above both. */
static int can_move_below(const char *base)
{
    char path[2 * CGROUP_PATH_MAX];

    (void)snprintf(path, sizeof path, "%s/cgroup.procs", base);
    return access(path, W_OK) == 0;
}

static void find_v2(struct cgroups *cgroups, struct launcher_hello *hello)
{
    char list[16];
    char base[CGROUP_PATH_MAX];
    char own[CGROUP_PATH_MAX / 2];
    char enabled[256];
    struct cgroup_hierarchy *h = &cgroups->hierarchies[0];

    if (own_path("", list, sizeof list, own, sizeof own) != 0) {
        return;
    }
    for (;;) {
        (void)snprintf(base, sizeof base, ROOT "%s", own);
        enable(base, enabled, sizeof enabled);
        if (names(enabled, "memory") && names(enabled, "pids") && can_move_below(base) &&
            make_own(h, "", base) == 0) {
            break;
        }
        if (!*own) {
            return;
        }
        *strrchr(own, '/') = '\0';
    }
    cgroups->count = 1;
    enable(h->path, enabled, sizeof enabled);
    hello->cgroup_version = 2;
    hello->memory = (uint32_t)names(enabled, "memory");
    hello->swap = hello->memory && has_file(h->path, "memory.swap.max");
    hello->pids = (uint32_t)names(enabled, "pids");
    hello->cpu = (uint32_t)names(enabled, "cpu");
}

void cgroups_open(struct cgroups *cgroups, struct launcher_hello *hello)
{
    cgroups->count = 0;
    if (has_file(ROOT, "cgroup.controllers")) {
        find_v2(cgroups, hello);
    } else {
        find_v1(cgroups, hello);
    }
}

void cgroups_close(struct cgroups *cgroups)
{
    for (size_t i = 0; i < cgroups->count; i++) {
        struct cgroup_hierarchy *h = &cgroups->hierarchies[i];

        (void)rmdir(h->path);
        close(h->fd);
        *strrchr(h->path, '/') = '\0';
        remove_stale(h->path); /* what was busy yet when this one started */
    }
    cgroups->count = 0;
}

/* --------------------------------------------------------------------------------- of a sandbox */

void cgroup_paths(const struct cgroups *cgroups, size_t hierarchy, unsigned number,
                  char folder[CGROUP_PATH_MAX], char inside[CGROUP_PATH_MAX])
{
    const struct cgroup_hierarchy *h = &cgroups->hierarchies[hierarchy];

    (void)snprintf(folder, CGROUP_PATH_MAX, "%.*s/" BOX, CGROUP_PATH_MAX - 20, h->path, number);
    (void)snprintf(inside, CGROUP_PATH_MAX, ROOT "%s%s", *h->controller ? "/" : "", h->controller);
}

static int limit_v1(const char *controller, const char *folder,
                    const struct launcher_request *request)
{
    int r = 0;

    if (strcmp(controller, "memory") == 0 && request->memory) {
        r = write_number(folder, "memory.limit_in_bytes", request->memory);
        if (r == 0 && write_number(folder, "memory.memsw.limit_in_bytes", request->memory) < 0) {
            r = write_file(folder, "memory.swappiness", "0"); /* unaccounted: then none at all */
        }
    } else if (strcmp(controller, "pids") == 0 && request->pids) {
        r = write_number(folder, "pids.max", request->pids);
    } else if (strcmp(controller, "cpu") == 0 && request->cpu_quota_us) {
        r = write_number(folder, "cpu.cfs_period_us", request->cpu_period_us);
        r = r < 0 ? r : write_number(folder, "cpu.cfs_quota_us", request->cpu_quota_us);
    }
    return r;
}

static int limit_v2(const char *folder, const struct launcher_request *request)
{
    char text[64];
    int r = 0;

    if (request->memory) {
        r = write_number(folder, "memory.max", request->memory);
        /* Absent where the kernel does not account swap. */
        (void)write_file(folder, "memory.swap.max", "0");
    }
    if (r == 0 && request->pids) {
        r = write_number(folder, "pids.max", request->pids);
    }
    if (r == 0 && request->cpu_quota_us) {
        (void)snprintf(text, sizeof text, "%" PRIu64 " %" PRIu64, request->cpu_quota_us,
                       request->cpu_period_us);
        r = write_file(folder, "cpu.max", text);
    }
    return r;
}

int cgroup_make(const struct cgroups *cgroups, unsigned number,
                const struct launcher_request *request, const char **ret_what)
{
    char folder[CGROUP_PATH_MAX];
    char inside[CGROUP_PATH_MAX];
    int r = 0;

    for (size_t i = 0; r == 0 && i < cgroups->count; i++) {
        const char *controller = cgroups->hierarchies[i].controller;

        cgroup_paths(cgroups, i, number, folder, inside);
        *ret_what = "make a cgroup";
        if (mkdir(folder, 0755) < 0) {
            r = -errno;
            break;
        }
        *ret_what = "limit a cgroup";
        r = *controller ? limit_v1(controller, folder, request) : limit_v2(folder, request);
    }
    if (r < 0) {
        (void)cgroup_remove(cgroups, number);
    }
    return r;
}

int cgroup_join(const struct cgroups *cgroups, unsigned number, pid_t pid)
{
    char folder[CGROUP_PATH_MAX];
    char inside[CGROUP_PATH_MAX];
    int r = 0;

    for (size_t i = 0; r == 0 && i < cgroups->count; i++) {
        cgroup_paths(cgroups, i, number, folder, inside);
        r = write_number(folder, "cgroup.procs", (uint64_t)pid);
    }
    return r;
}

int cgroup_remove(const struct cgroups *cgroups, unsigned number)
{
    char folder[CGROUP_PATH_MAX];
    char inside[CGROUP_PATH_MAX];
    int r = 0;

    for (size_t i = 0; i < cgroups->count; i++) {
        cgroup_paths(cgroups, i, number, folder, inside);
        if (rmdir(folder) < 0 && errno != ENOENT) {
            r = -errno;
        }
    }
    return r;
}

/* A line "oom_kill N" of memory.events or memory.oom_control. */
uint64_t cgroup_oom_kills(const struct cgroups *cgroups, unsigned number)
{
    char folder[CGROUP_PATH_MAX];
    char path[2 * CGROUP_PATH_MAX];
    char line[64];
    unsigned long long kills = 0;

    for (size_t i = 0; i < cgroups->count; i++) {
        const char *controller = cgroups->hierarchies[i].controller;
        FILE *file;

        cgroup_paths(cgroups, i, number, folder, path);
        (void)snprintf(path, sizeof path, "%s/%s", folder,
                       *controller ? "memory.oom_control" : "memory.events");
        file = fopen(path, "re");
        while (file && fgets(line, sizeof line, file) &&
               sscanf(line, "oom_kill %llu", &kills) != 1) {
        }
        if (file) {
            (void)fclose(file);
        }
    }
    return kills;
}
