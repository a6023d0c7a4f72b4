/* image_rootfs.c - see image_rootfs.h. SPDX-License-Identifier: Apache-2.0 */
#include "image_rootfs.h"

#include "image_path.h"
#include "image_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WHITEOUT ".wh."
#define OPAQUE ".wh..wh..opq"
#define WHITEOUT_META ".wh..wh." /* of AUFS; no name of a file */
#define RETRIES_MAX 64

void image_rootfs_begin(struct image_rootfs *rootfs, struct image_job *job, int root)
{
    *rootfs = (struct image_rootfs){.job = job, .root = root, .parent = -1};
}

void image_rootfs_end(struct image_rootfs *rootfs)
{
    if (rootfs->parent >= 0) {
        (void)close(rootfs->parent);
    }
}

/* --------------------------------------------------------------------------------------- folders */

/* EAGAIN: something was renamed anywhere while a ".." was resolved, and the kernel is not sure. */
static int open_in_root(int root, const char *path)
{
    struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
                           .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    long fd;
    int retries = 0;

    do {
        fd = syscall(SYS_openat2, root, *path ? path : ".", &how, sizeof how);
    } while (fd < 0 && errno == EAGAIN && retries++ < RETRIES_MAX);
    return (int)fd;
}

/* mkdir(2) and chmod(2), since the process's umask is not ours. */
static int make_folder(int parent, const char *name, mode_t mode)
{
    return mkdirat(parent, name, 0700) < 0 ? -1 : fchmodat(parent, name, mode, 0);
}

/* The folder `name` in `at`, made when it is missing. `path` is the way to it, for one that is a link. */
static int step(struct image_rootfs *rootfs, int at, const char *name, const char *path)
{
    static const int flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(at, name, flags);

    if (fd < 0 && errno == ENOTDIR) {
        fd = open_in_root(rootfs->root, path);
    } else if (fd < 0 && errno == ENOENT) {
        if (image_job_count_entry(rootfs->job) != 0) {
            return -1;
        }
        fd = make_folder(at, name, 0755) < 0 ? -1 : openat(at, name, flags);
    }
    if (fd < 0) {
        (void)image_job_fail_errno(rootfs->job, "open folder", path);
    }
    return fd;
}

/* A folder, with those on the way to it that a layer uses and none has told. */
static int make_folders(struct image_rootfs *rootfs, const char *folder)
{
    char path[PATH_MAX];
    char *name = path;
    int fd = open_in_root(rootfs->root, "");

    (void)snprintf(path, sizeof path, "%s", folder);
    while (fd >= 0 && *name) {
        char *end = name + strcspn(name, "/");
        char kept = *end;
        int next;

        *end = '\0';
        next = step(rootfs, fd, name, path);
        *end = kept;
        name = end + (kept == '/');
        (void)close(fd);
        fd = next;
    }
    return fd;
}

/* Go to a folder: rootfs->parent is then it. -1: the job failed, or there is none and it is not to
 * be made. */
static int enter(struct image_rootfs *rootfs, const char *folder, int make)
{
    int fd;

    if (rootfs->parent >= 0 && strcmp(folder, rootfs->parent_path) == 0) {
        return 0;
    }
    fd = open_in_root(rootfs->root, folder);
    if (fd < 0 && !make && (errno == ENOENT || errno == ENOTDIR)) {
        return -1;
    }
    if (fd < 0 && errno == ENOENT) {
        fd = make_folders(rootfs, folder);
    }
    if (fd < 0) {
        (void)image_job_fail_errno(rootfs->job, "open folder", folder);
        return -1;
    }
    image_rootfs_end(rootfs);
    rootfs->parent = fd;
    (void)snprintf(rootfs->parent_path, sizeof rootfs->parent_path, "%s", folder);
    return 0;
}

/* --------------------------------------------------------------------------------------- entries */

struct place {
    char shown[PATH_MAX]; /* the whole clean path, for messages */
    char path[PATH_MAX];
    const char *folder;
    const char *name; /* "": the root */
};

/* Where an entry, or what a hard link names, belongs. */
static int32_t locate(struct image_rootfs *rootfs, const char *from, struct place *place)
{
    const char *why = image_path_clean(from, place->path);

    if (why) {
        return image_job_fail(rootfs->job, ENCLAVE_EINVALID, "entry '%.200s' of a layer: %s",
                              from ? from : "", why);
    }
    (void)snprintf(place->shown, sizeof place->shown, "%s", place->path);
    place->name = image_path_split(place->path, &place->folder);
    return 0;
}

/* The second form is there when the first is not: where there is no locale with UTF-8. */
static const char *name_of(struct archive_entry *entry)
{
    const char *name = archive_entry_pathname(entry);

    return name ? name : archive_entry_pathname_utf8(entry);
}

static const char *hardlink_of(struct archive_entry *entry)
{
    const char *target = archive_entry_hardlink(entry);

    return target ? target : archive_entry_hardlink_utf8(entry);
}

static int32_t fail(struct image_rootfs *rootfs, const char *what, const struct place *place)
{
    return image_job_fail_errno(rootfs->job, what, place->shown);
}

static int32_t refuse(struct image_rootfs *rootfs, const struct place *place, const char *why)
{
    return image_job_fail(rootfs->job, ENCLAVE_EINVALID, "entry '%.200s' of a layer: %s",
                          place->shown, why);
}

static int is_whiteout(const char *name)
{
    return strncmp(name, WHITEOUT, sizeof WHITEOUT - 1) == 0;
}

int32_t image_rootfs_hide(void *ctx, struct archive *tar, struct archive_entry *entry)
{
    struct image_rootfs *rootfs = ctx;
    struct place place;
    const char *hidden;

    (void)tar;
    if (locate(rootfs, name_of(entry), &place) != 0) {
        return rootfs->job->code;
    }
    if (!is_whiteout(place.name) || enter(rootfs, place.folder, 0) < 0) {
        return rootfs->job->code;
    }
    if (strcmp(place.name, OPAQUE) == 0) {
        return image_tree_empty(rootfs->parent) == 0 ? 0
                                                     : fail(rootfs, "empty the folder of", &place);
    }
    if (strncmp(place.name, WHITEOUT_META, sizeof WHITEOUT_META - 1) == 0) {
        return 0;
    }
    hidden = place.name + sizeof WHITEOUT - 1;
    if (!*hidden || strcmp(hidden, ".") == 0 || strcmp(hidden, "..") == 0) {
        return refuse(rootfs, &place, "a whiteout of no file");
    }
    return image_tree_remove(rootfs->parent, hidden) == 0 ? 0 : fail(rootfs, "remove", &place);
}

static int32_t write_all(struct image_rootfs *rootfs, int fd, const struct place *place,
                         const void *data, size_t length, la_int64_t at)
{
    while (length > 0) {
        ssize_t n = pwrite(fd, data, length, at);

        if (n <= 0) {
            return fail(rootfs, "write", place);
        }
        data = (const char *)data + n;
        length -= (size_t)n;
        at += n;
    }
    return 0;
}

/* Holes of a sparse file stay holes. */
static int32_t write_content(struct image_rootfs *rootfs, struct archive *tar, int fd,
                             const struct place *place, la_int64_t size)
{
    const void *data;
    size_t n;
    la_int64_t at;
    la_int64_t end = 0;
    int got;

    while ((got = archive_read_data_block(tar, &data, &n, &at)) == ARCHIVE_OK) {
        if (at < 0 || at > size || n > (uint64_t)(size - at)) {
            return refuse(rootfs, place, "its content is not as long as it says");
        }
        if (write_all(rootfs, fd, place, data, n, at) != 0) {
            return rootfs->job->code;
        }
        end = at + (la_int64_t)n;
    }
    if (got != ARCHIVE_EOF) {
        return image_job_fail_archive(rootfs->job, tar);
    }
    return end == size || ftruncate(fd, size) == 0 ? 0 : fail(rootfs, "write", place);
}

/* Python compares the time of a source with what its compiled form says, so it is kept. */
static int set_attributes(int fd, struct archive_entry *entry)
{
    struct timespec times[2] = {
        {.tv_nsec = UTIME_OMIT},
        {.tv_sec = archive_entry_mtime(entry), .tv_nsec = archive_entry_mtime_nsec(entry)}};

    return fchmod(fd, archive_entry_perm(entry) & 0777) < 0 ? -1 : futimens(fd, times);
}

static int32_t put_file(struct image_rootfs *rootfs, struct archive *tar,
                        struct archive_entry *entry, const struct place *place)
{
    static const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    la_int64_t size = archive_entry_size(entry);
    int32_t r;
    int fd;

    if (image_job_count_bytes(rootfs->job, size < 0 ? UINT64_MAX : (uint64_t)size) != 0) {
        return rootfs->job->code;
    }
    fd = openat(rootfs->parent, place->name, flags, 0600);
    if (fd < 0 && errno == EEXIST) {
        if (image_tree_remove(rootfs->parent, place->name) < 0) {
            return fail(rootfs, "replace", place);
        }
        fd = openat(rootfs->parent, place->name, flags, 0600);
    }
    if (fd < 0) {
        return fail(rootfs, "make file", place);
    }
    r = write_content(rootfs, tar, fd, place, size);
    if (r == 0 && set_attributes(fd, entry) < 0) {
        r = fail(rootfs, "set mode and time of", place);
    }
    (void)close(fd);
    return r;
}

static int32_t put_folder(struct image_rootfs *rootfs, struct archive_entry *entry,
                          const struct place *place)
{
    mode_t mode = (archive_entry_perm(entry) & 01777) | 0700; /* fillable, and removable */
    struct stat st;

    if (!*place->name) {
        return fchmod(rootfs->root, mode) == 0 ? 0 : fail(rootfs, "set mode of", place);
    }
    if (make_folder(rootfs->parent, place->name, mode) == 0) {
        return 0;
    }
    if (errno != EEXIST || fstatat(rootfs->parent, place->name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        return fail(rootfs, "make folder", place);
    }
    if (S_ISDIR(st.st_mode)) {
        return fchmodat(rootfs->parent, place->name, mode, 0) == 0
                   ? 0
                   : fail(rootfs, "set mode of", place);
    }
    return unlinkat(rootfs->parent, place->name, 0) == 0 &&
                   make_folder(rootfs->parent, place->name, mode) == 0
               ? 0
               : fail(rootfs, "make folder", place);
}

static int32_t put_symlink(struct image_rootfs *rootfs, struct archive_entry *entry,
                           const struct place *place)
{
    const char *target = archive_entry_symlink(entry);

    if (!target) {
        target = archive_entry_symlink_utf8(entry);
    }
    if (!target || !*target) {
        return refuse(rootfs, place, "a symbolic link to nothing");
    }
    if (image_tree_remove(rootfs->parent, place->name) < 0) {
        return fail(rootfs, "replace", place);
    }
    return symlinkat(target, rootfs->parent, place->name) == 0 ? 0
                                                               : fail(rootfs, "make link", place);
}

static int32_t put_hardlink(struct image_rootfs *rootfs, const char *target,
                            const struct place *place)
{
    struct place other;
    struct stat is;
    struct stat was;
    int32_t r = locate(rootfs, target, &other);
    int from;

    if (r != 0) {
        return r;
    }
    from = open_in_root(rootfs->root, other.folder);
    if (from < 0 || fstatat(from, other.name, &is, AT_SYMLINK_NOFOLLOW) < 0) {
        r = fail(rootfs, "link to", &other);
    } else if (fstatat(rootfs->parent, place->name, &was, AT_SYMLINK_NOFOLLOW) == 0 &&
               was.st_ino == is.st_ino && was.st_dev == is.st_dev) {
        r = 0; /* it is that file already */
    } else if (S_ISDIR(is.st_mode)) {
        r = refuse(rootfs, place, "a hard link to a folder");
    } else if (image_tree_remove(rootfs->parent, place->name) < 0 ||
               linkat(from, other.name, rootfs->parent, place->name, 0) < 0) {
        r = fail(rootfs, "make hard link", place);
    }
    if (from >= 0) {
        (void)close(from);
    }
    return r;
}

int32_t image_rootfs_put(void *ctx, struct archive *tar, struct archive_entry *entry)
{
    struct image_rootfs *rootfs = ctx;
    const char *hardlink = hardlink_of(entry);
    mode_t type = archive_entry_filetype(entry);
    struct place place;

    if (locate(rootfs, name_of(entry), &place) != 0 || image_job_count_entry(rootfs->job) != 0) {
        return rootfs->job->code;
    }
    if (is_whiteout(place.name) ||
        (!hardlink && type != AE_IFREG && type != AE_IFDIR && type != AE_IFLNK)) {
        return 0;
    }
    if (!*place.name && (hardlink || type != AE_IFDIR)) {
        return refuse(rootfs, &place, "the root is no folder");
    }
    if (enter(rootfs, place.folder, 1) < 0) {
        return rootfs->job->code;
    }
    return hardlink           ? put_hardlink(rootfs, hardlink, &place)
           : type == AE_IFREG ? put_file(rootfs, tar, entry, &place)
           : type == AE_IFDIR ? put_folder(rootfs, entry, &place)
                              : put_symlink(rootfs, entry, &place);
}
