/*
 * file_stream.c - see file_stream.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "file_stream.h"

#include "../wire.h"
#include "util.h"

#include <errno.h>
#include <string.h>

void file_out_bytes(struct file_out *out, const void *data, size_t length)
{
    const uint8_t *p = data;
    while (length > 0 && out->error == 0) {
        if (out->length == sizeof(out->bytes))
            (void)file_out_flush(out);
        size_t room = sizeof(out->bytes) - out->length;
        size_t n = length < room ? length : room;
        memcpy(out->bytes + out->length, p, n);
        out->length += n;
        p += n;
        length -= n;
    }
}

void file_out_u32(struct file_out *out, uint32_t v)
{
    uint8_t bytes[4];
    wire_put_u32(bytes, v);
    file_out_bytes(out, bytes, sizeof(bytes));
}

void file_out_u64(struct file_out *out, uint64_t v)
{
    uint8_t bytes[8];
    wire_put_u64(bytes, v);
    file_out_bytes(out, bytes, sizeof(bytes));
}

void file_out_string(struct file_out *out, const char *text)
{
    size_t length = strlen(text);
    file_out_u32(out, (uint32_t)length);
    file_out_bytes(out, text, length);
}

int file_out_flush(struct file_out *out)
{
    if (out->error == 0)
        out->error = write_all(1, out->bytes, out->length);
    out->length = 0;
    return out->error;
}

ssize_t file_in_some(struct file_in *in, size_t most, const uint8_t **ret_data)
{
    if (in->start == in->end) {
        ssize_t n;
        do
            n = read(0, in->bytes, sizeof(in->bytes));
        while (n < 0 && errno == EINTR);
        if (n <= 0)
            return n < 0 ? -errno : 0;
        in->start = 0;
        in->end = (size_t)n;
    }
    size_t n = in->end - in->start < most ? in->end - in->start : most;
    *ret_data = in->bytes + in->start;
    in->start += n;
    return (ssize_t)n;
}

int file_in_exactly(struct file_in *in, void *data, size_t length)
{
    uint8_t *p = data;
    size_t done = 0;
    while (done < length) {
        const uint8_t *from;
        ssize_t n = file_in_some(in, length - done, &from);
        if (n < 0)
            return (int)n;
        if (n == 0)
            return done == 0 ? 0 : -EPROTO;
        memcpy(p + done, from, (size_t)n);
        done += (size_t)n;
    }
    return 1;
}

int file_in_u32(struct file_in *in, uint32_t *ret_v)
{
    uint8_t bytes[4];
    int r = file_in_exactly(in, bytes, sizeof(bytes));
    *ret_v = r > 0 ? wire_get_u32(bytes) : 0;
    return r;
}

int file_in_u64(struct file_in *in, uint64_t *ret_v)
{
    uint8_t bytes[8];
    int r = file_in_exactly(in, bytes, sizeof(bytes));
    *ret_v = r > 0 ? wire_get_u64(bytes) : 0;
    return r;
}

int file_in_string(struct file_in *in, char *text, size_t size)
{
    uint32_t length;
    int r = file_in_u32(in, &length);
    text[0] = '\0';
    if (r <= 0)
        return r;
    if (length >= size)
        return -ENAMETOOLONG;
    r = length > 0 ? file_in_exactly(in, text, length) : 1;
    text[length] = '\0';
    return r > 0 && memchr(text, 0, length) ? -EINVAL : r;
}

uint32_t file_type_of(mode_t mode)
{
    if (S_ISREG(mode))
        return WIRE_ENTRY_FILE;
    if (S_ISDIR(mode))
        return WIRE_ENTRY_DIRECTORY;
    return S_ISLNK(mode) ? WIRE_ENTRY_SYMLINK : WIRE_ENTRY_OTHER;
}
