/*
 * buffer.h - a growable run of bytes with a ceiling.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CORE_BUFFER_H
#define CORE_BUFFER_H

#include <stddef.h>
#include <stdint.h>

/* `data` has a NUL behind `length` bytes whenever it is not NULL. */
struct buffer {
    char *data;
    size_t length;
    size_t capacity;
    size_t limit; /* never holds more than this */
};

#define BUFFER_INIT(max)                                                                           \
    {                                                                                              \
        .limit = (max)                                                                             \
    }

/* 0, ENCLAVE_ETOOBIG past the limit, or ENCLAVE_ENOMEM; on failure the buffer is as it was. */
int32_t buffer_append(struct buffer *buffer, const void *data, size_t length);
int32_t buffer_append_text(struct buffer *buffer, const char *text);
/* The same with a buffer as its context, for struct enclave_sink. */
int32_t buffer_write(void *buffer, const void *data, uint64_t length);
/* As much of `data` as the limit allows; *ret_kept says how much. 0 or ENCLAVE_ENOMEM. */
int32_t buffer_append_some(struct buffer *buffer, const void *data, size_t length,
                           size_t *ret_kept);
/* Empty it, keeping the memory. */
void buffer_clear(struct buffer *buffer);
void buffer_free(struct buffer *buffer);
/* The text, which is the caller's to free(); "" when nothing was appended. NULL without memory. */
char *buffer_steal(struct buffer *buffer);

#endif
