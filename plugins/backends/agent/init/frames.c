/*
 * frames.c - see frames.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "frames.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A buffer that served a burst is given back when it has drained. */
#define OUTBOX_KEEP (128u << 10)

int inbox_fill(struct inbox *in)
{
    if (in->start > 0) {
        memmove(in->bytes, in->bytes + in->start, in->end - in->start);
        in->end -= in->start;
        in->start = 0;
    }
    ssize_t n = read(in->fd, in->bytes + in->end, sizeof(in->bytes) - in->end);
    if (n > 0) {
        in->end += (size_t)n;
        return 1;
    }
    return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

static int message_append(struct inbox *in, const struct frame *part)
{
    size_t need = in->message_length + part->length;
    if (need > WIRE_MESSAGE_MAX)
        return -1;
    if (need > in->message_size) {
        size_t size = need + need / 2;
        uint8_t *grown = realloc(in->message, size);
        if (!grown)
            return -1;
        in->message = grown;
        in->message_size = size;
    }
    memcpy(in->message + in->message_length, part->payload, part->length);
    in->message_length = need;
    return 0;
}

static void message_forget(struct inbox *in)
{
    free(in->message);
    in->message = NULL;
    in->message_length = in->message_size = 0;
    in->message_type = 0;
}

/* A part of a message that is split. 1: it is complete, and `frame` is all of it; 0: more to come;
 * -1: cannot be. */
static int message_take(struct inbox *in, struct frame *frame, const char **ret_reason)
{
    if (in->message_type == 0) {
        in->message_type = frame->type;
        in->message_id = frame->id;
    } else if (in->message_type != frame->type || in->message_id != frame->id) {
        *ret_reason = "a message that is split was interrupted by another";
        return -1;
    }
    if (message_append(in, frame) < 0) {
        *ret_reason = "a message is too long, or there is no memory for it";
        return -1;
    }
    if (frame->flags & WIRE_FLAG_MORE)
        return 0;
    frame->payload = in->message;
    frame->length = in->message_length;
    in->message_type = 0;
    return 1;
}

int inbox_next(struct inbox *in, struct frame *ret_frame, const char **ret_reason)
{
    if (in->message && in->message_type == 0)
        message_forget(in); /* handed out by the call before */
    while (in->end - in->start >= WIRE_HEADER_SIZE) {
        uint8_t *header = in->bytes + in->start;
        struct frame frame = {.type = header[4],
                              .flags = header[5],
                              .id = wire_get_u32(header + 8),
                              .payload = header + WIRE_HEADER_SIZE,
                              .length = wire_get_u32(header)};
        if (frame.length > WIRE_PAYLOAD_MAX || wire_get_u16(header + 6) != 0) {
            *ret_reason = "a frame has a bad header";
            return -1;
        }
        if (in->end - in->start < WIRE_HEADER_SIZE + frame.length)
            return 0;
        in->start += WIRE_HEADER_SIZE + frame.length;
        bool splits = frame.type == WIRE_SPAWN || frame.type == WIRE_FILE;
        if (splits && ((frame.flags & WIRE_FLAG_MORE) || in->message_type != 0)) {
            int taken = message_take(in, &frame, ret_reason);
            if (taken < 0)
                return -1;
            if (taken == 0)
                continue;
        }
        *ret_frame = frame;
        return 1;
    }
    return 0;
}

/* ----------------------------------------------------------------------------------------- out */

uint8_t *outbox_reserve(struct outbox *out, size_t length)
{
    size_t need = WIRE_HEADER_SIZE + length;
    if (out->broken)
        return NULL;
    if (out->size - out->end < need && out->start > 0) {
        memmove(out->bytes, out->bytes + out->start, out->end - out->start);
        out->end -= out->start;
        out->start = 0;
    }
    if (out->size - out->end < need) {
        size_t size = out->end + need;
        size += size / 2;
        uint8_t *grown = size <= OUTBOX_MAX ? realloc(out->bytes, size) : NULL;
        if (!grown) {
            out->broken = true;
            return NULL;
        }
        out->bytes = grown;
        out->size = size;
    }
    return out->bytes + out->end + WIRE_HEADER_SIZE;
}

void outbox_commit(struct outbox *out, uint8_t type, uint8_t flags, uint32_t id, size_t length)
{
    wire_put_header(out->bytes + out->end, (uint32_t)length, type, flags, id);
    out->end += WIRE_HEADER_SIZE + length;
}

void outbox_frame(struct outbox *out, uint8_t type, uint8_t flags, uint32_t id, const void *payload,
                  size_t length)
{
    uint8_t *room = outbox_reserve(out, length);
    if (!room)
        return;
    if (length > 0)
        memcpy(room, payload, length);
    outbox_commit(out, type, flags, id, length);
}

int outbox_flush(struct outbox *out)
{
    while (out->start < out->end) {
        ssize_t n = write(out->fd, out->bytes + out->start, out->end - out->start);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN ? 0 : -1;
        out->start += (size_t)n;
    }
    out->start = out->end = 0;
    if (out->size > OUTBOX_KEEP) {
        free(out->bytes);
        out->bytes = NULL;
        out->size = 0;
    }
    return 0;
}

/* -------------------------------------------------------------------------------------- reader */

static uint8_t *reader_take(struct reader *r, size_t length)
{
    if (r->failed || (size_t)(r->end - r->at) < length) {
        r->failed = true;
        return NULL;
    }
    uint8_t *taken = r->at;
    r->at += length;
    return taken;
}

uint32_t reader_u32(struct reader *r)
{
    const uint8_t *p = reader_take(r, 4);
    return p ? wire_get_u32(p) : 0;
}

uint64_t reader_u64(struct reader *r)
{
    const uint8_t *p = reader_take(r, 8);
    return p ? wire_get_u64(p) : 0;
}

const uint8_t *reader_bytes(struct reader *r, size_t *ret_length)
{
    size_t length = reader_u32(r);
    const uint8_t *p = reader_take(r, length);
    *ret_length = p ? length : 0;
    return p;
}

char *reader_string(struct reader *r)
{
    static char empty[1];
    size_t length = reader_u32(r);
    uint8_t *p = reader_take(r, length);
    if (!p || memchr(p, 0, length)) {
        r->failed = true;
        return empty;
    }
    char *text = (char *)p - 4;
    memmove(text, p, length);
    text[length] = '\0';
    return text;
}

char **reader_list(struct reader *r, size_t *ret_count)
{
    size_t count = reader_u32(r);
    *ret_count = 0;
    if (r->failed || count > (size_t)(r->end - r->at) / 4) {
        r->failed = true;
        return NULL;
    }
    char **list = calloc(count + 1, sizeof(*list));
    if (!list) {
        r->failed = true;
        return NULL;
    }
    for (size_t i = 0; i < count; i++)
        list[i] = reader_string(r);
    if (r->failed) {
        free(list);
        return NULL;
    }
    *ret_count = count;
    return list;
}

bool reader_done(const struct reader *r)
{
    return !r->failed && r->at == r->end;
}
