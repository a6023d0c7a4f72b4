/*
 * message.h - building a message of one or more frames in memory.
 *
 * Owns: the encoding of strings and lists, the cut into frames, the ceiling of a message. A failure
 * sticks: look at message_finish()'s result only.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_AGENT_MESSAGE_H
#define ENCLAVE_AGENT_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

struct message {
    uint8_t *data;
    size_t length;
    size_t capacity;
    size_t frame; /* where the present frame begins */
    size_t total; /* of payload */
    size_t limit; /* of payload */
    int32_t failed;
    uint8_t type;
};

/* `limit`: WIRE_PAYLOAD_MAX for a type without MORE, else WIRE_MESSAGE_MAX. */
void message_begin(struct message *message, uint8_t type, size_t limit);
void message_bytes(struct message *message, const void *data, size_t length);
void message_u16(struct message *message, uint16_t value);
void message_u32(struct message *message, uint32_t value);
void message_u64(struct message *message, uint64_t value);
void message_str(struct message *message, const char *text); /* NULL: empty */
void message_blob(struct message *message, const void *data, uint64_t length);
void message_list(struct message *message, const char *const *list); /* NULL: empty */
/* 0, ENCLAVE_ENOMEM or ENCLAVE_ETOOBIG. */
int32_t message_finish(struct message *message);
void message_set_id(struct message *message, uint32_t id);
void message_free(struct message *message);

#endif
