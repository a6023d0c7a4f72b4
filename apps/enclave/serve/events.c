/*
 * events.c - see events.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "events.h"

#include "../session.h"
#include "../text.h"
#include "base64.h"

#include <enclave/types.h>

#include <stdlib.h>
#include <string.h>

#define PIECE (64 * 1024)
#define TO_STRING (JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)

enum events_format events_accepted(const char *accept)
{
    const char *sse = accept ? strcasestr(accept, "text/event-stream") : NULL;
    const char *ndjson = accept ? strcasestr(accept, "application/x-ndjson") : NULL;

    if (sse && (!ndjson || sse < ndjson)) {
        return EVENTS_SSE;
    }
    return ndjson ? EVENTS_NDJSON : EVENTS_NONE;
}

const char *events_type(enum events_format format)
{
    return format == EVENTS_SSE ? "text/event-stream" : "application/x-ndjson";
}

/* JSON text has no line ends in it, so one line each is enough for both forms. */
static bool put_event(struct events *events, const char *name, const char *json, events_put put,
                      void *ctx)
{
    AUTO_FREE char *text = NULL;
    int n = events->format == EVENTS_SSE ? asprintf(&text, "event: %s\ndata: %s\n\n", name, json)
                                         : asprintf(&text, "%s\n", json);

    if (n < 0) {
        text = NULL;
        return false;
    }
    return put(ctx, text, (size_t)n);
}

static bool put_output(struct events *events, uint32_t stream, const void *data, size_t length,
                       bool text, events_put put, void *ctx)
{
    AUTO_JSON struct json_object *event = json_object_new_object();
    const char *name = stream == ENCLAVE_STDERR ? "stderr" : "stdout";
    AUTO_FREE char *coded = text ? NULL : base64_encode(data, length);

    json_object_object_add(event, "event", json_object_new_string("output"));
    json_object_object_add(event, "stream", json_object_new_string(name));
    json_object_object_add(event, "offset", json_object_new_uint64(events->stream[stream].offset));
    if (text) {
        json_object_object_add(event, "data", json_object_new_string_len(data, (int)length));
    } else {
        json_object_object_add(event, "data_base64", json_object_new_string(coded ? coded : ""));
    }
    events->stream[stream].offset += length;
    return (text || coded) &&
           put_event(events, name, json_object_to_json_string_ext(event, TO_STRING), put, ctx);
}

/* Whether `length` bytes, which are no UTF-8, may become a character when more follow (RFC 3629). */
static bool is_beginning(const unsigned char *text, size_t length)
{
    unsigned char first = text[0];
    size_t size = first >= 0xf0 && first < 0xf5 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0;

    if (first >= 0xf5 || length >= size) {
        return false;
    }
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            return false;
        }
    }
    return length < 2 || !((first == 0xe0 && text[1] < 0xa0) || (first == 0xed && text[1] > 0x9f) ||
                           (first == 0xf0 && text[1] < 0x90) || (first == 0xf4 && text[1] > 0x8f));
}

/* Mostly control characters, such as NULs: as text it would be up to six times as long. */
static bool is_mostly_escapes(const unsigned char *data, size_t length)
{
    size_t count = 0;

    for (size_t i = 0; i < length; i++) {
        count += data[i] < 0x20 && data[i] != '\n' && data[i] != '\r' && data[i] != '\t';
    }
    return count > length / 2;
}

/* A piece, with what was carried before it. */
static bool put_piece(struct events *events, uint32_t stream, const unsigned char *data,
                      size_t length, events_put put, void *ctx)
{
    size_t whole = text_utf8_prefix((const char *)data, length), rest = length - whole;

    if (rest > 0 && !is_beginning(data + whole, rest)) {
        return put_output(events, stream, data, length, false, put, ctx);
    }
    memcpy(events->stream[stream].carried, data + whole, rest);
    events->stream[stream].carry = rest;
    return whole == 0 ||
           put_output(events, stream, data, whole, !is_mostly_escapes(data, whole), put, ctx);
}

bool events_output(struct events *events, uint32_t stream, const void *data, size_t length,
                   events_put put, void *ctx)
{
    const unsigned char *from = data;
    AUTO_FREE unsigned char *piece = malloc(PIECE);
    bool ok = piece != NULL;

    stream = stream == ENCLAVE_STDERR ? ENCLAVE_STDERR : ENCLAVE_STDOUT;
    while (ok && length > 0) {
        size_t carry = events->stream[stream].carry,
               n = PIECE - carry < length ? PIECE - carry : length;
        memcpy(piece, events->stream[stream].carried, carry);
        memcpy(piece + carry, from, n);
        events->stream[stream].carry = 0;
        ok = put_piece(events, stream, piece, carry + n, put, ctx);
        from += n;
        length -= n;
    }
    return ok;
}

bool events_flush(struct events *events, events_put put, void *ctx)
{
    bool ok = true;

    for (uint32_t stream = ENCLAVE_STDOUT; stream <= ENCLAVE_STDERR; stream++) {
        size_t carry = events->stream[stream].carry;
        events->stream[stream].carry = 0;
        ok = ok && (carry == 0 || put_output(events, stream, events->stream[stream].carried, carry,
                                             false, put, ctx));
    }
    return ok;
}

bool events_end(struct events *events, const char *kind, const char *text, events_put put,
                void *ctx)
{
    AUTO_FREE char *json = NULL;

    if (asprintf(&json, "{\"event\":\"%s\",\"%s\":%s}", kind, kind, text) < 0) {
        json = NULL;
        return false;
    }
    return put_event(events, kind, json, put, ctx);
}

bool events_ping(struct events *events, events_put put, void *ctx)
{
    static const char comment[] = ": ping\n\n";

    return events->format == EVENTS_SSE
               ? put(ctx, comment, sizeof comment - 1)
               : put_event(events, "ping", "{\"event\":\"ping\"}", put, ctx);
}
