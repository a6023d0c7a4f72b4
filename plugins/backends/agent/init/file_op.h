/*
 * file_op.h - FILE: a file operation becomes an execution whose child does it. Owns the request;
 * the operations themselves are file_read.c's, file_write.c's, file_put.c's and file_get.c's.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_FILE_OP_H
#define AGENT_FILE_OP_H

#include "agent.h"

struct file_request {
    uint32_t op;
    uint32_t flags;
    uint32_t mode;
    uint32_t window;
    uint64_t max_bytes; /* 0: no limit */
    const char *path;
    char **allowed; /* NULL-terminated; empty: no restriction */
    char **blocked;
};

/* Begin one that is parsed, as the execution `id`. */
void file_start(struct agent *agent, uint32_t id, struct file_request *request);

/* 0, or -1 when the message cannot be parsed. Whatever else fails is told by EXIT. */
int file_message(struct agent *agent, const struct frame *frame);

/*
 * The operations, in the child, with the payload's rights: input is descriptor 0, output is 1. 0,
 * or -errno, with more about it in `why` when it is not empty.
 */
struct file_reason {
    char text[160];
};

int file_read(const struct file_request *request, struct file_reason *why);
int file_stat(const struct file_request *request, struct file_reason *why);
int file_list(const struct file_request *request, struct file_reason *why);
int file_write(const struct file_request *request, struct file_reason *why);
int file_remove(const struct file_request *request, struct file_reason *why);
int file_put_tree(const struct file_request *request, struct file_reason *why);
int file_get_tree(const struct file_request *request, struct file_reason *why);

/* Remove what is in an open folder, which is closed. `own`: also what its owner has put out of his own reach. 0 or
 * -errno. */
int file_remove_content(int folder, bool own);

/* Say more about an error; returns -error. */
int file_fail(struct file_reason *why, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
