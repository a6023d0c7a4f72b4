/* SPDX-License-Identifier: Apache-2.0 */
#include "buffer.h"

#include <enclave/error.h>

#include <stdlib.h>
#include <string.h>

static int32_t buffer_reserve(struct buffer *buffer, size_t length)
{
    size_t needed = length + 1;
    size_t capacity = buffer->capacity ? buffer->capacity : 256;
    char *data;

    if (needed <= buffer->capacity) {
        return 0;
    }
    while (capacity < needed) {
        capacity *= 2; /* the ceilings are far below half of SIZE_MAX */
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
    int32_t code;

    if (length > buffer->ceiling - buffer->length) {
        return ENCLAVE_ETOOBIG;
    }
    code = buffer_reserve(buffer, buffer->length + length);
    if (code) {
        return code;
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

void buffer_consume(struct buffer *buffer, size_t length)
{
    if (length == 0) {
        return;
    }
    buffer->length -= length;
    memmove(buffer->data, buffer->data + length, buffer->length + 1);
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
