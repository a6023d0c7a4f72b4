/*
 * tar.c - see tar.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tar.h"

#include <enclave/error.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 512, LARGEST = 64 << 20 };

int32_t tar_write(void *ctx, const void *data, uint64_t length)
{
    struct tar_bytes *tar = ctx;
    char *grown;

    if (length > LARGEST - tar->length || !(grown = realloc(tar->data, tar->length + length))) {
        return ENCLAVE_ENOMEM;
    }
    memcpy(grown + tar->length, data, length);
    tar->data = grown;
    tar->length += length;
    return 0;
}

int64_t tar_read(void *ctx, void *buffer, uint64_t capacity)
{
    struct tar_bytes *tar = ctx;
    size_t n = tar->length - tar->taken;

    n = n < capacity ? n : (size_t)capacity;
    if (n > 0) {
        memcpy(buffer, tar->data + tar->taken, n);
        tar->taken += n;
    }
    return (int64_t)n;
}

static void append(struct tar_bytes *tar, const void *data, size_t length)
{
    if (tar_write(tar, data, length) != 0) {
        abort();
    }
}

void tar_add(struct tar_bytes *tar, const char *name, char type, const char *target,
             const char *content)
{
    char header[BLOCK] = {0};
    size_t length = content ? strlen(content) : 0;
    unsigned sum = 0;

    (void)snprintf(header, 100, "%s", name);
    (void)snprintf(header + 100, 8, "%07o", 0644);
    (void)snprintf(header + 108, 8, "%07o", 0);
    (void)snprintf(header + 116, 8, "%07o", 0);
    (void)snprintf(header + 124, 12, "%011o", (unsigned)length);
    (void)snprintf(header + 136, 12, "%011o", 0);
    memset(header + 148, ' ', 8);
    header[156] = type;
    (void)snprintf(header + 157, 100, "%s", target ? target : "");
    memcpy(header + 257,
           "ustar\0"
           "00",
           8);
    (void)snprintf(header + 329, 8, "%07o", 1); /* device 1, 3: /dev/null */
    (void)snprintf(header + 337, 8, "%07o", 3);
    for (size_t i = 0; i < BLOCK; i++) {
        sum += (unsigned char)header[i];
    }
    (void)snprintf(header + 148, 8, "%06o", sum);
    append(tar, header, BLOCK);
    for (size_t done = 0; done < length; done += BLOCK) {
        char block[BLOCK] = {0};
        memcpy(block, content + done, length - done < BLOCK ? length - done : BLOCK);
        append(tar, block, BLOCK);
    }
}

void tar_end(struct tar_bytes *tar)
{
    static const char zeros[2 * BLOCK];

    append(tar, zeros, sizeof zeros);
}

void tar_free(struct tar_bytes *tar)
{
    free(tar->data);
    *tar = (struct tar_bytes){NULL, 0, 0};
}
