/*
 * file_remove.c - REMOVE (see file_op.h). A tree is walked with two descriptors whatever its depth,
 * since a payload decides how deep it is.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "file_names.h"
#include "file_op.h"
#include "file_path.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* More levels are refused; each takes some memory. */
#define DEPTH_MAX 100000u

/* A folder that is being emptied, and the one it lies in. */
struct level {
    char *name;
    dev_t device; /* of the parent, to know it again by ".." */
    ino_t inode;
};

struct walk {
    int at; /* the folder that is being emptied */
    bool own;
    struct level *levels;
    size_t depth;
    size_t size;
    char *descend; /* folder to go into next */
};

/* Remove what can be removed at once; stop at a folder that is not empty, which goes to
 * `walk->descend`. */
static int clear_folder(struct walk *walk)
{
    struct file_names names;
    int r = file_names_read(walk->at, &names);
    if (r < 0)
        return r;
    for (size_t i = 0; r == 0 && !walk->descend && i < names.count; i++) {
        const char *name = names.all[i];
        if (unlinkat(walk->at, name, 0) == 0 || errno == ENOENT)
            continue;
        if (errno != EISDIR && errno != EPERM) {
            r = -errno;
            continue;
        }
        if (unlinkat(walk->at, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
            continue;
        if (errno != ENOTEMPTY && errno != EEXIST)
            r = -errno;
        else if (!(walk->descend = strdup(name)))
            r = -ENOMEM;
    }
    file_names_free(&names);
    return r;
}

static int go_down(struct walk *walk)
{
    struct stat st;
    if (walk->depth == walk->size) {
        size_t size = walk->size ? walk->size * 2 : 32;
        struct level *grown =
            size <= DEPTH_MAX * 2 ? realloc(walk->levels, size * sizeof(*grown)) : NULL;
        if (!grown)
            return -ENOMEM;
        walk->levels = grown;
        walk->size = size;
    }
    if (fstat(walk->at, &st) < 0)
        return -errno;
    if (walk->own)
        (void)fchmodat(walk->at, walk->descend, 0700, 0);
    int fd = openat(walk->at, walk->descend, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    close_fd(&walk->at);
    walk->at = fd;
    walk->levels[walk->depth++] =
        (struct level){.name = walk->descend, .device = st.st_dev, .inode = st.st_ino};
    walk->descend = NULL;
    return 0;
}

static int go_up(struct walk *walk)
{
    struct stat st;
    struct level *level = &walk->levels[walk->depth - 1];
    CLEANUP_FD int parent = openat(walk->at, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (parent < 0 || fstat(parent, &st) < 0)
        return -errno;
    if (st.st_dev != level->device || st.st_ino != level->inode)
        return -ESTALE; /* somebody moved it: going on could remove what was not meant */
    close_fd(&walk->at);
    walk->at = steal_fd(&parent);
    walk->depth--;
    CLEANUP_FREE char *name = level->name;
    if (unlinkat(walk->at, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
        return -errno;
    return 0;
}

int file_remove_content(int folder, bool own)
{
    struct walk walk = {.at = folder, .own = own};
    int r;
    do {
        r = clear_folder(&walk);
        if (r == 0 && walk.descend)
            r = go_down(&walk);
        else if (r == 0 && walk.depth > 0)
            r = go_up(&walk);
        else
            break;
    } while (r == 0);
    while (walk.depth > 0)
        free(walk.levels[--walk.depth].name);
    free(walk.levels);
    free(walk.descend);
    close_fd(&walk.at);
    return r;
}

int file_remove(const struct file_request *request, struct file_reason *why)
{
    struct path_place place;
    struct stat st;
    int r = path_place(request, request->path, false, &place, why);
    if (r < 0)
        return r;
    CLEANUP_FD int parent = place.parent;
    if (fstatat(parent, place.name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    if (!S_ISDIR(st.st_mode))
        return unlinkat(parent, place.name, 0) < 0 ? -errno : 0;
    if (request->flags & WIRE_FILE_RECURSIVE) {
        int folder = openat(parent, place.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (folder < 0 && errno != EACCES)
            return -errno;
        r = folder < 0 ? 0 : path_holds_no_blocked(request, folder, why);
        if (r < 0)
            close(folder);
        else if (folder >= 0)
            r = file_remove_content(folder, false);
        if (r < 0)
            return r;
    }
    return unlinkat(parent, place.name, AT_REMOVEDIR) < 0 ? -errno : 0;
}
