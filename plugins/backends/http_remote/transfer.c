/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer.h"

#include "clock.h"

#include <enclave/error.h>

#include <stdlib.h>
#include <string.h>

#define RETRY_AFTER_MAX_S 3600

/*
 * libcurl sends a request again when a reused connection turns out to be closed. That is right for
 * what can be repeated; another may have been carried out before the server went away.
 */
static int on_prerequest(void *ctx, char *ip, char *local_ip, int port, int local_port)
{
    struct transfer *transfer = ctx;

    (void)ip, (void)local_ip, (void)port, (void)local_port;
    transfer->sent++;
    transfer->answer->sent = 1;
    return transfer->sent > 1 && !transfer->request->repeatable ? CURL_PREREQFUNC_ABORT
                                                                : CURL_PREREQFUNC_OK;
}

/* The value of the header `name` ("server:"), without white space around it; NULL: it is another header. */
static const char *header_value(const char *line, size_t length, const char *name,
                                size_t *ret_length)
{
    size_t skip = strlen(name);

    if (length < skip || strncasecmp(line, name, skip) != 0) {
        return NULL;
    }
    while (skip < length && (unsigned char)line[skip] <= 0x20) {
        skip++;
    }
    while (length > skip && (unsigned char)line[length - 1] <= 0x20) {
        length--;
    }
    *ret_length = length - skip;
    return line + skip;
}

/* Seconds; the other form, a date, is not worth a clock that may differ: then the wait is ours to choose. */
static int64_t retry_after(const char *value, size_t length)
{
    int64_t seconds = 0;

    for (size_t i = 0; i < length && value[i] >= '0' && value[i] <= '9'; i++) {
        seconds = seconds < RETRY_AFTER_MAX_S ? seconds * 10 + (value[i] - '0') : seconds;
    }
    return (seconds < RETRY_AFTER_MAX_S ? seconds : RETRY_AFTER_MAX_S) * 1000;
}

static void take_header(struct exchange_answer *answer, const char *line, size_t length)
{
    const char *value;
    size_t n;

    if ((value = header_value(line, length, "server:", &n))) {
        answer->server =
            n >= 8 && strncmp(value, "enclave/", 8) == 0 ? SERVER_ENCLAVE : SERVER_OTHER;
    } else if ((value = header_value(line, length, "retry-after:", &n))) {
        answer->retry_after_ms = retry_after(value, n);
    } else if ((value = header_value(line, length, "location:", &n))) {
        snprintf(answer->location, sizeof answer->location, "%.*s",
                 n < sizeof answer->location ? (int)n : (int)sizeof answer->location - 1, value);
    }
}

/* Between the requests of a connection the server may be slow; its answer is to come in one piece. */
static void head_came(struct transfer *transfer)
{
    int64_t soon = clock_deadline(transfer->exchanger->request_timeout_ms);

    if (transfer->request->patient && !transfer->request->take && soon < transfer->deadline) {
        transfer->deadline = soon;
    }
}

static void hear(struct transfer *transfer)
{
    transfer->heard_ms = clock_now_ms();
    ending_hear(&transfer->exchanger->ending, transfer->heard_ms);
}

static size_t on_header(char *data, size_t size, size_t count, void *ctx)
{
    struct transfer *transfer = ctx;
    size_t length = size * count;

    transfer->header_bytes += length;
    if (transfer->header_bytes > EXCHANGE_MAX_HEADERS) {
        transfer->code = ENCLAVE_ETOOBIG;
        return 0;
    }
    hear(transfer);
    /* Each head has its own: of an interim answer (100), and of the last one. */
    transfer->head_is_whole = length > 0 && (data[0] == '\r' || data[0] == '\n');
    take_header(transfer->answer, data, length);
    if (transfer->head_is_whole) {
        head_came(transfer);
    }
    return length;
}

static size_t on_body(char *data, size_t size, size_t count, void *ctx)
{
    struct transfer *transfer = ctx;
    size_t length = size * count;
    long status = 0;

    curl_easy_getinfo(transfer->lane->easy, CURLINFO_RESPONSE_CODE, &status);
    if (transfer->request->take && status == 200) {
        transfer->code = transfer->request->take(transfer->request->ctx, data, length);
    } else {
        transfer->code = buffer_append(&transfer->answer->body, data, length);
    }
    hear(transfer); /* after: the receiver may have been slow */
    return transfer->code ? 0 : length;
}

static size_t on_read(char *data, size_t size, size_t count, void *ctx)
{
    struct transfer *transfer = ctx;
    const struct enclave_source *from = transfer->request->from;
    int64_t n = from->read(from->ctx, data, size * count);

    transfer->heard_ms = clock_now_ms();
    if (n < 0 || n > (int64_t)(size * count)) {
        transfer->code = n < 0 ? (int32_t)n : ENCLAVE_EINVALID;
        return CURL_READFUNC_ABORT;
    }
    return (size_t)n;
}

static int32_t add_header(struct transfer *transfer, const char *line)
{
    struct curl_slist *longer =
        line ? curl_slist_append(transfer->headers, line) : transfer->headers;

    if (line && !longer) {
        return ENCLAVE_ENOMEM;
    }
    transfer->headers = longer;
    return 0;
}

static int32_t add_headers(struct transfer *transfer)
{
    const struct exchange_request *request = transfer->request;
    char type[96], accept[96];
    int32_t r;

    snprintf(type, sizeof type, "Content-Type: %s",
             request->content_type ? request->content_type : "");
    snprintf(accept, sizeof accept, "Accept: %s",
             request->accept ? request->accept : "application/json");
    r = add_header(transfer, "Expect:");
    r = r == 0 ? add_header(transfer, type) : r; /* without a value libcurl leaves it out */
    r = r == 0 ? add_header(transfer, accept) : r;
    r = r == 0 ? add_header(transfer, transfer->exchanger->key_header) : r;
    return r == 0 ? add_header(transfer, request->header) : r;
}

static void set_body(struct transfer *transfer, CURL *easy)
{
    const struct exchange_request *request = transfer->request;

    if (request->from) {
        curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, 256L * 1024);
        curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
        curl_easy_setopt(easy, CURLOPT_READDATA, transfer);
    } else if (request->body || strcmp(request->method, "POST") == 0) {
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->length);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body ? request->body : "");
    } else {
        curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L); /* whatever the last one was */
    }
}

static int32_t set_target(struct transfer *transfer, CURL *easy)
{
    struct buffer target = BUFFER_INIT(64 * 1024);
    int32_t r = buffer_append_text(&target, transfer->exchanger->lanes.address.prefix);

    if (r == 0) {
        r = buffer_append_text(&target, transfer->request->path);
    }
    if (r == 0 && curl_easy_setopt(easy, CURLOPT_REQUEST_TARGET, target.data) != CURLE_OK) {
        r = ENCLAVE_ENOMEM;
    }
    buffer_free(&target);
    return r;
}

int32_t transfer_prepare(struct transfer *transfer)
{
    CURL *easy = transfer->lane->easy;
    int32_t r = set_target(transfer, easy);

    if (r == 0) {
        r = add_headers(transfer);
    }
    if (r < 0) {
        return r;
    }
    set_body(transfer, easy);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_prerequest);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->detail);
    return curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, transfer->request->method) ? ENCLAVE_ENOMEM
                                                                                    : 0;
}

/*
 * What every transfer sets again stays, since to set all anew takes as long as a tenth of a request. An upload leaves nothing:
 * before 7.86 libcurl took a POST behind one for another (CVE-2022-32221).
 */
void transfer_end(struct transfer *transfer, int failed)
{
    static const CURLoption ours[] = {CURLOPT_HTTPHEADER, CURLOPT_POSTFIELDS, CURLOPT_PREREQDATA,
                                      CURLOPT_HEADERDATA, CURLOPT_WRITEDATA,  CURLOPT_ERRORBUFFER};
    struct lane *lane = transfer->lane;

    curl_multi_remove_handle(lane->multi, lane->easy);
    if (failed || transfer->request->from) {
        curl_easy_reset(lane->easy);
        lane->has_options = 0;
    } else {
        for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
            curl_easy_setopt(lane->easy, ours[i], NULL);
        }
    }
    curl_slist_free_all(transfer->headers);
    transfer->headers = NULL;
}
