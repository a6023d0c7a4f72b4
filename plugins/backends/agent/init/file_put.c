/*
 * file_put.c - PUT_TREE (see file_op.h): tree records become files below a folder, and nowhere
 * else. Each folder on the way is opened beneath the root and without following any link, so a
 * record cannot lead outside, whatever came before it or is changed meanwhile.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "file_op.h"
#include "file_path.h"
#include "file_stream.h"
#include "kernel.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define BENEATH (KERNEL_RESOLVE_BENEATH | KERNEL_RESOLVE_NO_SYMLINKS)

/* Folders whose mode and time are set at the end; a tree with more keeps the default for the rest. */
#define FOLDERS_MAX 65536u

struct record {
    uint32_t type;
    uint32_t mode;
    uint64_t length;
    uint64_t mtime;
    char path[PATH_MAX];
    char target[PATH_MAX];
};

struct folder {
    char *path;
    mode_t mode;
    uint64_t mtime;
};

struct put {
    const struct file_request *request;
    struct file_reason *why;
    struct file_in in;
    int root;
    int parent; /* of the last record, since the next is mostly a neighbour; -1: none */
    char parent_path[PATH_MAX];
    uint64_t total;
    struct folder *folders;
    size_t folder_count;
    size_t folder_size;
};

/* ---------------------------------------------------------------------------------------- records */

/* Relative, and without empty parts, "." and "..". */
static bool path_valid(const char *path)
{
    for (const char *p = path;; p++) {
        size_t length = strcspn(p, "/");
        if (length == 0 || length > NAME_MAX || (length == 1 && p[0] == '.') ||
            (length == 2 && p[0] == '.' && p[1] == '.'))
            return false;
        p += length;
        if (*p == '\0')
            return true;
    }
}

/* 1, 0 at the end, or -errno. */
static int read_record(struct put *put, struct record *record)
{
    struct file_in *in = &put->in;
    int r = file_in_u32(in, &record->type);
    if (r <= 0)
        return r;
    if ((r = file_in_u32(in, &record->mode)) > 0 && (r = file_in_u64(in, &record->length)) > 0 &&
        (r = file_in_u64(in, &record->mtime)) > 0 &&
        (r = file_in_string(in, record->path, sizeof(record->path))) > 0)
        r = file_in_string(in, record->target, sizeof(record->target));
    if (r <= 0)
        return file_fail(put->why, r < 0 ? -r : EPROTO, "a tree record is cut off or malformed");
    if (!path_valid(record->path))
        return file_fail(put->why, EINVAL, "the path '%.100s' is not allowed in a tree",
                         record->path);
    return 1;
}

/* ---------------------------------------------------------------------------------------- parents */

static int open_folder(const struct put *put, const char *path)
{
    int fd = path_openat2(put->root, path, O_PATH | O_DIRECTORY, BENEATH);
    if (fd != -ENOTDIR)
        return fd;
    struct stat st; /* O_DIRECTORY calls a link "not a directory" */
    if (fstatat(put->root, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode))
        return -ELOOP;
    return fd;
}

/* Make every folder on the way to `path`, and itself. */
static int make_folders(const struct put *put, const char *path)
{
    char part[PATH_MAX];
    CLEANUP_FD int at = path_openat2(put->root, ".", O_PATH | O_DIRECTORY, BENEATH);
    for (const char *p = path; at >= 0; p++) {
        size_t length = strcspn(p, "/");
        snprintf(part, sizeof(part), "%.*s", (int)length, p);
        if (mkdirat(at, part, 0755) < 0 && errno != EEXIST)
            return -errno;
        snprintf(part, sizeof(part), "%.*s", (int)(p + length - path), path);
        close_fd(&at);
        at = open_folder(put, part);
        p += length;
        if (*p == '\0')
            break;
    }
    return at < 0 ? at : 0;
}

/* The folder that `path` lies in, kept open in `put`; `ret_name` is the last part. 0 or -errno. */
static int enter_parent(struct put *put, const char *path, const char **ret_name)
{
    const char *slash = strrchr(path, '/');
    char folder[PATH_MAX];
    snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
    *ret_name = slash ? slash + 1 : path;
    if (put->parent >= 0 && strcmp(folder, put->parent_path) == 0)
        return 0;
    close_fd(&put->parent);
    int fd = open_folder(put, folder);
    if (fd == -ENOENT) {
        int r = make_folders(put, folder);
        if (r < 0)
            return r;
        fd = open_folder(put, folder);
    }
    if (fd < 0)
        return fd;
    int r = path_permitted_fd(put->request, fd, put->why);
    if (r < 0) {
        close_fd(&fd);
        return r;
    }
    put->parent = fd;
    snprintf(put->parent_path, sizeof(put->parent_path), "%s", folder);
    return 0;
}

/* ------------------------------------------------------------------------------------------ kinds */

static void set_time(int fd, uint64_t mtime)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = (time_t)mtime}};
    (void)futimens(fd, times);
}

static int put_content(struct put *put, int fd, uint64_t length)
{
    if (put->request->max_bytes > 0 && length > put->request->max_bytes - put->total)
        return file_fail(put->why, EFBIG, "the tree is longer than allowed");
    put->total += length;
    while (length > 0) {
        const uint8_t *data;
        size_t most = length < FILE_STREAM_SIZE ? (size_t)length : FILE_STREAM_SIZE;
        ssize_t n = file_in_some(&put->in, most, &data);
        if (n <= 0)
            return n < 0 ? (int)n : file_fail(put->why, EPROTO, "the content is cut off");
        int r = write_all(fd, data, (size_t)n);
        if (r < 0)
            return r;
        length -= (uint64_t)n;
    }
    return 0;
}

static int create_file(const struct put *put, const char *name)
{
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(put->parent, name, flags, 0600);
    /* What is there is replaced, not written through: it could be a hard link, a FIFO, a link. */
    if (fd < 0 && errno == EEXIST && unlinkat(put->parent, name, 0) == 0)
        fd = openat(put->parent, name, flags, 0600);
    return fd < 0 ? -errno : fd;
}

static int put_file(struct put *put, const struct record *record, const char *name)
{
    CLEANUP_FD int fd = create_file(put, name);
    if (fd < 0)
        return fd;
    int r = put_content(put, fd, record->length);
    if (r == 0 && fchmod(fd, record->mode & 0777) < 0)
        r = -errno;
    if (r < 0)
        unlinkat(put->parent, name, 0);
    else
        set_time(fd, record->mtime);
    return r;
}

/* Mode and time come at the end, when nothing more is put into it. */
static int remember_folder(struct put *put, const struct record *record)
{
    if (put->folder_count == FOLDERS_MAX)
        return 0;
    if (put->folder_count == put->folder_size) {
        size_t size = put->folder_size ? put->folder_size * 2 : 64;
        struct folder *grown = realloc(put->folders, size * sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        put->folders = grown;
        put->folder_size = size;
    }
    char *path = strdup(record->path);
    if (!path)
        return -ENOMEM;
    put->folders[put->folder_count++] =
        (struct folder){.path = path, .mode = record->mode & 01777, .mtime = record->mtime};
    return 0;
}

static int put_folder(struct put *put, const struct record *record, const char *name)
{
    struct stat st;
    if (mkdirat(put->parent, name, 0755) < 0) {
        if (errno != EEXIST || fstatat(put->parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            return -errno;
        if (!S_ISDIR(st.st_mode))
            return S_ISLNK(st.st_mode) ? -ELOOP : -ENOTDIR;
    }
    return remember_folder(put, record);
}

static int put_symlink(struct put *put, const struct record *record, const char *name)
{
    if (symlinkat(record->target, put->parent, name) < 0 &&
        (errno != EEXIST || unlinkat(put->parent, name, 0) < 0 ||
         symlinkat(record->target, put->parent, name) < 0))
        return -errno;
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = (time_t)record->mtime}};
    (void)utimensat(put->parent, name, times, AT_SYMLINK_NOFOLLOW);
    return 0;
}

static int put_hardlink(struct put *put, const struct record *record, const char *name)
{
    const char *slash = strrchr(record->target, '/');
    char folder[PATH_MAX];
    if (!path_valid(record->target))
        return file_fail(put->why, EINVAL, "the hard link's target '%.80s' is not allowed",
                         record->target);
    snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - record->target) : 1,
             slash ? record->target : ".");
    CLEANUP_FD int from = open_folder(put, folder);
    if (from < 0)
        return from;
    int r = path_permitted_fd(put->request, from, put->why);
    if (r < 0)
        return r;
    const char *target = slash ? slash + 1 : record->target;
    if (linkat(from, target, put->parent, name, 0) < 0 &&
        (errno != EEXIST || unlinkat(put->parent, name, 0) < 0 ||
         linkat(from, target, put->parent, name, 0) < 0))
        return -errno;
    return 0;
}

static int put_record(struct put *put, const struct record *record)
{
    const char *name;
    int r = enter_parent(put, record->path, &name);
    if (r < 0)
        return r;
    switch (record->type) {
    case WIRE_ENTRY_FILE:
        return put_file(put, record, name);
    case WIRE_ENTRY_DIRECTORY:
        return put_folder(put, record, name);
    case WIRE_ENTRY_SYMLINK:
        return put_symlink(put, record, name);
    case WIRE_ENTRY_HARDLINK:
        return put_hardlink(put, record, name);
    default:
        return -EPROTO;
    }
}

/* -------------------------------------------------------------------------------------- the whole */

/* From the last to the first, so that a folder is closed to us only after those in it. */
static void finish_folders(struct put *put, bool apply)
{
    while (put->folder_count > 0) {
        struct folder *folder = &put->folders[--put->folder_count];
        CLEANUP_FD int fd =
            apply ? path_openat2(put->root, folder->path, O_RDONLY | O_DIRECTORY, BENEATH) : -1;
        if (fd >= 0) {
            set_time(fd, folder->mtime);
            (void)fchmod(fd, folder->mode);
        }
        free(folder->path);
    }
    free(put->folders);
}

int file_put_tree(const struct file_request *request, struct file_reason *why)
{
    static struct put put;
    static struct record record;
    CLEANUP_FD int root = path_make_folder(request, request->path, why);
    if (root < 0)
        return root;
    int r = path_permitted_fd(request, root, why);
    put.request = request;
    put.why = why;
    put.root = root;
    put.parent = -1;
    while (r == 0 && (r = read_record(&put, &record)) > 0) {
        r = put_record(&put, &record);
        if (r < 0 && why->text[0] == '\0')
            r = file_fail(why, -r, "cannot make '%.100s'", record.path);
    }
    finish_folders(&put, r == 0);
    close_fd(&put.parent);
    return r;
}
