/*
 * body.c - see body.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "body.h"

#include <stdlib.h>
#include <string.h>

#define ROOM_MIN 4096

static bool reserve(atomic_size_t *all, size_t all_max, size_t more)
{
    if (atomic_fetch_add(all, more) + more <= all_max) {
        return true;
    }
    atomic_fetch_sub(all, more);
    return false;
}

static bool grow(struct body *body, size_t needed, atomic_size_t *all, size_t all_max)
{
    size_t room = body->room ? body->room * 2 : ROOM_MIN;
    char *data;

    while (room < needed) {
        room *= 2;
    }
    if (!reserve(all, all_max, room - body->room)) {
        return false;
    }
    data = realloc(body->data, room);
    if (!data) {
        atomic_fetch_sub(all, room - body->room);
        return false;
    }
    body->data = data;
    body->room = room;
    return true;
}

void body_take(struct body *body, const void *data, size_t length, atomic_size_t *all,
               size_t all_max)
{
    body->received += length;
    if (body->over || body->starved) {
        return;
    }
    body->over = body->received > body->limit;
    if (!body->over && body->received >= body->room) {
        body->starved = !grow(body, body->received + 1, all, all_max);
    }
    if (body->over || body->starved) {
        bool over = body->over;
        body_drop(body, all);
        body->over = over;
        body->starved = !over;
        return;
    }
    memcpy(body->data + body->length, data, length);
    body->length += length;
    body->data[body->length] = '\0';
}

void body_drop(struct body *body, atomic_size_t *all)
{
    size_t limit = body->limit, received = body->received;

    atomic_fetch_sub(all, body->room);
    free(body->data);
    *body = (struct body){.limit = limit, .received = received};
}
