/*
 * file_write.c - WRITE (see file_op.h): the new content comes to its place whole, or not at all.
 *
 * It is written to a file without a name, which leaves nothing behind when this process is killed,
 * and then takes the place of the old file by link and rename. Where the folder cannot be written to
 * but the file can, or is a mount of its own, the content is collected in memory and copied.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "file_op.h"
#include "file_path.h"
#include "file_stream.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>

#define DEFAULT_MODE 0644

struct draft {
    int fd;
    bool spool;    /* in memory, to be copied */
    char name[32]; /* empty: it has none */
};

/* Not to be foreseen, so that a payload cannot have taken it. */
static void draft_name(struct draft *draft)
{
    uint64_t random = 0;
    (void)!getrandom(&random, sizeof(random), 0);
    snprintf(draft->name, sizeof(draft->name), ".enclave-%016llx", (unsigned long long)random);
}

static int draft_open(const struct path_place *place, bool exists, struct draft *draft)
{
    draft->name[0] = '\0';
    draft->spool = false;
    draft->fd = openat(place->parent, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
    if (draft->fd >= 0)
        return 0;
    if (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL) {
        draft_name(draft);
        draft->fd = openat(place->parent, draft->name,
                           O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (draft->fd >= 0)
            return 0;
        draft->name[0] = '\0';
    }
    if (!exists || (errno != EACCES && errno != EROFS && errno != EPERM))
        return -errno;
    draft->spool = true;
    draft->fd = memfd_create("write", MFD_CLOEXEC);
    return draft->fd < 0 ? -errno : 0;
}

static int receive(int fd, uint64_t max_bytes, struct file_reason *why)
{
    static struct file_in in;
    uint64_t total = 0;
    for (;;) {
        const uint8_t *data;
        ssize_t n = file_in_some(&in, FILE_STREAM_SIZE, &data);
        if (n <= 0)
            return (int)n;
        if (max_bytes > 0 && (uint64_t)n > max_bytes - total)
            return file_fail(why, EFBIG, "the content is longer than allowed");
        int r = write_all(fd, data, (size_t)n);
        if (r < 0)
            return r;
        total += (uint64_t)n;
    }
}

static int copy_over(int from, int to)
{
    static char buffer[FILE_STREAM_SIZE];
    if (lseek(from, 0, SEEK_SET) < 0 || ftruncate(to, 0) < 0)
        return -errno;
    for (;;) {
        ssize_t n = read(from, buffer, sizeof(buffer));
        if (n <= 0)
            return n < 0 ? -errno : 0;
        int r = write_all(to, buffer, (size_t)n);
        if (r < 0)
            return r;
    }
}

/* Give a nameless draft a name: the target's when that is free (1), else one of its own (0). */
static int draft_link(const struct path_place *place, struct draft *draft)
{
    char link[32];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", draft->fd);
    if (linkat(AT_FDCWD, link, place->parent, place->name, AT_SYMLINK_FOLLOW) == 0)
        return 1;
    if (errno != EEXIST)
        return -errno;
    draft_name(draft);
    if (linkat(AT_FDCWD, link, place->parent, draft->name, AT_SYMLINK_FOLLOW) == 0)
        return 0;
    int error = errno;
    draft->name[0] = '\0';
    return -error;
}

static int draft_place(const struct path_place *place, struct draft *draft)
{
    if (draft->name[0] == '\0') {
        int r = draft_link(place, draft);
        if (r != 0)
            return r < 0 ? r : 0;
    }
    if (renameat(place->parent, draft->name, place->parent, place->name) < 0)
        return -errno;
    draft->name[0] = '\0';
    return 0;
}

/* The old file must be one that the payload may write to, as it must for any program. */
static int check_old(const struct path_place *place, struct stat *ret_st, struct file_reason *why)
{
    if (fstatat(place->parent, place->name, ret_st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (S_ISDIR(ret_st->st_mode))
        return -EISDIR;
    if (!S_ISREG(ret_st->st_mode))
        return file_fail(why, EINVAL, "it is not a regular file");
    int fd = openat(place->parent, place->name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* `old` is the file that is there, or 0 for none. */
static int write_to(const struct file_request *request, const struct path_place *place, int old,
                    mode_t mode, struct file_reason *why)
{
    struct draft draft;
    int r = draft_open(place, old > 0, &draft);
    if (r < 0)
        return r;
    r = receive(draft.fd, request->max_bytes, why);
    if (r == 0 && !draft.spool && fchmod(draft.fd, mode) < 0)
        r = -errno;
    if (r == 0)
        r = draft.spool ? copy_over(draft.fd, old) : draft_place(place, &draft);
    if (draft.name[0])
        unlinkat(place->parent, draft.name, 0);
    close_fd(&draft.fd);
    return r;
}

int file_write(const struct file_request *request, struct file_reason *why)
{
    struct path_place place;
    struct stat st;
    int r = path_place_followed(request, request->flags & WIRE_FILE_MKDIRS, &place, why);
    if (r < 0)
        return r;
    CLEANUP_FD int parent = place.parent;
    int old = check_old(&place, &st, why);
    if (old < 0)
        return old;
    mode_t mode = request->mode ? request->mode & 07777 : DEFAULT_MODE;
    if (old > 0)
        mode = st.st_mode & 07777;
    r = write_to(request, &place, old, mode, why);
    if (old > 0)
        close_fd(&old);
    return r;
}
