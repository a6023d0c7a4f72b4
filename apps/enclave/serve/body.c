/*
 * body.c - see body.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "body.h"

#include <stdlib.h>
#include <string.h>

#define ROOM_MIN 4096

/* NULL, or why not. It is within its limit. */
static const char *grow(struct body *body)
{
    size_t room = body->room ? body->room * 2 : ROOM_MIN;
    const char *why;
    char *data;

    while (room <= body->received) {
        room *= 2;
    }
    room = room <= body->limit ? room : body->limit + 1;
    why = memory_take(body->memory, body->caller, room - body->room);
    if (why) {
        return why;
    }
    data = realloc(body->data, room);
    if (!data) {
        memory_give(body->memory, body->caller, room - body->room);
        return "out of memory";
    }
    body->data = data;
    body->room = room;
    return NULL;
}

static void empty(struct body *body)
{
    memory_give(body->memory, body->caller, body->room);
    free(body->data);
    body->data = NULL;
    body->length = body->room = 0;
}

void body_take(struct body *body, const void *data, size_t length)
{
    body->received += length;
    if (body->over || body->starved) {
        return;
    }
    body->over = body->received > body->limit;
    if (!body->over && body->received >= body->room) {
        body->starved = grow(body);
    }
    if (body->over || body->starved) {
        empty(body);
        return;
    }
    memcpy(body->data + body->length, data, length);
    body->length += length;
    body->data[body->length] = '\0';
}

void body_drop(struct body *body)
{
    empty(body);
    body->over = false;
    body->starved = NULL;
}
