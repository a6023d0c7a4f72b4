/* SPDX-License-Identifier: Apache-2.0 */
#include "stream.h"

#include "base64.h"
#include "json.h"

#include <stdlib.h>
#include <string.h>

void stream_free(struct stream *stream)
{
    buffer_free(&stream->line);
    json_object_put(stream->result);
    json_object_put(stream->error);
}

static uint32_t stream_of(const char *name)
{
    return !name                         ? 0
           : strcmp(name, "stdout") == 0 ? ENCLAVE_STDOUT
           : strcmp(name, "stderr") == 0 ? ENCLAVE_STDERR
                                         : 0;
}

static void hand_over(struct stream *stream, uint32_t which, const void *data, size_t length)
{
    const struct enclave_tool_call *call = stream->call;

    stream->offsets[which] += length;
    if (length > 0 && !stream->gave_up && call->output(call->ctx, which, data, length) != 0) {
        stream->gave_up = 1;
    }
}

static int32_t take_output(struct stream *stream, json_object *event)
{
    uint32_t which = stream_of(json_text(event, "stream"));
    json_object *text = json_member(event, "data");
    const char *encoded = json_text(event, "data_base64");

    if (!which || json_integer(event, "offset") != (int64_t)stream->offsets[which]) {
        return ENCLAVE_EPROTOCOL;
    }
    if (json_object_is_type(text, json_type_string)) {
        hand_over(stream, which, json_object_get_string(text),
                  (size_t)json_object_get_string_len(text));
        return 0;
    }
    size_t length = 0;
    char *data = encoded ? base64_decode(encoded, &length) : NULL;
    if (!data) {
        return ENCLAVE_EPROTOCOL;
    }
    hand_over(stream, which, data, length);
    free(data);
    return 0;
}

static int32_t take_last(json_object *event, const char *key, json_object **ret)
{
    json_object *value = json_member(event, key);

    if (!json_object_is_type(value, json_type_object)) {
        return ENCLAVE_EPROTOCOL;
    }
    *ret = json_object_get(value);
    return 0;
}

static int32_t take_event(struct stream *stream, json_object *event)
{
    const char *name = json_text(event, "event");

    if (!name || stream->result || stream->error) {
        return ENCLAVE_EPROTOCOL;
    }
    if (strcmp(name, "output") == 0) {
        return take_output(stream, event);
    }
    if (strcmp(name, "result") == 0) {
        return take_last(event, "result", &stream->result);
    }
    if (strcmp(name, "error") == 0) {
        return take_last(event, "error", &stream->error);
    }
    return 0; /* a ping, or what later versions have */
}

static int32_t take_line(struct stream *stream)
{
    json_object *event = NULL;
    int32_t r = 0;

    if (stream->line.length > 0) {
        r = json_parse(stream->line.data, stream->line.length, &event);
        r = r == 0 ? take_event(stream, event) : r;
    }
    json_object_put(event);
    stream->line.length = 0;
    return r;
}

int32_t stream_take(struct stream *stream, const char *data, size_t length)
{
    int32_t r = 0;

    while (r == 0 && length > 0) {
        const char *end = memchr(data, '\n', length);
        size_t n = end ? (size_t)(end - data) : length;

        if (buffer_append(&stream->line, data, n) < 0) {
            return stream->line.length + n > stream->line.ceiling ? ENCLAVE_EPROTOCOL
                                                                  : ENCLAVE_ENOMEM;
        }
        if (end) {
            r = take_line(stream);
            n++;
        }
        data += n;
        length -= n;
    }
    return r;
}
