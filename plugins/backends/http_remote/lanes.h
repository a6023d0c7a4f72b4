/*
 * lanes.h - connections to the server: a bounded number is kept for reuse, and each is used by one thread at a time.
 *
 * Owns: libcurl's handles and the options that every connection has (no redirect is followed, no proxy is asked, certificates are
 * verified). What is sent over them is exchange.c's.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HTTP_REMOTE_LANES_H
#define HTTP_REMOTE_LANES_H

#include "address.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stddef.h>

#define LANES_MAX 256

/* An easy handle with the multi handle that drives it and keeps its connection. */
struct lane {
    CURLM *multi;
    CURL *easy;
    CURLU *url;      /* the server's; the path of a request is its CURLOPT_REQUEST_TARGET */
    int has_options; /* those that do not depend on what is sent; 0 again behind a curl_easy_reset() */
};

struct lanes {
    struct address address;
    char *ca_file;           /* NULL: the system's authorities */
    long connect_timeout_ms; /* TLS included */
    pthread_mutex_t lock;    /* guards what follows; held for a moment only */
    size_t keep;             /* at most LANES_MAX */
    size_t idle_count;
    struct lane *idle[LANES_MAX]; /* the last one is the one used last */
};

/* `address` and `ca_file` become the lanes'. */
void lanes_init(struct lanes *lanes, struct address *address, char *ca_file, size_t keep,
                long connect_timeout_ms);
void lanes_destroy(struct lanes *lanes);

/* One with all options set that do not depend on what is sent; NULL: out of memory. `idle_s`: a connection that
 * nothing used for longer is not used again. */
struct lane *lanes_borrow(struct lanes *lanes, long idle_s);
void lanes_return(struct lanes *lanes, struct lane *lane);

#endif
