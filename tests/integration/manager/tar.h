/*
 * tar.h - archives written by hand, so that they can hold what no library would write.
 *
 * Format: POSIX ustar (IEEE Std 1003.1-2001, pax).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_TEST_TAR_H
#define ENCLAVE_TEST_TAR_H

#include <stddef.h>
#include <stdint.h>

struct tar_bytes {
    char *data;
    size_t length;
    size_t taken;
};

/* Append an entry; `type` as in the header ('0' file, '2' symbolic link, '3' device...). `target`
 * and `content` may be NULL. Aborts without memory. */
void tar_add(struct tar_bytes *tar, const char *name, char type, const char *target,
             const char *content);
/* Append the two empty blocks that end an archive. */
void tar_end(struct tar_bytes *tar);
void tar_free(struct tar_bytes *tar);

/* For struct enclave_source and enclave_sink. */
int64_t tar_read(void *ctx, void *buffer, uint64_t capacity);
int32_t tar_write(void *ctx, const void *data, uint64_t length);

#endif
