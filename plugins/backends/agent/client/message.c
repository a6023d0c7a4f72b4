/*
 * message.c - building a message of one or more frames in memory.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "message.h"

#include "../wire.h"

#include <enclave/error.h>
#include <stdlib.h>
#include <string.h>

#define FRAME_MAX (WIRE_HEADER_SIZE + WIRE_PAYLOAD_MAX)

static int reserve(struct message *m, size_t more)
{
    size_t capacity = m->capacity ? m->capacity : 512;
    uint8_t *data;

    while (capacity - m->length < more) {
        capacity *= 2; /* `limit` is far from SIZE_MAX / 2 */
    }
    if (capacity == m->capacity) {
        return 0;
    }
    data = realloc(m->data, capacity);
    if (!data) {
        m->failed = ENCLAVE_ENOMEM;
        return -1;
    }
    m->data = data;
    m->capacity = capacity;
    return 0;
}

static void open_frame(struct message *m)
{
    if (reserve(m, WIRE_HEADER_SIZE) == 0) {
        m->frame = m->length;
        m->length += WIRE_HEADER_SIZE;
    }
}

static void seal_frame(struct message *m, uint8_t flags)
{
    size_t length = m->length - m->frame - WIRE_HEADER_SIZE;

    wire_put_header(m->data + m->frame, (uint32_t)length, m->type, flags, 0);
}

void message_begin(struct message *m, uint8_t type, size_t limit)
{
    *m = (struct message){.type = type, .limit = limit};
    open_frame(m);
}

void message_bytes(struct message *m, const void *data, size_t length)
{
    const uint8_t *from = data;

    if (m->failed) {
        return;
    }
    if (length > m->limit - m->total) {
        m->failed = ENCLAVE_ETOOBIG;
        return;
    }
    m->total += length;
    while (length > 0) {
        size_t room = m->frame + FRAME_MAX - m->length;
        size_t n = length < room ? length : room;

        if (room == 0) {
            seal_frame(m, WIRE_FLAG_MORE);
            open_frame(m);
        } else if (reserve(m, n) == 0) {
            memcpy(m->data + m->length, from, n);
            m->length += n;
            from += n;
            length -= n;
        }
        if (m->failed) {
            return;
        }
    }
}

void message_u16(struct message *m, uint16_t value)
{
    uint8_t raw[2];

    wire_put_u16(raw, value);
    message_bytes(m, raw, sizeof raw);
}

void message_u32(struct message *m, uint32_t value)
{
    uint8_t raw[4];

    wire_put_u32(raw, value);
    message_bytes(m, raw, sizeof raw);
}

void message_u64(struct message *m, uint64_t value)
{
    uint8_t raw[8];

    wire_put_u64(raw, value);
    message_bytes(m, raw, sizeof raw);
}

void message_blob(struct message *m, const void *data, uint64_t length)
{
    if (length > m->limit) {
        if (!m->failed) {
            m->failed = ENCLAVE_ETOOBIG;
        }
        return;
    }
    message_u32(m, (uint32_t)length);
    message_bytes(m, data, (size_t)length);
}

void message_str(struct message *m, const char *text)
{
    message_blob(m, text, text ? strlen(text) : 0);
}

void message_list(struct message *m, const char *const *list)
{
    uint32_t count = 0;

    while (list && list[count]) {
        count++;
    }
    message_u32(m, count);
    for (uint32_t i = 0; i < count; i++) {
        message_str(m, list[i]);
    }
}

int32_t message_finish(struct message *m)
{
    if (!m->failed) {
        seal_frame(m, 0);
    }
    return m->failed;
}

void message_set_id(struct message *m, uint32_t id)
{
    /* All frames but the last are full. */
    for (size_t at = 0; at < m->length; at += FRAME_MAX) {
        wire_put_u32(m->data + at + 8, id);
    }
}

void message_free(struct message *m)
{
    free(m->data);
    m->data = NULL;
}
