/*
 * file_path.c - see file_path.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "file_path.h"

#include "kernel.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define LINKS_MAX 40

int path_openat2(int dir, const char *path, uint64_t flags, uint64_t resolve)
{
    struct kernel_open_how how = {.flags = flags | O_CLOEXEC,
                                  .resolve = resolve | KERNEL_RESOLVE_NO_MAGICLINKS};
    long fd = syscall(SYS_openat2, dir, path, &how, sizeof(how));
    return fd < 0 ? -errno : (int)fd;
}

int path_of(int fd, char path[PATH_MAX])
{
    char link[32];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, PATH_MAX - 1);
    if (n < 0)
        return -errno;
    path[n] = '\0';
    return n == PATH_MAX - 1 ? -ENAMETOOLONG : 0;
}

int path_reopen(int fd, int flags)
{
    char link[32];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    /* Not waiting for a payload to give up its lease (fcntl(2), F_SETLEASE) on the file. */
    int opened = open(link, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    return opened < 0 ? -errno : opened;
}

/* ------------------------------------------------------------------------------ allowed, blocked */

static bool lies_in(const char *real, const char *folder)
{
    size_t length = strlen(folder);
    while (length > 0 && folder[length - 1] == '/')
        length--;
    return strncmp(real, folder, length) == 0 && (real[length] == '/' || real[length] == '\0');
}

/* A blocked folder counts under its real name too; an allowed one only as it is written, since a
 * payload could have made a link of it. */
static bool is_blocked(const char *real, const char *folder)
{
    char path[PATH_MAX];
    if (lies_in(real, folder))
        return true;
    CLEANUP_FD int fd = path_openat2(AT_FDCWD, folder, O_PATH, 0);
    return fd >= 0 && path_of(fd, path) == 0 && lies_in(real, path);
}

int path_permitted(const struct file_request *request, const char *real, struct file_reason *why)
{
    bool allowed = request->allowed[0] == NULL;
    if (real[0] != '/')
        return file_fail(why, EACCES, "it lies outside of what can be named");
    for (char **folder = request->allowed; *folder && !allowed; folder++)
        allowed = lies_in(real, *folder);
    if (!allowed)
        return file_fail(why, EACCES, "it does not lie in an allowed folder");
    for (char **folder = request->blocked; *folder; folder++)
        if (is_blocked(real, *folder))
            return file_fail(why, EACCES, "it lies in the blocked folder '%.100s'", *folder);
    return 0;
}

int path_permitted_fd(const struct file_request *request, int fd, struct file_reason *why)
{
    char real[PATH_MAX];
    if (!request->allowed[0] && !request->blocked[0])
        return 0;
    int r = path_of(fd, real);
    return r < 0 ? r : path_permitted(request, real, why);
}

int path_holds_no_blocked(const struct file_request *request, int folder, struct file_reason *why)
{
    char real[PATH_MAX], path[PATH_MAX];
    int r = request->blocked[0] ? path_of(folder, real) : 0;
    for (char **blocked = request->blocked; r == 0 && *blocked; blocked++) {
        CLEANUP_FD int fd = path_openat2(AT_FDCWD, *blocked, O_PATH, 0);
        if (lies_in(*blocked, real) || (fd >= 0 && path_of(fd, path) == 0 && lies_in(path, real)))
            return file_fail(why, EACCES, "the blocked folder '%.100s' lies in it", *blocked);
    }
    return r;
}

int path_find(const struct file_request *request, uint64_t flags, struct file_reason *why)
{
    CLEANUP_FD int fd = path_openat2(AT_FDCWD, request->path, O_PATH | flags, 0);
    if (fd < 0)
        return fd;
    int r = path_permitted_fd(request, fd, why);
    return r < 0 ? r : steal_fd(&fd);
}

/* ---------------------------------------------------------------------------------------- places */

static int permitted_child(const struct file_request *request, int parent, const char *name,
                           struct file_reason *why)
{
    char real[PATH_MAX];
    char full[PATH_MAX + NAME_MAX + 2];
    if (!request->allowed[0] && !request->blocked[0])
        return 0;
    int r = path_of(parent, real);
    if (r < 0)
        return r;
    snprintf(full, sizeof(full), "%s/%s", real[1] ? real : "", name);
    return path_permitted(request, full, why);
}

/* The folder `name` of `parent`, made when missing. */
static int make_step(const struct file_request *request, int parent, const char *name,
                     struct file_reason *why)
{
    int fd = path_openat2(parent, name, O_PATH | O_DIRECTORY, 0);
    if (fd != -ENOENT)
        return fd;
    int r = permitted_child(request, parent, name, why);
    if (r < 0)
        return r;
    if (mkdirat(parent, name, 0755) < 0 && errno != EEXIST)
        return -errno;
    return path_openat2(parent, name, O_PATH | O_DIRECTORY, 0);
}

int path_make_folder(const struct file_request *request, const char *path, struct file_reason *why)
{
    char text[PATH_MAX];
    if (snprintf(text, sizeof(text), "%s", path) >= (int)sizeof(text))
        return -ENAMETOOLONG;
    CLEANUP_FD int at = path_openat2(AT_FDCWD, path[0] == '/' ? "/" : ".", O_PATH | O_DIRECTORY, 0);
    char *rest = text;
    for (char *part; at >= 0 && (part = strsep(&rest, "/")) != NULL;) {
        if (part[0] == '\0')
            continue;
        int next = make_step(request, at, part, why);
        close_fd(&at);
        at = next;
    }
    return at < 0 ? at : steal_fd(&at);
}

/* Cut `path` into its folder and its last part, which must name something. */
static int split(const char *path, char folder[PATH_MAX], char name[NAME_MAX + 1])
{
    size_t end = strlen(path);
    while (end > 0 && path[end - 1] == '/')
        end--;
    size_t start = end;
    while (start > 0 && path[start - 1] != '/')
        start--;
    if (end - start > NAME_MAX || start >= PATH_MAX - 1)
        return -ENAMETOOLONG;
    snprintf(name, NAME_MAX + 1, "%.*s", (int)(end - start), path + start);
    if (start == 0)
        snprintf(folder, PATH_MAX, ".");
    else
        snprintf(folder, PATH_MAX, "%.*s", (int)start, path);
    return name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ? -EINVAL : 0;
}

int path_place(const struct file_request *request, const char *path, bool make,
               struct path_place *ret_place, struct file_reason *why)
{
    char folder[PATH_MAX];
    struct path_place place;
    int r = split(path, folder, place.name);
    if (r < 0)
        return file_fail(why, -r, "the path does not name a file");
    CLEANUP_FD int fd = make ? path_make_folder(request, folder, why)
                             : path_openat2(AT_FDCWD, folder, O_PATH | O_DIRECTORY, 0);
    if (fd < 0)
        return fd;
    r = permitted_child(request, fd, place.name, why);
    if (r < 0)
        return r;
    place.parent = steal_fd(&fd);
    *ret_place = place;
    return 0;
}

/* What the link at `place` points to, as a path that can be walked from here. Lets go of the
 * place. */
static int follow(struct path_place *place, char path[PATH_MAX])
{
    char target[PATH_MAX];
    char folder[PATH_MAX];
    CLEANUP_FD int parent = place->parent;
    ssize_t n = readlinkat(parent, place->name, target, sizeof(target) - 1);
    if (n < 0)
        return -errno;
    target[n] = '\0';
    if (target[0] == '/')
        folder[0] = '\0';
    else if (path_of(parent, folder) < 0)
        return -ENOENT;
    int length = snprintf(path, PATH_MAX, "%s%s%s", folder, folder[0] ? "/" : "", target);
    return length < PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* Each step is checked where it leads in the end only: a link may lie where nothing is allowed, but
 * what it leads to may not. */
int path_place_followed(const struct file_request *request, bool make, struct path_place *ret_place,
                        struct file_reason *why)
{
    static char *none[] = {NULL};
    struct file_request anywhere = *request;
    char path[PATH_MAX];
    anywhere.allowed = anywhere.blocked = none;
    if (snprintf(path, sizeof(path), "%s", request->path) >= (int)sizeof(path))
        return -ENAMETOOLONG;
    for (int i = 0; i < LINKS_MAX; i++) {
        struct path_place place;
        struct stat st;
        int r = path_place(&anywhere, path, false, &place, why);
        if (r == -ENOENT && make) /* what is made is checked, folder by folder */
            r = path_place(request, path, true, &place, why);
        if (r < 0)
            return r;
        if (fstatat(place.parent, place.name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
            !S_ISLNK(st.st_mode)) {
            r = permitted_child(request, place.parent, place.name, why);
            if (r < 0)
                close_fd(&place.parent);
            else
                *ret_place = place;
            return r;
        }
        r = follow(&place, path);
        if (r < 0)
            return r;
    }
    return -ELOOP;
}
