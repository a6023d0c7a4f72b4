/*
 * wire.h - constants of the agent's wire format; README.md says what they mean. Shared by the agent
 * program and the manager's side, and by nothing else.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_AGENT_WIRE_H
#define ENCLAVE_AGENT_WIRE_H

#include <stdint.h>

#define WIRE_MAGIC UINT32_C(0x41434e45)
#define WIRE_MAJOR 1
#define WIRE_MINOR 2

#define WIRE_HEADER_SIZE 12
#define WIRE_PAYLOAD_MAX 65536
#define WIRE_MESSAGE_MAX (16u << 20)   /* a SPAWN or FILE over several frames */
#define WIRE_STDIN_WINDOW (256u << 10) /* initial room of each stdin */
#define WIRE_STATE_MAX WIRE_PAYLOAD_MAX

/* A new manager's call on the stream, and the agent's answer, which is of the same form. */
#define WIRE_TOKEN_SIZE 32
#define WIRE_CALL_SIZE (WIRE_TOKEN_SIZE + 8) /* the token, a number */
/* From here on ids of executions are the agent's own. */
#define WIRE_ID_ADRIFT UINT32_C(0xfffff000)

/* The token of an answer is the caller's with each byte changed by one of these. */
#define WIRE_ANSWER_AGAIN 0x80u
#define WIRE_ANSWER_DONE 0xc0u

enum wire_type {
    WIRE_CONFIG = 1,
    WIRE_SPAWN = 2,
    WIRE_STDIN = 3,
    WIRE_STDIN_EOF = 4,
    WIRE_CREDIT = 5,
    WIRE_SIGNAL = 6,
    WIRE_KILL = 7,
    WIRE_FILE = 8,
    WIRE_LEASE = 10,
    WIRE_END = 11,
    WIRE_SET_STATE = 12,
    WIRE_GREET = 13,

    WIRE_READY = 64,
    WIRE_OUTPUT = 65,
    WIRE_STDIN_ROOM = 66,
    WIRE_EXIT = 67,
    WIRE_FATAL = 68,
    WIRE_STATE = 69
};

#define WIRE_FLAG_MORE 1u

#define WIRE_CONFIG_PRIVILEGED 1u
#define WIRE_CONFIG_GIVE_WORKING_DIR 2u

#define WIRE_SPAWN_STDIN 1u
#define WIRE_SPAWN_STAYS 2u

#define WIRE_FORK_SERVER_EAGER 1u

enum wire_stream { WIRE_STDOUT = 1, WIRE_STDERR = 2 };

enum wire_exit_how { WIRE_EXITED = 1, WIRE_SIGNALED = 2 };

#define WIRE_EXIT_KILLED 1u
#define WIRE_EXIT_OOM 2u
#define WIRE_EXIT_FORKED 4u

enum wire_file_op {
    WIRE_FILE_READ = 1,
    WIRE_FILE_WRITE = 2,
    WIRE_FILE_STAT = 3,
    WIRE_FILE_LIST = 4,
    WIRE_FILE_REMOVE = 5,
    WIRE_FILE_PUT_TREE = 6,
    WIRE_FILE_GET_TREE = 7,
    WIRE_FILE_RESET = 8
};

#define WIRE_FILE_MKDIRS 1u
#define WIRE_FILE_RECURSIVE 2u

enum wire_entry_type {
    WIRE_ENTRY_FILE = 1,
    WIRE_ENTRY_DIRECTORY = 2,
    WIRE_ENTRY_SYMLINK = 3,
    WIRE_ENTRY_OTHER = 4,
    WIRE_ENTRY_HARDLINK = 5
};

static inline void wire_put_u16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

static inline void wire_put_u32(uint8_t *p, uint32_t v)
{
    wire_put_u16(p, (uint16_t)v);
    wire_put_u16(p + 2, (uint16_t)(v >> 16));
}

static inline void wire_put_u64(uint8_t *p, uint64_t v)
{
    wire_put_u32(p, (uint32_t)v);
    wire_put_u32(p + 4, (uint32_t)(v >> 32));
}

static inline uint16_t wire_get_u16(const uint8_t *p)
{
    return (uint16_t)(p[0] | (uint16_t)(p[1] << 8));
}

static inline uint32_t wire_get_u32(const uint8_t *p)
{
    return (uint32_t)wire_get_u16(p) | (uint32_t)wire_get_u16(p + 2) << 16;
}

static inline uint64_t wire_get_u64(const uint8_t *p)
{
    return (uint64_t)wire_get_u32(p) | (uint64_t)wire_get_u32(p + 4) << 32;
}

static inline void wire_put_header(uint8_t *p, uint32_t length, uint8_t type, uint8_t flags,
                                   uint32_t id)
{
    wire_put_u32(p, length);
    p[4] = type;
    p[5] = flags;
    wire_put_u16(p + 6, 0);
    wire_put_u32(p + 8, id);
}

#endif
