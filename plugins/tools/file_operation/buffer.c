/*
 * buffer.c - see buffer.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <enclave/error.h>

static int32_t grow(struct buffer *buffer, size_t needed)
{
    size_t capacity = buffer->capacity ? buffer->capacity : 4096;
    unsigned char *data;

    while (capacity < needed) {
        capacity = capacity > SIZE_MAX / 2 ? needed : capacity * 2;
    }
    data = realloc(buffer->data, capacity);
    if (!data) {
        return ENCLAVE_ENOMEM;
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return 0;
}

int32_t buffer_append(struct buffer *buffer, const void *data, size_t length)
{
    if (length > buffer->ceiling - buffer->length) {
        return ENCLAVE_ETOOBIG;
    }
    if (length > buffer->capacity - buffer->length) {
        int32_t rc = grow(buffer, buffer->length + length);

        if (rc < 0) {
            return rc;
        }
    }
    if (length > 0) {
        memcpy(buffer->data + buffer->length, data, length);
        buffer->length += length;
    }
    return 0;
}

int32_t buffer_byte(struct buffer *buffer, unsigned char byte)
{
    return buffer_append(buffer, &byte, 1);
}

int32_t buffer_format(struct buffer *buffer, const char *format, ...)
{
    char *text = NULL;
    va_list args;
    int length;
    int32_t rc;

    va_start(args, format);
    length = vasprintf(&text, format, args);
    va_end(args);
    if (length < 0) {
        return ENCLAVE_ENOMEM;
    }
    rc = buffer_append(buffer, text, (size_t)length);
    free(text);
    return rc;
}

void buffer_drop(struct buffer *buffer)
{
    free(buffer->data);
}
