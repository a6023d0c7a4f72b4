/*
 * test_wire.h - the manager's end of the wire, as plain as can be, for testing the real agent in a
 * PID namespace of its own. Nothing of the client library is used: a test of one side with the
 * other would not see an error that both make.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TEST_WIRE_H
#define TEST_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "wire.h"

#define TEST_UID 54321
#define TEST_GID 54322

/* A growing payload. */
struct bytes {
    uint8_t *data;
    size_t length;
    size_t size;
};

void bytes_raw(struct bytes *b, const void *data, size_t length);
void bytes_u32(struct bytes *b, uint32_t v);
void bytes_u64(struct bytes *b, uint64_t v);
void bytes_string(struct bytes *b, const char *text);
void bytes_list(struct bytes *b, const char *const *list); /* NULL-terminated; NULL is empty */
void bytes_free(struct bytes *b);

struct link {
    int fd;
    pid_t parent; /* the process that made the namespace */
    pid_t agent;
    uint8_t in[1 << 20];
    size_t start;
    size_t end;
};

struct wire_frame {
    uint8_t type;
    uint8_t flags;
    uint32_t id;
    const uint8_t *payload; /* valid until the next call */
    size_t length;
};

/* All that came of an execution until its EXIT. */
struct outcome {
    struct bytes out;
    struct bytes err;
    uint32_t how;
    uint32_t code;
    uint32_t signal;
    uint32_t flags;
    uint64_t cpu_us;
    char reason[512];
};

/* What the next agents are told of leases, from now on; 0 and NULL: nothing. */
void link_lease(uint32_t lease_ms, const char *token);
/* Start the agent; `scratch` is its scratch_dir. The text of READY's facts goes to `facts`. */
struct link *link_open(const char *agent, const char *working_dir, const char *scratch,
                       bool one_gid_only, char *facts, size_t facts_size);
void link_close(struct link *link);

void link_send(struct link *link, uint8_t type, uint8_t flags, uint32_t id, const void *payload,
               size_t length);
/* Bytes that are no frame, or a part of one. */
void link_raw(struct link *link, const void *data, size_t length);
/* The next frame; false at the end of the stream or after `timeout_ms`. */
bool link_receive(struct link *link, int timeout_ms, struct wire_frame *ret_frame);

struct spawn_args {
    const char *const *argv;
    const char *const *env;
    const char *cwd;
    uint32_t window; /* 0: 1 MiB */
    bool with_stdin;
    bool stays;
    const char *script_name;
    uint32_t script_index;
    const char *script;
    uint32_t server_flags;
    const char *const *server_argv;
    const char *const *server_env;
};

void link_spawn(struct link *link, uint32_t id, const struct spawn_args *args);
/* Collect the output, giving credit back, until EXIT; `what` is freed with outcome_free(). */
void link_wait(struct link *link, uint32_t id, struct outcome *what);
/* The same of `count` executions that go on at once, with ids from `first` on. */
void link_wait_all(struct link *link, uint32_t first, size_t count, struct outcome *outcomes);
void outcome_free(struct outcome *what);

struct file_args {
    uint32_t op;
    uint32_t flags;
    uint32_t mode;
    uint64_t max_bytes;
    const char *path;
    const char *const *allowed;
    const char *const *blocked;
    const void *input; /* at most 64 KiB, then STDIN_EOF; NULL: none */
    size_t input_length;
};

void link_file(struct link *link, uint32_t id, const struct file_args *args, struct outcome *what);

uint64_t now_us(void);

#endif
