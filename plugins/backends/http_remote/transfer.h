/*
 * transfer.h - an exchange under way: what libcurl's callbacks are given, and how a request is handed to libcurl.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HTTP_REMOTE_TRANSFER_H
#define HTTP_REMOTE_TRANSFER_H

#include "exchange.h"

struct transfer {
    struct exchanger *exchanger;
    const struct exchange_request *request;
    struct exchange_answer *answer;
    struct lane *lane;
    struct curl_slist *headers;
    size_t header_bytes;
    int head_is_whole; /* the empty line behind it has come */
    unsigned sent;     /* times that libcurl set out to send the request */
    int64_t heard_ms;  /* when bytes went to and fro last */
    int64_t deadline;
    int32_t code; /* why a callback ended it; 0: none did */
    char detail[CURL_ERROR_SIZE];
};

/* Set the lane's handle up. 0 or NOMEM. */
int32_t transfer_prepare(struct transfer *transfer);
/* Nothing in the lane's handle points to the transfer and its request any more. `failed`: nor is anything else left in it. */
void transfer_end(struct transfer *transfer, int failed);

#endif
