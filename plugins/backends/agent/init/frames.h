/*
 * frames.h - the two directions of the stream: frames in, frames out, and the reading of a payload.
 * Owns the buffers and the descriptors of the stream; knows nothing of what the frames mean.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_FRAMES_H
#define AGENT_FRAMES_H

#include "../wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Above this many bytes waiting, nothing more is read from payloads or from the manager. */
#define OUTBOX_HIGH (256u << 10)
/* What killed executions still had to say may fill it up to here. */
#define OUTBOX_DRAIN (2u << 20)
/* Never more than this: what the manager may cause besides OUTPUT is small, so it is not reached by
 * a manager that reads. */
#define OUTBOX_MAX (8u << 20)

#define INBOX_SIZE (2u * (WIRE_HEADER_SIZE + WIRE_PAYLOAD_MAX))

/* A frame, or a message put together from several. `payload` may be written to (see
 * reader_string()). */
struct frame {
    uint8_t type;
    uint8_t flags;
    uint32_t id;
    uint8_t *payload;
    size_t length;
};

struct inbox {
    int fd;
    size_t start; /* of what has not been consumed */
    size_t end;
    uint8_t *message; /* a SPAWN or FILE over several frames, as far as it has come */
    size_t message_length;
    size_t message_size;
    uint8_t message_type; /* 0: none */
    uint32_t message_id;
    uint8_t bytes[INBOX_SIZE];
};

struct outbox {
    int fd;
    uint8_t *bytes;
    size_t start;
    size_t end;
    size_t size;
    bool broken; /* no memory for a frame: the stream cannot go on */
};

/* 1: some bytes came; 0: none now; -1: the stream has ended. */
int inbox_fill(struct inbox *in);
/* 1: `ret_frame` is a whole message, valid until the next call; 0: none yet; -1: what came cannot
 * be parsed, `ret_reason` says why. */
int inbox_next(struct inbox *in, struct frame *ret_frame, const char **ret_reason);

/* Room for a frame with `length` bytes of payload; NULL (and `broken`) when there is no memory. */
uint8_t *outbox_reserve(struct outbox *out, size_t length);
/* The frame whose payload was written to what outbox_reserve() gave is complete. */
void outbox_commit(struct outbox *out, uint8_t type, uint8_t flags, uint32_t id, size_t length);
void outbox_frame(struct outbox *out, uint8_t type, uint8_t flags, uint32_t id, const void *payload,
                  size_t length);
/* Write what is possible now. 0, or -1: nobody reads any more. */
int outbox_flush(struct outbox *out);

static inline size_t outbox_waiting(const struct outbox *out)
{
    return out->end - out->start;
}

/* Reads the fields of a payload, in order. After the first error all reads give 0 or "". */
struct reader {
    uint8_t *at;
    uint8_t *end;
    bool failed;
};

uint32_t reader_u32(struct reader *r);
uint64_t reader_u64(struct reader *r);
/* Bytes as they are; borrowed from the payload. */
const uint8_t *reader_bytes(struct reader *r, size_t *ret_length);
/* Made NUL-terminated in place (the bytes move over their own length); one that holds a NUL is an
 * error. Borrowed from the payload. */
char *reader_string(struct reader *r);
/* NULL-terminated; the array is the caller's, the strings are borrowed. NULL after an error. */
char **reader_list(struct reader *r, size_t *ret_count);
/* Everything was there, and nothing is left over. */
bool reader_done(const struct reader *r);

#endif
