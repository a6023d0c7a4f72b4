/*
 * image_stream.c - see image_stream.h. libarchive's filters in front of its "raw" format, which is one
 * entry of whatever comes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "image_stream.h"

#include <archive_entry.h>
#include <stdlib.h>

struct image_stream {
    struct image_job *job;
    struct archive *raw;
    image_read_fn read;
    void *ctx;
    int is_empty;
};

static la_ssize_t on_read(struct archive *raw, void *ctx, const void **ret_data)
{
    struct image_stream *stream = ctx;
    la_ssize_t n = stream->read(stream->ctx, ret_data);

    if (n < 0) {
        archive_set_error(raw, -1, "its source failed");
    }
    return n;
}

static int open_raw(struct image_stream *stream)
{
    struct archive_entry *entry;
    int r;

    if (archive_read_support_filter_gzip(stream->raw) != ARCHIVE_OK ||
        archive_read_support_filter_xz(stream->raw) != ARCHIVE_OK ||
        archive_read_support_filter_zstd(stream->raw) != ARCHIVE_OK ||
        archive_read_support_format_empty(stream->raw) != ARCHIVE_OK ||
        archive_read_support_format_raw(stream->raw) != ARCHIVE_OK ||
        archive_read_open(stream->raw, stream, NULL, on_read, NULL) != ARCHIVE_OK) {
        return -1;
    }
    r = archive_read_next_header(stream->raw, &entry);
    stream->is_empty = r == ARCHIVE_EOF;
    return r == ARCHIVE_OK || r == ARCHIVE_EOF ? 0 : -1;
}

int32_t image_stream_open(struct image_job *job, image_read_fn read, void *ctx,
                          struct image_stream **ret_stream)
{
    struct image_stream *stream = calloc(1, sizeof *stream);
    int32_t r;

    if (!stream || !(stream->raw = archive_read_new())) {
        free(stream);
        return image_job_fail(job, ENCLAVE_ENOMEM, "out of memory");
    }
    stream->job = job;
    stream->read = read;
    stream->ctx = ctx;
    if (open_raw(stream) != 0) {
        r = image_job_fail_archive(job, stream->raw);
        image_stream_close(stream);
        return r;
    }
    *ret_stream = stream;
    return 0;
}

void image_stream_close(struct image_stream *stream)
{
    if (stream) {
        (void)archive_read_free(stream->raw);
        free(stream);
    }
}

int image_stream_is_plain(const struct image_stream *stream)
{
    return archive_filter_code(stream->raw, 0) == ARCHIVE_FILTER_NONE;
}

la_ssize_t image_stream_read(void *ctx, const void **ret_data)
{
    struct image_stream *stream = ctx;
    la_int64_t offset;
    size_t n = 0;
    int r;

    if (stream->is_empty) {
        return 0;
    }
    do {
        r = archive_read_data_block(stream->raw, ret_data, &n, &offset);
    } while (r == ARCHIVE_OK && n == 0);
    if (r == ARCHIVE_EOF) {
        return 0;
    }
    if (r != ARCHIVE_OK) {
        (void)image_job_fail_archive(stream->job, stream->raw);
        return -1;
    }
    return (la_ssize_t)n;
}
