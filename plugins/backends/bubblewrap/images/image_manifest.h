/*
 * image_manifest.h - what an image is made of, read from the JSON beside its layers: manifest.json of
 * `docker save`, else index.json of an OCI image layout and what that leads to. Owns the choice of
 * the image for this machine, and what is refused in this JSON.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_IMAGE_MANIFEST_H
#define ENCLAVE_IMAGE_MANIFEST_H

#include "image_digest.h"
#include "image_tar.h"

struct image_layer {
    char *name;                      /* of its member in the tar */
    char *digest;                    /* of that member; NULL: not told */
    char diff_id[IMAGE_DIGEST_SIZE]; /* of the tar in it, uncompressed */
};

struct image_manifest {
    char *config; /* JSON */
    size_t config_length;
    char digest
        [IMAGE_DIGEST_SIZE]; /* of `config`: it names all layers' digests, so it is the image's */
    struct image_layer *layers; /* the lowest first */
    size_t count;
};

/* Zeros, then freed by image_manifest_clear() also on failure. */
int32_t image_manifest_read(const struct image_tar *tar, struct image_manifest *ret_manifest);
void image_manifest_clear(struct image_manifest *manifest);

#endif
