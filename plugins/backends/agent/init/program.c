/*
 * program.c - see program.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "program.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *program_env(char *const *env, const char *name)
{
    size_t length = strlen(name);
    for (; *env; env++)
        if (strncmp(*env, name, length) == 0 && (*env)[length] == '=')
            return *env + length + 1;
    return NULL;
}

static bool executable(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

bool program_find(const char *name, char *const *env, char path[PROGRAM_PATH_MAX])
{
    if (strchr(name, '/')) {
        snprintf(path, PROGRAM_PATH_MAX, "%s", name);
        return executable(path);
    }
    const char *folders = program_env(env, "PATH");
    for (const char *p = folders ? folders : PROGRAM_DEFAULT_PATH;; p++) {
        size_t length = strcspn(p, ":");
        int n = snprintf(path, PROGRAM_PATH_MAX, "%.*s%s%s", (int)length, p, length > 0 ? "/" : "",
                         name);
        if (n > 0 && n < PROGRAM_PATH_MAX && executable(path))
            return true;
        p += length;
        if (*p == '\0')
            return false;
    }
}

/* More than any sane installation has, and little on the stack. */
#define LINKS_MAX 16

static bool way_trusted(const char *path, uid_t uid, unsigned links);

/* What the link at the first `length` bytes of `path` leads to, and the rest of the way from there. */
static bool link_trusted(const char *path, size_t length, uid_t uid, unsigned links)
{
    char part[PROGRAM_PATH_MAX], target[PROGRAM_PATH_MAX], next[PROGRAM_PATH_MAX];
    snprintf(part, sizeof(part), "%.*s", (int)length, path);
    ssize_t n = readlink(part, target, sizeof(target));
    if (n <= 0 || n == (ssize_t)sizeof(target) || links == LINKS_MAX)
        return false;
    while (length > 0 && path[length - 1] != '/')
        part[--length] = '\0';
    int all = snprintf(next, sizeof(next), "%s%.*s%s", target[0] == '/' ? "" : part, (int)n, target,
                       path + strlen(part) + strcspn(path + strlen(part), "/"));
    return all > 0 && (size_t)all < sizeof(next) && way_trusted(next, uid, links + 1);
}

/* No part of the way, with what each link leads to, is the payload's to change. */
static bool way_trusted(const char *path, uid_t uid, unsigned links)
{
    char part[PROGRAM_PATH_MAX];
    struct stat st;
    if (path[0] != '/' || strlen(path) >= sizeof(part))
        return false;
    for (size_t length = 1;; length++) {
        if (length > 1 && path[length] != '/' && path[length] != '\0')
            continue;
        snprintf(part, sizeof(part), "%.*s", (int)length, path);
        if (lstat(part, &st) < 0)
            return errno == ENOENT; /* nobody could put something there */
        if (S_ISLNK(st.st_mode))
            return link_trusted(path, length, uid, links);
        if (st.st_uid == uid || (st.st_mode & 022) != 0)
            return false;
        if (path[length] == '\0')
            return true;
    }
}

bool program_trusted(const char *path, char *const *env, uid_t uid)
{
    const char *folders = program_env(env, "PATH");
    if (!way_trusted(path, uid, 0))
        return false;
    for (const char *p = folders ? folders : PROGRAM_DEFAULT_PATH;; p++) {
        char folder[PROGRAM_PATH_MAX];
        size_t length = strcspn(p, ":");
        int n = snprintf(folder, sizeof(folder), "%.*s", (int)length, p);
        if (n < 0 || n >= PROGRAM_PATH_MAX || !way_trusted(folder, uid, 0))
            return false;
        p += length;
        if (*p == '\0')
            return true;
    }
}
