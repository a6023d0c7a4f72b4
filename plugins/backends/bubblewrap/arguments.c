/*
 * arguments.c - see arguments.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "arguments.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FIRST_FD 3
#define FIRST_CAPACITY 4096
#define LENGTH_MAX (LAUNCHER_MESSAGE_MAX - sizeof(struct launcher_request))

static int make_room(struct arguments *arguments, size_t length)
{
    size_t capacity = arguments->capacity ? arguments->capacity : FIRST_CAPACITY;
    char *bytes;

    if (length > LENGTH_MAX - arguments->length || arguments->count == LAUNCHER_ARGS_MAX) {
        arguments->failed = ENCLAVE_ETOOBIG;
        return -1;
    }
    while (capacity - arguments->length < length) {
        capacity *= 2;
    }
    if (capacity == arguments->capacity) {
        return 0;
    }
    bytes = realloc(arguments->bytes, capacity);
    if (!bytes) {
        arguments->failed = ENCLAVE_ENOMEM;
        return -1;
    }
    arguments->bytes = bytes;
    arguments->capacity = capacity;
    return 0;
}

static void add_one(struct arguments *arguments, const char *text)
{
    size_t length = strlen(text) + 1;

    if (arguments->failed || make_room(arguments, length) != 0) {
        return;
    }
    memcpy(arguments->bytes + arguments->length, text, length);
    arguments->length += length;
    arguments->count++;
}

void arguments_add(struct arguments *arguments, ...)
{
    const char *text;
    va_list args;

    va_start(args, arguments);
    while ((text = va_arg(args, const char *)) != NULL) {
        add_one(arguments, text);
    }
    va_end(args);
}

void arguments_add_format(struct arguments *arguments, const char *format, ...)
{
    char *text = NULL;
    va_list args;
    int n;

    va_start(args, format);
    n = vasprintf(&text, format, args);
    va_end(args);
    if (n < 0) {
        arguments->failed = ENCLAVE_ENOMEM;
        return;
    }
    add_one(arguments, text);
    free(text);
}

size_t arguments_take_fd(struct arguments *arguments, int fd)
{
    if (fd < 0) {
        arguments->failed = ENCLAVE_EIO;
        return 0;
    }
    if (arguments->fd_count == sizeof arguments->fds / sizeof *arguments->fds) {
        arguments->failed = ENCLAVE_ETOOBIG;
        close(fd);
        return 0;
    }
    arguments->fds[arguments->fd_count] = fd;
    return FIRST_FD + arguments->fd_count++;
}

void arguments_add_fd(struct arguments *arguments, int fd)
{
    arguments_add_format(arguments, "%zu", arguments_take_fd(arguments, fd));
}

void arguments_add_data(struct arguments *arguments, const void *data, size_t length)
{
    int fd = memfd_create("enclave", MFD_CLOEXEC);

    if (fd >= 0 && (write(fd, data, length) != (ssize_t)length || lseek(fd, 0, SEEK_SET) != 0)) {
        close(fd);
        fd = -1;
    }
    arguments_add_fd(arguments, fd);
}

int32_t arguments_check(const struct arguments *arguments, struct enclave_error *err)
{
    switch (arguments->failed) {
    case 0:
        return 0;
    case ENCLAVE_ETOOBIG:
        return enclave_error_set(err, ENCLAVE_ETOOBIG,
                                 "the sandbox has too many mounts for one start of bwrap: use fewer"
                                 " volumes, or a root file system with fewer files at its top");
    case ENCLAVE_EIO:
        return enclave_error_set(err, ENCLAVE_EIO,
                                 "make the files of the sandbox: too many open files or no memory");
    default:
        return enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
    }
}

void arguments_clear(struct arguments *arguments)
{
    for (size_t i = 0; i < arguments->fd_count; i++) {
        close(arguments->fds[i]);
    }
    free(arguments->bytes);
    *arguments = (struct arguments){0};
}
