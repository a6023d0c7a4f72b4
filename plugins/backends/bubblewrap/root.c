/*
 * root.c - see root.h.
 *
 * bwrap makes the root an empty file system in memory, and mount points in it. Below what is bound
 * read-only it cannot make any; so a folder in which one is missing is not bound as a whole, but made
 * anew with each of its entries bound.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "root.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --------------------------------------------------------------------------------------- folders */

/* What lies behind `folder` in `path`: "/a/b" of "/a/b/c" is "/c"; NULL when it is not below. */
static const char *below(const char *path, const char *folder)
{
    size_t length = strcmp(folder, "/") == 0 ? 0 : strlen(folder);

    return strncmp(path, folder, length) == 0 && path[length] == '/' && path[length + 1]
               ? path + length
               : NULL;
}

/* Whether `rest` is there below `folder` as a directory, without a symbolic link on the way. */
static int has_directory(const char *folder, const char *rest)
{
    char path[PATH_MAX];
    struct stat st;

    for (const char *end = rest; *end;) {
        end += strcspn(end + 1, "/") + 1;
        if (snprintf(path, sizeof path, "%s%.*s", folder, (int)(end - rest), rest) >= PATH_MAX ||
            lstat(path, &st) != 0 || !S_ISDIR(st.st_mode)) {
            return 0;
        }
    }
    return 1;
}

static int lacks_point(const char *source, const char *target, const struct root_points *points)
{
    for (size_t i = 0; i < points->count; i++) {
        const char *rest = below(points->list[i], target);

        if (rest && !has_directory(source, rest)) {
            return 1;
        }
    }
    return 0;
}

static int is_point(const char *path, const struct root_points *points)
{
    for (size_t i = 0; i < points->count; i++) {
        if (strcmp(points->list[i], path) == 0) {
            return 1;
        }
    }
    return 0;
}

static int has_point_below(const char *path, const struct root_points *points)
{
    for (size_t i = 0; i < points->count; i++) {
        if (below(points->list[i], path)) {
            return 1;
        }
    }
    return 0;
}

static void add_link(struct arguments *arguments, const char *source, const char *target)
{
    char text[PATH_MAX];
    ssize_t n = readlink(source, text, sizeof text - 1);

    if (n > 0) {
        text[n] = '\0';
        arguments_add(arguments, "--symlink", text, target, NULL);
    }
}

static void add_entries(struct arguments *arguments, const char *source, const char *target,
                        const struct root_points *points);

static void add_directory(struct arguments *arguments, const char *source, const char *target,
                          const struct root_points *points)
{
    if (!lacks_point(source, target, points)) {
        arguments_add(arguments, "--ro-bind", source, target, NULL);
        return;
    }
    arguments_add(arguments, "--dir", target, NULL);
    add_entries(arguments, source, target, points);
}

/* What is neither directory, file nor link is left out. */
static void add_any(struct arguments *arguments, const char *source, const char *target,
                    const struct root_points *points)
{
    struct stat st;

    if (lstat(source, &st) != 0) {
        return;
    }
    if (S_ISLNK(st.st_mode)) {
        /* On the way to a mount point bwrap would follow it while the host is still in reach: there a folder
         * takes its place. */
        if (!has_point_below(target, points)) {
            add_link(arguments, source, target);
        }
    } else if (S_ISDIR(st.st_mode)) {
        add_directory(arguments, source, target, points);
    } else if (S_ISREG(st.st_mode)) {
        arguments_add(arguments, "--ro-bind", source, target, NULL);
    }
}

static void add_entries(struct arguments *arguments, const char *source, const char *target,
                        const struct root_points *points)
{
    DIR *dir = opendir(source);
    const struct dirent *entry;
    char from[PATH_MAX];
    char to[PATH_MAX];

    while (dir && !arguments->failed && (entry = readdir(dir)) != NULL) {
        const char *name = entry->d_name;

        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
            snprintf(from, sizeof from, "%s/%s", source, name) >= PATH_MAX ||
            snprintf(to, sizeof to, "%s/%s", strcmp(target, "/") == 0 ? "" : target, name) >=
                PATH_MAX ||
            is_point(to, points)) {
            continue;
        }
        add_any(arguments, from, to, points);
    }
    if (dir) {
        closedir(dir);
    }
}

void root_add_folder(struct arguments *arguments, const char *folder,
                     const struct root_points *points)
{
    add_entries(arguments, folder, "/", points);
}

/* ------------------------------------------------------------------------------------------ host */

/* Copied into the sandbox's /etc, which costs less than mounting them. None of them is a secret. */
static void add_etc_files(struct arguments *arguments)
{
    static const char *const files[] = {"/etc/ld.so.cache", "/etc/nsswitch.conf", "/etc/services",
                                        "/etc/protocols"};

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        int fd = open(files[i], O_RDONLY | O_CLOEXEC);

        if (fd >= 0) {
            arguments_add(arguments, "--perms", "0644", "--file", NULL);
            arguments_add_fd(arguments, fd);
            arguments_add(arguments, files[i], NULL);
        }
    }
}

/* A zone of its own is a file of the host that is not shared: the sandbox then has UTC. */
static void add_zone(struct arguments *arguments)
{
    char text[PATH_MAX];
    ssize_t n = readlink("/etc/localtime", text, sizeof text - 1);

    text[n > 0 ? n : 0] = '\0';
    if (strstr(text, "/zoneinfo/")) {
        arguments_add(arguments, "--symlink", text, "/etc/localtime", NULL);
    }
}

void root_add_host(struct arguments *arguments, const struct root_points *points)
{
    static const char *const names[] = {"/usr",   "/bin",   "/sbin",  "/lib",
                                        "/lib32", "/lib64", "/libx32"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        add_any(arguments, names[i], names[i], points);
    }
    arguments_add(arguments, "--dir", "/etc", "--dir", "/var", NULL);
    add_etc_files(arguments);
    add_zone(arguments);
    /* Debian's awk, cc, java and others are links into it. */
    arguments_add(arguments, "--ro-bind-try", "/etc/alternatives", "/etc/alternatives", NULL);
    arguments_add(arguments, "--symlink", "../usr/lib/os-release", "/etc/os-release", NULL);
    arguments_add(arguments, "--symlink", "../proc/self/mounts", "/etc/mtab", NULL);
    arguments_add(arguments, "--symlink", "../tmp", "/var/tmp", NULL);
}
