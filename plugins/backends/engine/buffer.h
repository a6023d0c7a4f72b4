/*
 * buffer.h - bytes that grow up to a ceiling given where the buffer is made.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_ENGINE_BUFFER_H
#define ENCLAVE_ENGINE_BUFFER_H

#include <stddef.h>
#include <stdint.h>

struct buffer {
    char *data; /* NUL behind the last byte; NULL while empty */
    size_t length;
    size_t capacity;
    size_t ceiling;
};

#define BUFFER_INIT(max)                                                                           \
    (struct buffer)                                                                                \
    {                                                                                              \
        .ceiling = (max)                                                                           \
    }

/* 0, ENCLAVE_ETOOBIG when the ceiling is passed, or ENCLAVE_ENOMEM; then nothing was appended. */
int32_t buffer_append(struct buffer *buffer, const void *data, size_t length);
int32_t buffer_append_text(struct buffer *buffer, const char *text);
/* Drop the first `length` bytes. */
void buffer_consume(struct buffer *buffer, size_t length);
void buffer_clear(struct buffer *buffer);
void buffer_free(struct buffer *buffer);

#endif
