/*
 * cp_stream.c - see cp_stream.h.
 *
 * The library hands the bytes out, libarchive wants to fetch them: hence the thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cp_stream.h"

#include "late.h"
#include "text.h"

#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BLOCK ((size_t)64 << 10)

static int32_t pass_on(void *ctx, const void *data, uint64_t length)
{
    const struct cp_stream *stream = ctx;
    const char *at = data;

    while (length > 0) {
        ssize_t n = write(stream->write_fd, at, length < BLOCK ? (size_t)length : BLOCK);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) { /* the reader has what it wanted */
            return ENCLAVE_ECANCELLED;
        }
        at += n;
        length -= (uint64_t)n;
    }
    return 0;
}

static void *fetch(void *ctx)
{
    struct cp_stream *stream = ctx;
    struct enclave_sink sink = {sizeof sink, 0, stream, pass_on};

    stream->result =
        enclave_manager_get_archive(stream->manager, stream->id, stream->path, &sink, &stream->err);
    close(stream->write_fd);
    return NULL;
}

static int32_t open_reader(struct cp_stream *stream, struct enclave_error *err)
{
    int32_t r = late_archive(err);

    if (r != 0) {
        return r;
    }
    stream->reader = archive_read_new();
    if (!stream->reader || archive_read_support_format_tar(stream->reader) != ARCHIVE_OK) {
        archive_read_free(stream->reader);
        return enclave_error_set(err, ENCLAVE_ENOMEM, "cp: out of memory");
    }
    return 0;
}

int32_t cp_stream_begin(struct cp_stream *stream, struct enclave_manager *manager, const char *id,
                        const char *path, struct enclave_error *err)
{
    int fds[2];
    int32_t r;

    *stream =
        (struct cp_stream){.manager = manager, .id = id, .path = path, .err = ENCLAVE_ERROR_INIT};
    r = open_reader(stream, err);
    if (r != 0) {
        return r;
    }
    if (pipe2(fds, O_CLOEXEC) != 0) {
        archive_read_free(stream->reader);
        return enclave_error_set(err, ENCLAVE_EIO, "cp: no pipe: %s", strerror(errno));
    }
    stream->read_fd = fds[0];
    stream->write_fd = fds[1];
    if (pthread_create(&stream->thread, NULL, fetch, stream) != 0) {
        archive_read_free(stream->reader);
        close(fds[0]);
        close(fds[1]);
        return enclave_error_set(err, ENCLAVE_ENOMEM, "cp: no thread is to be had");
    }
    /* Reads the first block, so that the thread must be there. What is wrong shows when it is read. */
    (void)archive_read_open_fd(stream->reader, stream->read_fd, BLOCK);
    return 0;
}

/* Behind the end of an archive there may be padding. */
static void drain(int fd)
{
    char buffer[4096];
    ssize_t n;

    do {
        n = read(fd, buffer, sizeof buffer);
    } while (n > 0 || (n < 0 && errno == EINTR));
}

int32_t cp_stream_end(struct cp_stream *stream, int whole, struct enclave_error *err)
{
    if (whole) {
        drain(stream->read_fd);
    }
    archive_read_free(stream->reader);
    close(stream->read_fd);
    pthread_join(stream->thread, NULL);
    if (!whole || stream->result == 0) {
        return 0;
    }
    *err = stream->err;
    return stream->result;
}

/* What is at the path itself: the first name of its archive. */
static int32_t look_at(struct enclave_manager *manager, const char *id, const char *path,
                       uint32_t *ret_type, struct enclave_error *err)
{
    struct cp_stream stream;
    struct archive_entry *entry = NULL;
    int32_t r = cp_stream_begin(&stream, manager, id, path, err);
    int found;

    if (r != 0) {
        return r;
    }
    found = archive_read_next_header(stream.reader, &entry) == ARCHIVE_OK;
    if (found) {
        *ret_type = archive_entry_filetype(entry) == AE_IFDIR   ? ENCLAVE_FILE_DIRECTORY
                    : archive_entry_filetype(entry) == AE_IFLNK ? ENCLAVE_FILE_SYMLINK
                                                                : ENCLAVE_FILE_REGULAR;
    }
    r = cp_stream_end(&stream, !found, err);
    if (found || r == ENCLAVE_ENOTFOUND) {
        *ret_type = found ? *ret_type : 0;
        return 0;
    }
    return r != 0
               ? r
               : enclave_error_set(err, ENCLAVE_EPROTOCOL, "cp: '%.200s' came as no archive", path);
}

int32_t cp_look(struct enclave_manager *manager, const char *id, const char *path,
                uint32_t *ret_type, struct enclave_error *err)
{
    AUTO_FREE char *inside = NULL;
    uint32_t type = 0;
    int32_t r = look_at(manager, id, path, ret_type, err);

    if (r != 0 || *ret_type != ENCLAVE_FILE_SYMLINK) {
        return r;
    }
    if (asprintf(&inside, "%s/.", path) < 0) {
        inside = NULL;
        return enclave_error_set(err, ENCLAVE_ENOMEM, "cp: out of memory");
    }
    if (look_at(manager, id, inside, &type, err) == 0 && type == ENCLAVE_FILE_DIRECTORY) {
        *ret_type = type;
    }
    return 0;
}
