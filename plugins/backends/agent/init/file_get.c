/*
 * file_get.c - GET_TREE (see file_op.h): a file or a folder becomes tree records. Links are told and
 * not followed; what is neither file, folder nor link is left out, as it has no content.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "file_names.h"
#include "file_op.h"
#include "file_path.h"
#include "file_stream.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Each level holds a descriptor. */
#define DEPTH_MAX 128

/* Hard links beyond this many come as files of their own. */
#define LINKS_MAX 65536u

struct link {
    dev_t device;
    ino_t inode;
    char *path;
};

struct get {
    const struct file_request *request;
    struct file_reason *why;
    struct file_out out;
    uint64_t total;
    char path[PATH_MAX]; /* of the record */
    struct link *links;
    size_t link_count;
    size_t link_size;
};

/* The path under which this file was sent before, or NULL; then it is remembered. */
static const char *sent_before(struct get *get, const struct stat *st)
{
    if (st->st_nlink < 2)
        return NULL;
    for (size_t i = 0; i < get->link_count; i++)
        if (get->links[i].device == st->st_dev && get->links[i].inode == st->st_ino)
            return get->links[i].path;
    if (get->link_count == get->link_size) {
        size_t size = get->link_size ? get->link_size * 2 : 64;
        struct link *grown = size <= LINKS_MAX ? realloc(get->links, size * sizeof(*grown)) : NULL;
        if (!grown)
            return NULL;
        get->links = grown;
        get->link_size = size;
    }
    char *path = strdup(get->path);
    if (path)
        get->links[get->link_count++] =
            (struct link){.device = st->st_dev, .inode = st->st_ino, .path = path};
    return NULL;
}

static void put_header(struct get *get, uint32_t type, const struct stat *st, uint64_t length,
                       const char *target)
{
    file_out_u32(&get->out, type);
    file_out_u32(&get->out, st->st_mode & 07777);
    file_out_u64(&get->out, length);
    file_out_u64(&get->out, (uint64_t)st->st_mtime);
    file_out_string(&get->out, get->path);
    file_out_string(&get->out, target);
}

/* As many bytes as were announced, whatever happens to the file meanwhile. */
static int put_content(struct get *get, int fd, uint64_t length)
{
    static char buffer[FILE_STREAM_SIZE];
    while (length > 0 && get->out.error == 0) {
        size_t want = length < sizeof(buffer) ? (size_t)length : sizeof(buffer);
        ssize_t n = read(fd, buffer, want);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0) { /* it has become shorter */
            memset(buffer, 0, want);
            n = (ssize_t)want;
        }
        file_out_bytes(&get->out, buffer, (size_t)n);
        length -= (uint64_t)n;
    }
    return get->out.error;
}

static int get_file(struct get *get, int found, const struct stat *st)
{
    const char *target = sent_before(get, st);
    if (target) {
        put_header(get, WIRE_ENTRY_HARDLINK, st, 0, target);
        return get->out.error;
    }
    uint64_t length = (uint64_t)st->st_size;
    uint64_t max_bytes = get->request->max_bytes;
    if (max_bytes > 0 && length > max_bytes - get->total)
        return file_fail(get->why, EFBIG, "the tree is longer than allowed");
    get->total += length;
    CLEANUP_FD int fd = path_reopen(found, O_RDONLY);
    if (fd < 0)
        return fd;
    put_header(get, WIRE_ENTRY_FILE, st, length, "");
    return put_content(get, fd, length);
}

static int get_symlink(struct get *get, int found, const struct stat *st)
{
    char target[PATH_MAX];
    ssize_t n = readlinkat(found, "", target, sizeof(target) - 1);
    if (n < 0)
        return -errno;
    target[n] = '\0';
    put_header(get, WIRE_ENTRY_SYMLINK, st, 0, target);
    return get->out.error;
}

static int get_any(struct get *get, int folder, const char *name, int depth);

static int get_folder(struct get *get, int found, const struct stat *st, int depth)
{
    struct file_names names;
    size_t length = strlen(get->path);
    int r = path_permitted_fd(get->request, found, get->why);
    if (r < 0)
        return r;
    if (depth == DEPTH_MAX)
        return file_fail(get->why, ENAMETOOLONG, "the tree is nested too deeply");
    put_header(get, WIRE_ENTRY_DIRECTORY, st, 0, "");
    r = file_names_read(found, &names);
    if (r < 0)
        return r;
    for (size_t i = 0; r == 0 && i < names.count; i++) {
        size_t room = sizeof(get->path) - length;
        if (snprintf(get->path + length, room, "/%s", names.all[i]) >= (int)room)
            r = -ENAMETOOLONG;
        else
            r = get_any(get, found, names.all[i], depth + 1);
        if (r == -ENOENT && get->why->text[0] == '\0')
            r = 0; /* removed meanwhile */
        if (r == 0)
            get->path[length] = '\0';
    }
    file_names_free(&names);
    return r;
}

static int get_found(struct get *get, int found, int depth)
{
    struct stat st;
    if (fstat(found, &st) < 0)
        return -errno;
    switch (file_type_of(st.st_mode)) {
    case WIRE_ENTRY_FILE:
        return get_file(get, found, &st);
    case WIRE_ENTRY_DIRECTORY:
        return get_folder(get, found, &st, depth);
    case WIRE_ENTRY_SYMLINK:
        return get_symlink(get, found, &st);
    default:
        return 0;
    }
}

static int get_any(struct get *get, int folder, const char *name, int depth)
{
    CLEANUP_FD int found = openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    return found < 0 ? -errno : get_found(get, found, depth);
}

int file_get_tree(const struct file_request *request, struct file_reason *why)
{
    static struct get get;
    char real[PATH_MAX];
    CLEANUP_FD int found = path_find(request, 0, why);
    if (found < 0)
        return found;
    int r = path_of(found, real);
    if (r < 0)
        return r;
    const char *name = strrchr(real, '/');
    get.request = request;
    get.why = why;
    snprintf(get.path, sizeof(get.path), "%s", name && name[1] ? name + 1 : "root");
    r = get_found(&get, found, 0);
    if (r == 0)
        r = file_out_flush(&get.out);
    else if (why->text[0] == '\0')
        r = file_fail(why, -r, "at '%.100s'", get.path);
    for (size_t i = 0; i < get.link_count; i++)
        free(get.links[i].path);
    free(get.links);
    return r;
}
