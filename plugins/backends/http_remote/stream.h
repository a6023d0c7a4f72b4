/*
 * stream.h - an execution's events as they come: lines of JSON, each {"event": "output" | "ping" | "result" | "error", ...}.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HTTP_REMOTE_STREAM_H
#define HTTP_REMOTE_STREAM_H

#include "buffer.h"

#include <enclave/backend.h>

#include <json-c/json.h>

struct stream {
    const struct enclave_tool_call *call;
    struct buffer line;  /* the one that has not ended yet */
    uint64_t offsets[3]; /* bytes so far, by ENCLAVE_STDOUT and _STDERR */
    int gave_up;         /* the receiver did: it is given no more */
    json_object *result; /* of the last event; stream_free() it */
    json_object *error;
};

#define STREAM_INIT(of, line_max)                                                                  \
    {                                                                                              \
        .call = (of), .line = BUFFER_INIT(line_max)                                                \
    }

/* `length` more bytes. PROTOCOL: they make no sense; NOMEM. */
int32_t stream_take(struct stream *stream, const char *data, size_t length);
void stream_free(struct stream *stream);

#endif
