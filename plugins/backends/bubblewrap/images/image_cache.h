/*
 * image_cache.h - the folder of unpacked images. Owns its layout:
 *
 *   sha256-HEX/rootfs/      an image, by the digest of its configuration; complete, never changed
 *   sha256-HEX/config.json  that configuration
 *   index/HEX               a link whose text says which image a tar file held, by the file's identity;
 *                           HEX is the sha256 of the tar's path
 *   unpacking/              of the lock's holder; what another finds in it was left by one who died
 *   lock                    see image_lock.h
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_IMAGE_CACHE_H
#define ENCLAVE_IMAGE_CACHE_H

#include "image_digest.h"
#include "image_store.h"

#include <sys/stat.h>

struct image_cache {
    char *path; /* canonical */
    int fd;     /* of it */
    int lock;   /* -1: not held */
};

/* What a tar file is known by: its path and that it did not change. */
struct image_key {
    char name[2 * SHA256_DIGEST_SIZE + sizeof "index/"];
    char identity[160];
};

/* Open the cache, making it when it is missing. `dir`: NULL for the default. `*ret_cache` is set on
 * success only, and given to image_cache_close() then. */
int32_t image_cache_open(const char *dir, struct image_cache *ret_cache, struct enclave_error *err);
void image_cache_close(struct image_cache *cache);

void image_key_make(const char *path, const struct stat *st, struct image_key *ret_key);

/* The image that this tar was when it was opened before. NOTFOUND, without a message: none. */
int32_t image_cache_find(const struct image_cache *cache, const struct image_key *key,
                         struct image *ret_image);

/* The image of a digest. NOTFOUND, without a message: it is not there, or not whole. */
int32_t image_cache_load(const struct image_cache *cache, const char *digest,
                         struct image *ret_image);

/* Remember what a tar is. Only with the lock. 0, or -1 and errno. */
int image_cache_remember(const struct image_cache *cache, const struct image_key *key,
                         const char *digest);

/*
 * With the lock: an empty folder to unpack into, with `rootfs` in it (0755), and what a dead one left
 * removed; and its removal. `*ret_fd` is the caller's. 0, or -1 and errno.
 */
int image_cache_begin(const struct image_cache *cache, int *ret_fd);
int image_cache_discard(const struct image_cache *cache);

/* With the lock: make what was unpacked the image of `digest`, at once and whole. 0, or -1, errno. */
int image_cache_publish(const struct image_cache *cache, int unpacked, const char *digest,
                        const char *config, size_t length);

#define IMAGE_CACHE_ROOTFS "rootfs"
#define IMAGE_CACHE_LOCK "lock"

#endif
