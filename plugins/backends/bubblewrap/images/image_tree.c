/*
 * image_tree.c - see image_tree.h. A tree is made flat instead of being descended into: folders in
 * a subfolder are moved up to the top, until each is empty. So it takes two descriptors and no
 * recursion, though through links a hostile image can nest as deep as it likes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "image_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int open_folder(int parent, const char *name)
{
    return openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* A folder of a descriptor, which is closed with it. */
static DIR *list(int fd)
{
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);

    if (!folder && fd >= 0) {
        (void)close(fd);
    }
    return folder;
}

static int is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Move the folder `name` of `from` into `top`, under a name that is free. */
static int lift(int from, const char *name, int top, uint64_t *counter)
{
    char fresh[32];
    int r;

    do {
        (void)snprintf(fresh, sizeof fresh, "%llu", (unsigned long long)(*counter)++);
        r = renameat(from, name, top, fresh);
    } while (r < 0 && (errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR));
    return r;
}

static int flatten(int top, const char *name, uint64_t *counter)
{
    DIR *folder = list(open_folder(top, name));
    const struct dirent *entry;
    int r = folder ? 0 : -1;

    while (r == 0 && (entry = readdir(folder))) {
        if (!is_dots(entry->d_name) && unlinkat(dirfd(folder), entry->d_name, 0) < 0) {
            r = errno == EISDIR ? lift(dirfd(folder), entry->d_name, top, counter) : -1;
        }
    }
    if (folder) {
        (void)closedir(folder);
    }
    return r;
}

static int remove_flat(int top, const char *name, uint64_t *counter)
{
    if (unlinkat(top, name, 0) == 0) {
        return 0;
    }
    if (errno != EISDIR) {
        return -1;
    }
    while (unlinkat(top, name, AT_REMOVEDIR) < 0) {
        if ((errno != ENOTEMPTY && errno != EEXIST) || flatten(top, name, counter) < 0) {
            return -1;
        }
    }
    return 0;
}

int image_tree_empty(int fd)
{
    DIR *folder = list(open_folder(fd, "."));
    const struct dirent *entry;
    uint64_t counter = 0;
    int found = 1;
    int r = folder ? 0 : -1;

    while (r == 0 && found) { /* until a look at all of it finds nothing */
        found = 0;
        rewinddir(folder);
        while (r == 0 && (entry = readdir(folder))) {
            if (!is_dots(entry->d_name)) {
                found = 1;
                r = remove_flat(fd, entry->d_name, &counter);
            }
        }
    }
    if (folder) {
        (void)closedir(folder);
    }
    return r;
}

int image_tree_remove(int parent, const char *name)
{
    int fd;
    int r;

    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT) {
        return 0;
    }
    if (errno != EISDIR) {
        return -1;
    }
    fd = open_folder(parent, name);
    r = fd < 0 ? -1 : image_tree_empty(fd);
    if (fd >= 0) {
        (void)close(fd);
    }
    return r < 0 ? -1 : unlinkat(parent, name, AT_REMOVEDIR);
}
