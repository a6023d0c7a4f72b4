/*
 * arguments.h - the arguments of one bwrap: a list of strings, and the descriptors that they name.
 *
 * Failures are remembered in the object, so that a list is built without a check after every line.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_BUBBLEWRAP_ARGUMENTS_H
#define ENCLAVE_BUBBLEWRAP_ARGUMENTS_H

#include "launcher/protocol.h"

#include <enclave/error.h>

#include <stddef.h>

struct arguments {
    char *bytes; /* each string with its NUL */
    size_t length;
    size_t capacity;
    uint32_t count;
    uint32_t cgroup_at; /* where the launcher is to put the mounts of the cgroup; 0: nowhere */
    int fds[LAUNCHER_FDS_MAX - 2]; /* owned; the program finds them as 3, 4, ... */
    size_t fd_count;
    int32_t failed; /* an ENCLAVE_E... */
};

/* The strings up to a NULL. */
__attribute__((sentinel)) void arguments_add(struct arguments *arguments, ...);
__attribute__((format(printf, 2, 3))) void arguments_add_format(struct arguments *arguments,
                                                                const char *format, ...);
/* Take over `fd` (-1 is a failure); the number under which the program finds it. */
size_t arguments_take_fd(struct arguments *arguments, int fd);
/* The same, with the number as an argument. */
void arguments_add_fd(struct arguments *arguments, int fd);
/* A descriptor from which `data` can be read. */
void arguments_add_data(struct arguments *arguments, const void *data, size_t length);

/* Whether all went well. Errors: TOOBIG, NOMEM, IO. */
int32_t arguments_check(const struct arguments *arguments, struct enclave_error *err);
void arguments_clear(struct arguments *arguments);

#endif
