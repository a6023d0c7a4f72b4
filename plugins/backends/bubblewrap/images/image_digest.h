/*
 * image_digest.h - sha256 in the form that images write it: "sha256:" and 64 hexadecimal digits.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_IMAGE_DIGEST_H
#define ENCLAVE_IMAGE_DIGEST_H

#include <nettle/sha2.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define IMAGE_DIGEST_PREFIX "sha256:"
#define IMAGE_DIGEST_SIZE (sizeof IMAGE_DIGEST_PREFIX + (size_t)2 * SHA256_DIGEST_SIZE)

static inline const char *image_digest_end(struct sha256_ctx *hash, char to[IMAGE_DIGEST_SIZE])
{
    uint8_t sum[SHA256_DIGEST_SIZE];
    char *at = to + sizeof IMAGE_DIGEST_PREFIX - 1;

    sha256_digest(hash, sizeof sum, sum);
    memcpy(to, IMAGE_DIGEST_PREFIX, sizeof IMAGE_DIGEST_PREFIX);
    for (size_t i = 0; i < sizeof sum; i++) {
        (void)snprintf(at + 2 * i, 3, "%02x", sum[i]);
    }
    return to;
}

static inline const char *image_digest_of(const void *data, size_t length,
                                          char to[IMAGE_DIGEST_SIZE])
{
    struct sha256_ctx hash;

    sha256_init(&hash);
    sha256_update(&hash, length, data);
    return image_digest_end(&hash, to);
}

/* The hexadecimal digits of a well-formed digest, else NULL. Only such become a part of a path. */
static inline const char *image_digest_hex(const char *digest)
{
    const char *hex = digest + sizeof IMAGE_DIGEST_PREFIX - 1;

    if (strlen(digest) != IMAGE_DIGEST_SIZE - 1 ||
        strncmp(digest, IMAGE_DIGEST_PREFIX, sizeof IMAGE_DIGEST_PREFIX - 1) != 0 ||
        strspn(hex, "0123456789abcdef") != (size_t)2 * SHA256_DIGEST_SIZE) {
        return NULL;
    }
    return hex;
}

#endif
