/*
 * input.c - see input.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "input.h"

#include "report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK ((size_t)64 << 10)

void input_clear(struct input *input)
{
    free(input->data);
    *input = (struct input){0};
}

/* Make room for one more chunk, but not for more than one byte above the limit. */
static int grow(struct input *input, size_t *capacity, size_t most)
{
    size_t wanted = *capacity > 0 ? *capacity * 2 : CHUNK;
    char *data;

    wanted = wanted > most + 1 ? most + 1 : wanted;
    data = realloc(input->data, wanted);
    if (!data) {
        errno = ENOMEM;
        return -1;
    }
    input->data = data;
    *capacity = wanted;
    return 0;
}

/* 0; 1 when there is more than `most`; -1 with errno. */
static int read_all(int fd, size_t most, struct input *input)
{
    size_t capacity = 0;

    for (;;) {
        ssize_t n;
        if (input->length == capacity && grow(input, &capacity, most) != 0) {
            return -1;
        }
        n = read(fd, input->data + input->length, capacity - input->length);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return (int)n;
        }
        input->length += (size_t)n;
        if (input->length > most) {
            return 1;
        }
    }
}

int input_read(const char *path, size_t most, struct input *ret_input)
{
    struct input input = {0};
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY) : STDIN_FILENO;
    int result = fd < 0 ? -1 : read_all(fd, most, &input);
    int error = errno;

    if (path && fd >= 0) {
        close(fd);
    }
    if (result == 0) {
        *ret_input = input;
        return 0;
    }
    input_clear(&input);
    if (result > 0) {
        report_error("%s%s%s is larger than %zu MiB", path ? "file '" : "standard input",
                     path ? path : "", path ? "'" : "", most >> 20);
    } else {
        report_error("cannot read %s%s%s: %s", path ? "file '" : "standard input", path ? path : "",
                     path ? "'" : "", strerror(error));
    }
    return -1;
}
