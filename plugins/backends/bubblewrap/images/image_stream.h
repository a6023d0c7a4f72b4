/*
 * image_stream.h - bytes pulled from somewhere, decompressed when they are compressed. Owns the
 * choice of compressions; what the bytes mean is the reader's business.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_IMAGE_STREAM_H
#define ENCLAVE_IMAGE_STREAM_H

#include "image_job.h"

struct image_stream;

/* The next bytes, valid until the next call: their number, 0 at the end, -1 with the job failed. */
typedef la_ssize_t (*image_read_fn)(void *ctx, const void **ret_data);

int32_t image_stream_open(struct image_job *job, image_read_fn read, void *ctx,
                          struct image_stream **ret_stream);
void image_stream_close(struct image_stream *stream);

int image_stream_is_plain(const struct image_stream *stream);

/* As image_read_fn; `ctx` is the stream. */
la_ssize_t image_stream_read(void *ctx, const void **ret_data);

#endif
