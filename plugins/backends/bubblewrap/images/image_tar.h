/*
 * image_tar.h - the tar file that an image was saved to: what is in it by name, and the content of
 * each, in any order. Owns the way through links between its members; what a member means is known
 * to image_manifest.h and image_layer.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_IMAGE_TAR_H
#define ENCLAVE_IMAGE_TAR_H

#include "image_job.h"

struct image_tar;
struct image_blob;

/*
 * Read the names in the tar file `fd`, which stays the caller's and open as long as the tar is used.
 * A compressed one is decompressed first, into a file without a name in the folder `spool`.
 */
int32_t image_tar_open(struct image_job *job, int fd, int spool, struct image_tar **ret_tar);
void image_tar_close(struct image_tar *tar);
struct image_job *image_tar_job(const struct image_tar *tar);

int image_tar_has(const struct image_tar *tar, const char *name);

/* The whole content of a small member, NUL-terminated, to be freed by the caller. */
int32_t image_tar_text(const struct image_tar *tar, const char *name, char **ret_text,
                       size_t *ret_length);

int32_t image_blob_open(const struct image_tar *tar, const char *name, struct image_blob **ret);
void image_blob_close(struct image_blob *blob);
uint64_t image_blob_size(const struct image_blob *blob);

/* An image_read_fn; `ctx` is the blob. */
la_ssize_t image_blob_read(void *ctx, const void **ret_data);

#endif
