/*
 * util.h - small helpers that belong to no concern: descriptors, whole reads and writes, one-line
 * reasons. Owns no state.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_UTIL_H
#define AGENT_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

#define AGENT_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Close and forget; keeps errno. */
void close_fd(int *fd);

static inline void free_pointer(void *p)
{
    free(*(void **)p);
}

#define CLEANUP_FD __attribute__((cleanup(close_fd)))
#define CLEANUP_FREE __attribute__((cleanup(free_pointer)))

/* Hand the descriptor over to the caller. */
static inline int steal_fd(int *fd)
{
    int taken = *fd;
    *fd = -1;
    return taken;
}

int set_nonblocking(int fd);

/* The monotonic clock. */
int64_t now_us(void);
int64_t now_ms(void);

/* All of it, waiting as long as it takes; 0 or -errno. */
int write_all(int fd, const void *data, size_t length);
/* Up to `length` bytes, fewer only at the end; the number or -errno. */
ssize_t read_all(int fd, void *data, size_t length);

/* A small text file, open or relative to `dir`; NUL-terminated and without its last newline. The
 * length, or -errno. */
ssize_t read_text_fd(int fd, char *text, size_t size);
ssize_t read_text(int dir, const char *path, char *text, size_t size);

/* The errno's text; never NULL. */
const char *error_text(int error);

#endif
