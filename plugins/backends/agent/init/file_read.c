/*
 * file_read.c - READ, STAT and LIST (see file_op.h).
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
#include <string.h>
#include <sys/stat.h>

static int send_content(int fd, uint64_t max_bytes, struct file_reason *why)
{
    static char buffer[FILE_STREAM_SIZE];
    uint64_t sent = 0;
    for (;;) {
        ssize_t n = read(fd, buffer, sizeof(buffer));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : 0;
        if (max_bytes > 0 && (uint64_t)n > max_bytes - sent)
            return file_fail(why, EFBIG, "it is longer than allowed");
        int r = write_all(1, buffer, (size_t)n);
        if (r < 0)
            return r;
        sent += (uint64_t)n;
    }
}

int file_read(const struct file_request *request, struct file_reason *why)
{
    struct stat st;
    CLEANUP_FD int found = path_find(request, 0, why);
    if (found < 0)
        return found;
    if (fstat(found, &st) < 0)
        return -errno;
    if (S_ISDIR(st.st_mode))
        return -EISDIR;
    /* A device or a FIFO is not even opened, which alone may do something. */
    if (!S_ISREG(st.st_mode))
        return file_fail(why, EINVAL, "it is not a regular file");
    if (request->max_bytes > 0 && (uint64_t)st.st_size > request->max_bytes)
        return file_fail(why, EFBIG, "it is longer than allowed");
    CLEANUP_FD int fd = path_reopen(found, O_RDONLY);
    return fd < 0 ? fd : send_content(fd, request->max_bytes, why);
}

static int send_entry(struct file_out *out, int folder, const char *name, const char *shown)
{
    struct stat st;
    char target[PATH_MAX] = "";
    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) < 0)
        return -errno;
    if (S_ISLNK(st.st_mode)) {
        ssize_t n = readlinkat(folder, name, target, sizeof(target) - 1);
        target[n > 0 ? n : 0] = '\0';
    }
    file_out_u32(out, file_type_of(st.st_mode));
    file_out_u32(out, st.st_mode & 07777);
    file_out_u32(out, st.st_uid);
    file_out_u32(out, st.st_gid);
    file_out_u32(out, (uint32_t)st.st_nlink);
    file_out_u64(out, (uint64_t)st.st_size);
    file_out_u64(out, (uint64_t)st.st_mtime);
    file_out_string(out, shown);
    file_out_string(out, target);
    return out->error;
}

static int send_own_entry(struct file_out *out, int fd)
{
    char real[PATH_MAX];
    int r = path_of(fd, real);
    const char *slash = r < 0 ? NULL : strrchr(real, '/');
    if (r < 0)
        return r;
    return send_entry(out, fd, "", slash && slash[1] ? slash + 1 : real);
}

int file_stat(const struct file_request *request, struct file_reason *why)
{
    static struct file_out out;
    CLEANUP_FD int fd = path_find(request, O_NOFOLLOW, why);
    if (fd < 0)
        return fd;
    int r = send_own_entry(&out, fd);
    return r < 0 ? r : file_out_flush(&out);
}

int file_list(const struct file_request *request, struct file_reason *why)
{
    static struct file_out out;
    struct file_names names = {0};
    struct stat st;
    CLEANUP_FD int fd = path_find(request, 0, why);
    if (fd < 0)
        return fd;
    if (fstat(fd, &st) < 0)
        return -errno;
    int r = S_ISDIR(st.st_mode) ? file_names_read(fd, &names) : send_own_entry(&out, fd);
    for (size_t i = 0; r == 0 && i < names.count; i++) {
        r = send_entry(&out, fd, names.all[i], names.all[i]);
        if (r == -ENOENT) /* removed meanwhile */
            r = 0;
    }
    file_names_free(&names);
    return r < 0 ? r : file_out_flush(&out);
}
