/*
 * image_store.h - root filesystems out of saved images: unpacked once, and found again at once.
 *
 * A source is a folder, which is used as it is, or a tar file as `docker save`, `podman save` or any
 * other tool makes it: manifest.json of Docker, or an OCI image layout; plain or compressed by gzip,
 * xz or zstd. README.md beside this file says what becomes of it. The tar is not trusted: nothing is
 * written outside of the cache, and what is unpacked has ceilings.
 *
 * Formats: https://github.com/opencontainers/image-spec (image-layout.md, image-index.md, manifest.md,
 * config.md, layer.md); https://github.com/moby/docker-image-spec (v1.2, "Combined Image JSON").
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_IMAGE_STORE_H
#define ENCLAVE_IMAGE_STORE_H

#include <enclave/error.h>
#include <enclave/types.h>

struct image_request {
    const char *source;    /* a folder or a tar file */
    const char *cache_dir; /* NULL: /var/cache/enclave/images, $XDG_CACHE_HOME/enclave/images or
                              ~/.cache/enclave/images */
    int cancel_fd;         /* -1: none; readable: give up */
    enclave_progress_fn progress; /* while it unpacks; NULL: nobody watches */
    void *progress_ctx;
    uint64_t max_bytes;   /* of all files of the image together; 0: 16 GiB */
    uint64_t max_entries; /* of all layers together; 0: 2,000,000 */
};

struct image {
    char *rootfs; /* absolute path of a folder; to be used read-only, since others use it too */
    char **env;   /* NAME=VALUE of the image, NULL-terminated; none for a folder */
    char *digest; /* of the image's configuration, "sha256:..."; NULL for a folder */
};

/*
 * The root filesystem of `request->source`, unpacked when it was not yet. Blocks meanwhile, and while
 * another thread or process unpacks into the same cache. any-thread; owns nothing of `request`
 * afterwards. `*ret_image` is the caller's, to be freed by image_clear(); untouched on failure.
 *
 * Errors: NOTFOUND (no such source), INVALID (no image, a damaged one, one for another machine),
 * TOOBIG (a ceiling), CANCELLED, DENIED (the cache folder is not ours alone), CONFIG (no place for
 * the cache), IO, NOMEM.
 */
int32_t image_open(const struct image_request *request, struct image *ret_image,
                   struct enclave_error *err);

/* NULL and an image of zeros are fine. */
void image_clear(struct image *image);

#endif
