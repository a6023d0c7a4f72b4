/*
 * demux.c - the attach framing of the Engine API, taken apart as it comes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "demux.h"

#include "text.h"

#include <string.h>

enum { STREAM_AGENT = 1, STREAM_DIAGNOSIS = 2, STREAM_ENGINE_ERROR = 3 };

static int header_ok(const uint8_t *h)
{
    return h[0] >= STREAM_AGENT && h[0] <= STREAM_ENGINE_ERROR && !h[1] && !h[2] && !h[3];
}

static size_t feed_header(struct demux *demux, const uint8_t *from, size_t length)
{
    size_t n = DEMUX_HEADER_SIZE - demux->header_length;

    n = n < length ? n : length;
    memcpy(demux->header + demux->header_length, from, n);
    demux->header_length += (uint32_t)n;
    if (demux->header_length == DEMUX_HEADER_SIZE) {
        const uint8_t *h = demux->header;

        demux->left =
            (uint32_t)h[4] << 24 | (uint32_t)h[5] << 16 | (uint32_t)h[6] << 8 | (uint32_t)h[7];
        if (demux->left == 0) {
            demux->header_length = 0;
        }
    }
    return n;
}

static void keep_diagnosis(struct demux *demux, const uint8_t *from, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        demux->diagnosis[demux->diagnosis_total++ % DEMUX_DIAGNOSIS_SIZE] = (char)from[i];
    }
}

ssize_t demux_feed(struct demux *demux, uint8_t *buffer, size_t length)
{
    size_t kept = 0;

    for (size_t i = 0; i < length;) {
        size_t n;

        if (demux->header_length < DEMUX_HEADER_SIZE) {
            i += feed_header(demux, buffer + i, length - i);
            /* After a frame of no length the header is whole and yet not counted as such. */
            if ((demux->header_length == DEMUX_HEADER_SIZE || demux->header_length == 0) &&
                !header_ok(demux->header)) {
                return -1;
            }
            continue;
        }
        n = length - i < demux->left ? length - i : demux->left;
        if (demux->header[0] == STREAM_AGENT) {
            memmove(buffer + kept, buffer + i, n);
            kept += n;
        } else {
            keep_diagnosis(demux, buffer + i, n);
        }
        i += n;
        demux->left -= (uint32_t)n;
        if (demux->left == 0) {
            demux->header_length = 0;
        }
    }
    return (ssize_t)kept;
}

size_t demux_diagnosis(const struct demux *demux, char *to, size_t size)
{
    char line[DEMUX_DIAGNOSIS_SIZE];
    size_t n = demux->diagnosis_total;
    size_t first = 0;

    if (n > sizeof line) {
        first = n % sizeof line;
        n = sizeof line;
    }
    for (size_t i = 0; i < n; i++) {
        line[i] = demux->diagnosis[(first + i) % sizeof line];
    }
    return agent_text_clean(to, size, line, n, 0);
}
