/*
 * record.c - entries and tree records as they come out of a stream.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "record.h"

#include "../wire.h"

#include <limits.h>
#include <string.h>

void record_init(struct record *record, size_t fixed)
{
    record->fixed = fixed;
    record->have = 0;
    record->name = NULL;
    record->target = NULL;
}

/* How many bytes are needed to go on, as far as the lengths that have come tell; 0: too many. */
static size_t needed(const struct record *record)
{
    size_t at = record->fixed;

    for (int i = 0; i < 2; i++) {
        uint32_t length;

        if (record->have < at + 4) {
            return at + 4;
        }
        length = wire_get_u32(record->data + at);
        if (length > RECORD_STRING_MAX) {
            return 0;
        }
        at += 4 + length;
    }
    return at;
}

static int complete(struct record *record)
{
    uint8_t *name = record->data + record->fixed + 4;
    uint32_t name_length = wire_get_u32(name - 4);
    uint8_t *target = name + name_length + 4;
    uint32_t target_length = wire_get_u32(target - 4);

    record->have = 0;
    record->name = (const char *)name;
    record->target = (const char *)target;
    name[name_length] = '\0'; /* over the length of `target`, which is known by now */
    target[target_length] = '\0';
    if (memchr(name, '\0', name_length) || memchr(target, '\0', target_length)) {
        return -1;
    }
    return 1;
}

int record_feed(struct record *record, const uint8_t **data, size_t *length)
{
    for (;;) {
        size_t need = needed(record);
        size_t n;

        if (need == 0) {
            return -1;
        }
        if (record->have == need) {
            return complete(record);
        }
        if (*length == 0) {
            return 0;
        }
        n = need - record->have < *length ? need - record->have : *length;
        memcpy(record->data + record->have, *data, n);
        record->have += n;
        *data += n;
        *length -= n;
    }
}

int record_is_empty(const struct record *record)
{
    return record->have == 0;
}

int record_path_ok(const char *path)
{
    do {
        size_t n = strcspn(path, "/");

        if (n == 0 || n > NAME_MAX || (n == 1 && path[0] == '.') ||
            (n == 2 && path[0] == '.' && path[1] == '.')) {
            return 0;
        }
        path += n;
    } while (*path++ == '/');
    return 1;
}
