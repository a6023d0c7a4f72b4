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

/* With its header a frame of output fills the pipe to the engine just so, which passes it on in pages: a
 * few bytes more would go all the way by themselves, at the price of a page. */
#define OUTPUT_MAX (WIRE_PAYLOAD_MAX - WIRE_HEADER_SIZE)

/* So much output of one stream is passed on from pipe to pipe, not copied: with its header it comes out in whole pages,
 * and takes all places of the pipe to the engine at most, when the first and the last of its pages are shared. */
#define OUTPUT_PASS (14u * 4096 - WIRE_HEADER_SIZE)

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
    size_t fresh;     /* of them, what came last */
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
    bool broken;      /* no memory for a frame: the stream cannot go on */
    bool urgent;      /* holds more than output that may wait, see outbox_linger_ms() */
    int64_t since_us; /* when the first of what waits came */
    int64_t sent_us;  /* when it was empty last after a write */
    size_t last;      /* the last frame, unless a part of it is written */
    int pass_fd;      /* a pipe whose next bytes end the last frame, see outbox_pass_output() */
    size_t pass_left; /* how many; 0: none */
    bool cannot_pass; /* the descriptors are of kinds between which nothing can be passed */
};

/* 1: some bytes came; 0: none now; -1: the stream has ended. */
int inbox_fill(struct inbox *in);
/* 1: `ret_frame` is a whole message, valid until the next call; 0: none yet; -1: what came cannot
 * be parsed, `ret_reason` says why. */
int inbox_next(struct inbox *in, struct frame *ret_frame, const char **ret_reason);
/* Forget all that has come. */
void inbox_clear(struct inbox *in);

/* Room for a frame with `length` bytes of payload; NULL (and `broken`) when there is no memory. */
uint8_t *outbox_reserve(struct outbox *out, size_t length);
/* The frame whose payload was written to what outbox_reserve() gave is complete. */
void outbox_commit(struct outbox *out, uint8_t type, uint8_t flags, uint32_t id, size_t length);
/* The same for OUTPUT, which becomes part of the frame before it when that is of the same stream and waits
 * whole: a program that writes little pieces would cost all who pass them on a frame for each. */
void outbox_commit_output(struct outbox *out, uint8_t stream, uint32_t id, size_t length);
/*
 * OUTPUT of OUTPUT_PASS bytes that the pipe `fd` holds, which are not read but moved to the stream as it takes them. Only
 * while nothing waits. What else is put into the outbox before they have gone comes behind them; to that end
 * they are read after all. Before `fd` is closed: outbox_settle().
 */
void outbox_pass_output(struct outbox *out, uint8_t stream, uint32_t id, int fd);
/* Read what is still to be passed on from `fd`. */
void outbox_settle(struct outbox *out, int fd);
void outbox_frame(struct outbox *out, uint8_t type, uint8_t flags, uint32_t id, const void *payload,
                  size_t length);
/* Forget all that has not been written. */
void outbox_clear(struct outbox *out);
/* Bytes that are no frame. */
void outbox_raw(struct outbox *out, const void *data, size_t length);
/* Write what is possible now. 0, or -1: nobody reads any more. */
int outbox_flush(struct outbox *out);
/*
 * For how long flushing may be put off, in milliseconds; 0: not at all. Little output that comes soon after
 * the last waits for more of it, or for EXIT, which spares all who pass the stream on a round for each. The
 * price is that it comes later by this at most.
 */
int outbox_linger_ms(const struct outbox *out);

/* How much of what was written the next one has not read yet. */
size_t outbox_ahead(const struct outbox *out);

static inline size_t outbox_waiting(const struct outbox *out)
{
    return out->end - out->start + out->pass_left;
}

/* Nothing more is to be read from payloads. */
static inline bool outbox_full(const struct outbox *out)
{
    return outbox_waiting(out) >= OUTBOX_HIGH || out->pass_left > 0;
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
