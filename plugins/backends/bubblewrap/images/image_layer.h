/*
 * image_layer.h - one layer of an image read from its first to its last byte: decompressed, taken
 * apart, and compared with its digests. What its entries do is known to image_rootfs.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_IMAGE_LAYER_H
#define ENCLAVE_IMAGE_LAYER_H

#include "image_manifest.h"
#include "image_tar.h"

#include <archive_entry.h>

/* Called for each entry; what is not read of its content is skipped. 0, or the job failed. */
typedef int32_t (*image_entry_fn)(void *ctx, struct archive *tar, struct archive_entry *entry);

/* Read it, telling progress under the name `step` unless that is NULL. */
int32_t image_layer_read(const struct image_tar *tar, const struct image_layer *layer,
                         const char *step, image_entry_fn each, void *ctx);

#endif
