/*
 * script.c - see script.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "script.h"

#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define FOLDER_NAME_SIZE 16

static void folder_name(uint32_t number, char name[FOLDER_NAME_SIZE])
{
    snprintf(name, FOLDER_NAME_SIZE, "x%u", (unsigned)number);
}

int script_open_scratch(struct agent *agent)
{
    const char *path = agent->config.scratch_dir;
    agent->scratch_fd = -1;
    if (path[0] == '\0')
        return 0; /* none: a SPAWN with a script is refused */
    if (mkdir(path, 0755) < 0 && errno != EEXIST)
        return -errno;
    agent->scratch_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return agent->scratch_fd < 0 ? -errno : 0;
}

bool script_name_valid(const char *name)
{
    return strlen(name) <= SCRIPT_NAME_MAX && !strchr(name, '/') && strcmp(name, ".") != 0 &&
           strcmp(name, "..") != 0;
}

static int write_file(int folder, const char *name, const void *data, size_t length)
{
    CLEANUP_FD int fd =
        openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0)
        return -errno;
    return write_all(fd, data, length);
}

int script_write(struct agent *agent, struct exec *exec, const char *name, const void *data,
                 size_t length, char **ret_path)
{
    char folder[FOLDER_NAME_SIZE];
    if (agent->scratch_fd < 0)
        return -ENOENT;
    do { /* a folder of that name: left by an agent before, where the place outlived it */
        folder_name(++agent->script_count, folder);
    } while (mkdirat(agent->scratch_fd, folder, 0755) < 0 && errno == EEXIST);
    CLEANUP_FD int fd =
        openat(agent->scratch_fd, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    exec->script = agent->script_count;
    snprintf(exec->script_name, sizeof(exec->script_name), "%s", name);
    int r = write_file(fd, name, data, length);
    if (r == 0 && asprintf(ret_path, "%s/%s/%s", agent->config.scratch_dir, folder, name) < 0)
        r = -ENOMEM;
    if (r < 0)
        script_remove(agent, exec);
    return r;
}

void script_remove(struct agent *agent, struct exec *exec)
{
    char path[FOLDER_NAME_SIZE + SCRIPT_NAME_MAX + 2];
    char folder[FOLDER_NAME_SIZE];
    if (exec->script == 0)
        return;
    folder_name(exec->script, folder);
    snprintf(path, sizeof(path), "%s/%s", folder, exec->script_name);
    unlinkat(agent->scratch_fd, path, 0);
    unlinkat(agent->scratch_fd, folder, AT_REMOVEDIR);
    exec->script = 0;
}
