/*
 * image_layer.c - see image_layer.h. Two readers of libarchive, one for the compression and one for
 * the tar, because what the digests are of lies between them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "image_layer.h"

#include "image_digest.h"
#include "image_stream.h"

struct layer_reader {
    struct image_job *job;
    const struct image_layer *layer;
    const char *step;
    struct image_blob *blob;
    struct image_stream *stream;
    struct archive *tar;
    struct sha256_ctx blob_hash;
    struct sha256_ctx diff_hash;
    uint64_t seen; /* of the tar; what is skipped of it has a ceiling too */
};

/* An uncompressed layer has one digest for both: it is not computed twice. */
static int has_blob_digest(const struct image_layer *layer)
{
    return layer->digest && strcmp(layer->digest, layer->diff_id) != 0;
}

static la_ssize_t read_blob(void *ctx, const void **ret_data)
{
    struct layer_reader *reader = ctx;
    la_ssize_t n = image_blob_read(reader->blob, ret_data);

    if (n > 0) {
        if (has_blob_digest(reader->layer)) {
            sha256_update(&reader->blob_hash, (size_t)n, *ret_data);
        }
        if (reader->step) {
            image_job_progress(reader->job, reader->step, (uint64_t)n);
        }
    }
    return n;
}

static la_ssize_t read_diff(struct layer_reader *reader, const void **ret_data)
{
    la_ssize_t n = image_stream_read(reader->stream, ret_data);

    if (n > 0) {
        reader->seen += (uint64_t)n;
        if (image_job_check_bytes(reader->job, reader->seen) != 0) {
            return -1;
        }
        sha256_update(&reader->diff_hash, (size_t)n, *ret_data);
    }
    return n;
}

static la_ssize_t on_read(struct archive *tar, void *ctx, const void **ret_data)
{
    la_ssize_t n = read_diff(ctx, ret_data);

    if (n < 0) {
        archive_set_error(tar, -1, "its source failed");
    }
    return n;
}

static int32_t open_reader(struct layer_reader *reader, const struct image_tar *tar)
{
    int32_t r = image_blob_open(tar, reader->layer->name, &reader->blob);

    if (r == 0) {
        r = image_stream_open(reader->job, read_blob, reader, &reader->stream);
    }
    if (r != 0) {
        return r;
    }
    reader->tar = archive_read_new();
    if (!reader->tar) {
        return image_job_fail(reader->job, ENCLAVE_ENOMEM, "out of memory");
    }
    if (archive_read_support_format_tar(reader->tar) != ARCHIVE_OK ||
        archive_read_support_format_empty(reader->tar) != ARCHIVE_OK ||
        archive_read_open(reader->tar, reader, NULL, on_read, NULL) != ARCHIVE_OK) {
        return image_job_fail_archive(reader->job, reader->tar);
    }
    return 0;
}

static int32_t read_entries(struct layer_reader *reader, image_entry_fn each, void *ctx)
{
    int32_t r = 0;

    while (r == 0) {
        struct archive_entry *entry;
        int got = archive_read_next_header(reader->tar, &entry);

        if (got == ARCHIVE_EOF) {
            break;
        }
        r = got < ARCHIVE_WARN ? image_job_fail_archive(reader->job, reader->tar)
                               : each(ctx, reader->tar, entry);
    }
    return r;
}

/* What follows the tar's end, and the compressed data's, belongs to the digests too. */
static int32_t read_rest(struct layer_reader *reader)
{
    const void *data;
    la_ssize_t n;

    do {
        n = read_diff(reader, &data);
    } while (n > 0);
    while (n == 0 && read_blob(reader, &data) > 0) {
    }
    return reader->job->code;
}

static int32_t compare(struct layer_reader *reader, struct sha256_ctx *hash, const char *wanted)
{
    char found[IMAGE_DIGEST_SIZE];

    if (strcmp(image_digest_end(hash, found), wanted) != 0) {
        return image_job_fail(reader->job, ENCLAVE_EINVALID,
                              "it is damaged: layer '%.120s' is %s and should be %s",
                              reader->layer->name, found, wanted);
    }
    return 0;
}

int32_t image_layer_read(const struct image_tar *tar, const struct image_layer *layer,
                         const char *step, image_entry_fn each, void *ctx)
{
    struct layer_reader reader = {.job = image_tar_job(tar), .layer = layer, .step = step};
    int32_t r;

    sha256_init(&reader.blob_hash);
    sha256_init(&reader.diff_hash);
    r = open_reader(&reader, tar);
    if (r == 0) {
        r = read_entries(&reader, each, ctx);
    }
    if (r == 0) {
        r = read_rest(&reader);
    }
    if (r == 0 && has_blob_digest(layer)) {
        r = compare(&reader, &reader.blob_hash, layer->digest);
    }
    if (r == 0) {
        r = compare(&reader, &reader.diff_hash, layer->diff_id);
    }
    (void)archive_read_free(reader.tar);
    image_stream_close(reader.stream);
    image_blob_close(reader.blob);
    return r;
}
