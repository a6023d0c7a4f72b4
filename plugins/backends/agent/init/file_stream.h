/*
 * file_stream.h - buffered input from descriptor 0 and output to descriptor 1 of a file operation,
 * in the terms of the wire format. Owns the buffers.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_FILE_STREAM_H
#define AGENT_FILE_STREAM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#define FILE_STREAM_SIZE 65536

struct file_out {
    size_t length;
    int error; /* the first one; nothing is written after it */
    uint8_t bytes[FILE_STREAM_SIZE];
};

struct file_in {
    size_t start;
    size_t end;
    uint8_t bytes[FILE_STREAM_SIZE];
};

void file_out_bytes(struct file_out *out, const void *data, size_t length);
void file_out_u32(struct file_out *out, uint32_t v);
void file_out_u64(struct file_out *out, uint64_t v);
void file_out_string(struct file_out *out, const char *text);
/* 0 or -errno, of everything so far. */
int file_out_flush(struct file_out *out);

/* Some bytes: how many, 0 at the end, or -errno; valid until the next call. */
ssize_t file_in_some(struct file_in *in, size_t most, const uint8_t **ret_data);
/* Exactly so many: 1; 0 when the input ended before the first; -EPROTO when later; or -errno. */
int file_in_exactly(struct file_in *in, void *data, size_t length);
int file_in_u32(struct file_in *in, uint32_t *ret_v);
int file_in_u64(struct file_in *in, uint64_t *ret_v);
/* A string shorter than `size`, without NULs. */
int file_in_string(struct file_in *in, char *text, size_t size);

/* The wire's type for a file. */
uint32_t file_type_of(mode_t mode);

#endif
