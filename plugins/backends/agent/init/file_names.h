/*
 * file_names.h - the names in a folder, sorted. Owns the list it makes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_FILE_NAMES_H
#define AGENT_FILE_NAMES_H

#include <stddef.h>

/* More files in one folder are refused (E2BIG). */
#define FILE_NAMES_MAX (1u << 20)

struct file_names {
    char **all;
    size_t count;
    size_t size;
};

/* Of an open folder. 0, or -errno with nothing to free. */
int file_names_read(int folder, struct file_names *ret_names);
void file_names_free(struct file_names *names);

#endif
