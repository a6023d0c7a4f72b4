/*
 * head.h - the head of an HTTP answer, taken from a stream as it comes (RFC 9112).
 *
 * For the attach connection only, which stops being HTTP behind the head; libcurl reads all others.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_ENGINE_HEAD_H
#define ENCLAVE_ENGINE_HEAD_H

#include <stddef.h>
#include <stdint.h>

#define HEAD_MAX ((size_t)16 * 1024)

struct head {
    int status;
    size_t length;          /* with the empty line */
    int64_t content_length; /* -1: not told */
};

/* 1: a whole head is in `data`; 0: it needs more; -1: this is no head of HTTP/1.x, or longer than
 * HEAD_MAX. */
int head_parse(const char *data, size_t length, struct head *ret_head);

#endif
