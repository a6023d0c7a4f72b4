/*
 * frames.c - see frames.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "frames.h"

#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Almost a pipe full, so that a program that writes little pieces without a pause costs few writes. */
#define LINGER_MS 1
#define LINGER_BYTES (56u << 10)

/* A buffer that served a burst is given back when it has drained; one that a stream fills again and
 * again is kept, since new memory costs more than the copy into it. */
#define OUTBOX_KEEP (512u << 10)

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
        in->fresh = (size_t)n;
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

void inbox_clear(struct inbox *in)
{
    message_forget(in);
    in->start = in->end = 0;
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

/* Room for `need` more bytes at the end. */
static bool outbox_grow(struct outbox *out, size_t need)
{
    if (out->broken)
        return false;
    if (out->size - out->end < need && out->start > 0) {
        memmove(out->bytes, out->bytes + out->start, out->end - out->start);
        out->end -= out->start;
        out->last = out->last >= out->start ? out->last - out->start : SIZE_MAX;
        out->start = 0;
    }
    if (out->size - out->end < need) {
        size_t size = out->end + need;
        size += size / 2;
        uint8_t *grown = size <= OUTBOX_MAX ? realloc(out->bytes, size) : NULL;
        if (!grown) {
            out->broken = true;
            return false;
        }
        out->bytes = grown;
        out->size = size;
    }
    return true;
}

/* The bytes are there, unless the payload has read its own output, which it may: then they are made up. */
static void fill_from_pipe(int fd, uint8_t *to, size_t length)
{
    while (length > 0) {
        ssize_t n = read(fd, to, length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            memset(to, 0, length);
            return;
        }
        to += n;
        length -= (size_t)n;
    }
}

static bool settle(struct outbox *out)
{
    if (out->pass_left == 0)
        return true;
    if (!outbox_grow(out, out->pass_left))
        return false;
    fill_from_pipe(out->pass_fd, out->bytes + out->end, out->pass_left);
    out->end += out->pass_left;
    out->pass_left = 0;
    return true;
}

void outbox_settle(struct outbox *out, int fd)
{
    if (out->pass_fd == fd)
        (void)settle(out);
}

uint8_t *outbox_reserve(struct outbox *out, size_t length)
{
    if (!settle(out) || !outbox_grow(out, WIRE_HEADER_SIZE + length))
        return NULL;
    return out->bytes + out->end + WIRE_HEADER_SIZE;
}

void outbox_pass_output(struct outbox *out, uint8_t stream, uint32_t id, int fd)
{
    if (!outbox_reserve(out, 0))
        return;
    outbox_commit(out, WIRE_OUTPUT, stream, id, 0);
    wire_put_u32(out->bytes + out->last, OUTPUT_PASS);
    out->last = SIZE_MAX; /* it does not wait whole */
    out->pass_fd = fd;
    out->pass_left = OUTPUT_PASS;
}

void outbox_commit(struct outbox *out, uint8_t type, uint8_t flags, uint32_t id, size_t length)
{
    wire_put_header(out->bytes + out->end, (uint32_t)length, type, flags, id);
    if (type != WIRE_OUTPUT)
        out->urgent = true;
    if (out->start == out->end)
        out->since_us = now_us();
    out->last = out->end;
    out->end += WIRE_HEADER_SIZE + length;
}

/* How long the last frame is, when `length` more bytes of this stream may become part of it; else 0. */
static size_t output_to_extend(const struct outbox *out, uint8_t stream, uint32_t id, size_t length)
{
    if (out->last < out->start || out->last >= out->end)
        return 0;
    const uint8_t *header = out->bytes + out->last;
    if (header[4] != WIRE_OUTPUT || header[5] != stream || wire_get_u32(header + 8) != id)
        return 0;
    size_t before = wire_get_u32(header);
    return before + length <= OUTPUT_MAX ? before : 0;
}

void outbox_commit_output(struct outbox *out, uint8_t stream, uint32_t id, size_t length)
{
    size_t before = output_to_extend(out, stream, id, length);
    if (before == 0) {
        outbox_commit(out, WIRE_OUTPUT, stream, id, length);
        return;
    }
    memmove(out->bytes + out->end, out->bytes + out->end + WIRE_HEADER_SIZE, length);
    wire_put_u32(out->bytes + out->last, (uint32_t)(before + length));
    out->end += length;
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

void outbox_clear(struct outbox *out)
{
    out->start = out->end = out->pass_left = 0;
    out->urgent = false;
    out->last = SIZE_MAX;
}

void outbox_raw(struct outbox *out, const void *data, size_t length)
{
    uint8_t *room = outbox_reserve(out, length);
    if (!room)
        return;
    memcpy(room - WIRE_HEADER_SIZE, data, length); /* where its header would be */
    out->urgent = true;
    out->last = SIZE_MAX;
    out->end += length;
}

/* Write the bytes. 1: all are written; 0: not now; -1: nobody reads any more. */
static int flush_bytes(struct outbox *out)
{
    while (out->start < out->end) {
        ssize_t n = write(out->fd, out->bytes + out->start, out->end - out->start);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN ? 0 : -1;
        out->start += (size_t)n;
    }
    return 1;
}

/* Likewise what is to be passed on. Where that cannot be done, and when less is there than there was, it is read. */
static int flush_passed(struct outbox *out)
{
    while (out->pass_left > 0) {
        int there = 0;
        ssize_t n = splice(out->pass_fd, NULL, out->fd, NULL, out->pass_left, SPLICE_F_NONBLOCK);
        if (n > 0) {
            out->pass_left -= (size_t)n;
        } else if (n < 0 && errno == EINTR) {
            continue;
        } else if (n < 0 && errno == EAGAIN && ioctl(out->pass_fd, FIONREAD, &there) == 0 &&
                   there > 0) {
            return 0;
        } else if (n < 0 && errno == EPIPE) {
            return -1;
        } else {
            out->cannot_pass |= n < 0 && errno != EAGAIN;
            return settle(out) ? flush_bytes(out) : 0;
        }
    }
    return 1;
}

int outbox_flush(struct outbox *out)
{
    bool something = out->end > 0 || out->pass_left > 0;
    int r = flush_bytes(out);
    if (r > 0)
        r = flush_passed(out);
    if (r <= 0)
        return r;
    if (something)
        out->sent_us = now_us();
    out->start = out->end = 0;
    out->urgent = false;
    if (out->size > OUTBOX_KEEP) {
        free(out->bytes);
        out->bytes = NULL;
        out->size = 0;
    }
    return 0;
}

size_t outbox_ahead(const struct outbox *out)
{
    int bytes = 0; /* of a socket, else of a pipe */
    if (ioctl(out->fd, TIOCOUTQ, &bytes) < 0 && ioctl(out->fd, FIONREAD, &bytes) < 0)
        return 0;
    return bytes > 0 ? (size_t)bytes : 0;
}

int outbox_linger_ms(const struct outbox *out)
{
    size_t waiting = outbox_waiting(out);
    if (waiting == 0 || waiting > LINGER_BYTES || out->urgent)
        return 0;
    if (out->since_us - out->sent_us >= LINGER_MS * 1000)
        return 0;
    return now_us() - out->since_us < LINGER_MS * 1000 ? LINGER_MS : 0;
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
