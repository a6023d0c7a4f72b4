/*
 * events.h - an execution as events: NDJSON, or server-sent events (WHATWG HTML, 9.2).
 *
 * Owns: the form of events, and where characters begin and end in what a program writes. Does not own: where they go.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_SERVE_EVENTS_H
#define ENCLAVE_SERVE_EVENTS_H

#include <json-c/json.h>

#include <stdbool.h>
#include <stdint.h>

enum events_format { EVENTS_NONE, EVENTS_NDJSON, EVENTS_SSE };

struct events {
    enum events_format format;
    struct {
        uint64_t offset; /* bytes that have been told */
        unsigned char carried[4];
        size_t carry; /* bytes of a character whose rest is to come */
    } stream[3];
};

/* Of the header Accept; the first of ours that it names. */
enum events_format events_accepted(const char *accept);
const char *events_type(enum events_format format);

/* Receives an event as it goes over the wire. False ends it. */
typedef bool (*events_put)(void *ctx, const char *text, size_t length);

/* What a program has written. */
bool events_output(struct events *events, uint32_t stream, const void *data, size_t length,
                   events_put put, void *ctx);
/* What is left of it at its end. */
bool events_flush(struct events *events, events_put put, void *ctx);
/* The end: `kind` is "result" or "error", `text` the JSON of that member. */
bool events_end(struct events *events, const char *kind, const char *text, events_put put,
                void *ctx);
bool events_ping(struct events *events, events_put put, void *ctx);

#endif
