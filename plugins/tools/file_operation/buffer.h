/*
 * buffer.h - bytes that grow up to a ceiling.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BUFFER_H
#define BUFFER_H

#include <stddef.h>
#include <stdint.h>

struct buffer {
    unsigned char *data;
    size_t length;
    size_t capacity;
    size_t ceiling; /* longer than this it never gets */
};

/* ENCLAVE_ETOOBIG at the ceiling, ENCLAVE_ENOMEM; the buffer is then as it was. */
int32_t buffer_append(struct buffer *buffer, const void *data, size_t length);
int32_t buffer_byte(struct buffer *buffer, unsigned char byte);
__attribute__((format(printf, 2, 3))) int32_t buffer_format(struct buffer *buffer,
                                                            const char *format, ...);

/* For __attribute__((cleanup)). */
void buffer_drop(struct buffer *buffer);

#endif
