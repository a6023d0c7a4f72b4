/*
 * buffer.c - see buffer.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "buffer.h"

#include <enclave/error.h>

#include <stdlib.h>
#include <string.h>

static int32_t reserve(struct buffer *buffer, size_t length)
{
    if (length > buffer->limit) {
        return ENCLAVE_ETOOBIG;
    }
    if (length < buffer->capacity) {
        return 0;
    }
    size_t capacity = buffer->capacity ? buffer->capacity : 256;
    while (capacity <= length) {
        if (capacity > SIZE_MAX / 2) {
            return ENCLAVE_ENOMEM;
        }
        capacity *= 2;
    }
    char *data = realloc(buffer->data, capacity);
    if (!data) {
        return ENCLAVE_ENOMEM;
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return 0;
}

int32_t buffer_append(struct buffer *buffer, const void *data, size_t length)
{
    if (length > SIZE_MAX - buffer->length) {
        return ENCLAVE_ETOOBIG;
    }
    int32_t r = reserve(buffer, buffer->length + length);
    if (r < 0) {
        return r;
    }
    if (length > 0) {
        memcpy(buffer->data + buffer->length, data, length);
    }
    buffer->length += length;
    buffer->data[buffer->length] = '\0';
    return 0;
}

int32_t buffer_append_text(struct buffer *buffer, const char *text)
{
    return buffer_append(buffer, text, strlen(text));
}

int32_t buffer_write(void *buffer, const void *data, uint64_t length)
{
    return buffer_append(buffer, data, (size_t)length);
}

int32_t buffer_append_some(struct buffer *buffer, const void *data, size_t length, size_t *ret_kept)
{
    size_t room = buffer->limit - buffer->length;
    if (length > room) {
        length = room;
    }
    int32_t r = length > 0 ? buffer_append(buffer, data, length) : 0;
    if (r == 0) {
        *ret_kept = length;
    }
    return r;
}

void buffer_clear(struct buffer *buffer)
{
    buffer->length = 0;
}

void buffer_free(struct buffer *buffer)
{
    free(buffer->data);
    buffer->data = NULL;
    buffer->length = buffer->capacity = 0;
}

char *buffer_steal(struct buffer *buffer)
{
    char *data = buffer->data ? buffer->data : calloc(1, 1);
    buffer->data = NULL;
    buffer->length = buffer->capacity = 0;
    return data;
}
