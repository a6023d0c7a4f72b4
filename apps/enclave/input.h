/*
 * input.h - what the user gives by file or stdin, read whole and bounded.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_APP_INPUT_H
#define ENCLAVE_APP_INPUT_H

#include <stddef.h>

#define INPUT_CODE_MAX ((size_t)16 << 20)
#define INPUT_STDIN_MAX ((size_t)64 << 20)

struct input {
    char *data; /* never NULL after a read; freed by input_clear() */
    size_t length;
};

/* Read a file, or stdin when `path` is NULL, of at most `most` bytes. 0, or -1 after reporting an
 * error. */
int input_read(const char *path, size_t most, struct input *ret_input);

void input_clear(struct input *input);

#endif
