/*
 * cgroup.c - see cgroup.h.
 *
 * The group's own folder is /sys/fs/cgroup/CONTROLLER (version 1) or /sys/fs/cgroup (version 2),
 * either because the engine mounted just that folder there, or with the path of /proc/self/cgroup
 * below it, when the whole tree is mounted. The longer is tried first.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cgroup.h"

#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define CGROUP_ROOT "/sys/fs/cgroup"

/* Whether `list` ("cpu,cpuacct") names `controller`; an empty list is version 2's. */
static bool names_controller(const char *list, const char *controller)
{
    size_t length = strlen(controller);
    for (const char *p = list; (p = strstr(p, controller)) != NULL; p += length)
        if ((p == list || p[-1] == ',') && (p[length] == '\0' || p[length] == ','))
            return true;
    return false;
}

/* The lines of /proc/self/cgroup are N:LIST:PATH. Finds the folder of `controller`'s version 1
 * hierarchy, or of version 2 when `controller` is "". 0 or -1. */
static int own_group(const char *controller, char *list, size_t list_size, char *path,
                     size_t path_size)
{
    char text[4096];
    if (read_text(AT_FDCWD, "/proc/self/cgroup", text, sizeof(text)) < 0)
        return -1;
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        char *names = strchr(line, ':');
        char *group = names ? strchr(names + 1, ':') : NULL;
        if (!group)
            continue;
        *group++ = '\0';
        names++;
        if (controller[0] ? !names_controller(names, controller) : names[0] != '\0')
            continue;
        int a = snprintf(list, list_size, "%s", names);
        int b = snprintf(path, path_size, "%s", group);
        return a < (int)list_size && b < (int)path_size ? 0 : -1;
    }
    return -1;
}

static int open_below(const char *folder, const char *group, const char *name)
{
    char path[4096];
    const char *const groups[] = {group, ""};
    for (size_t i = 0; i < AGENT_COUNT(groups); i++) {
        int n = snprintf(path, sizeof(path), CGROUP_ROOT "%s%s%s/%s", folder[0] ? "/" : "", folder,
                         groups[i], name);
        int fd = n < (int)sizeof(path) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
        if (fd >= 0)
            return fd;
    }
    return -1;
}

static int open_file(const char *controller, const char *v2_name, const char *v1_name,
                     int *ret_version)
{
    char list[256];
    char group[2048];
    int fd = -1;
    *ret_version = 1;
    if (v1_name && own_group(controller, list, sizeof(list), group, sizeof(group)) == 0) {
        fd = open_below(list, group, v1_name);
        return fd >= 0 ? fd : open_below(controller, group, v1_name);
    }
    *ret_version = 2;
    if (v2_name && own_group("", list, sizeof(list), group, sizeof(group)) == 0)
        fd = open_below("", group, v2_name);
    return fd;
}

void cgroup_open_oom(struct agent *agent)
{
    int version;
    agent->oom_fd = open_file("memory", "memory.events", "memory.oom_control", &version);
}

uint64_t cgroup_oom_kills(const struct agent *agent)
{
    char text[512];
    ssize_t n = agent->oom_fd < 0 ? -1 : pread(agent->oom_fd, text, sizeof(text) - 1, 0);
    if (n <= 0)
        return 0;
    text[n] = '\0';
    /* "oom_kill N"; not "oom_kill_disable N" */
    for (char *p = text; (p = strstr(p, "oom_kill ")) != NULL; p++)
        if (p == text || p[-1] == '\n')
            return strtoull(p + strlen("oom_kill "), NULL, 10);
    return 0;
}

ssize_t cgroup_read(const char *controller, const char *v2_name, const char *v1_name, char *text,
                    size_t size, int *ret_version)
{
    CLEANUP_FD int fd = open_file(controller, v2_name, v1_name, ret_version);
    return fd < 0 ? -ENOENT : read_text_fd(fd, text, size);
}
