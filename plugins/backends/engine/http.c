/* SPDX-License-Identifier: Apache-2.0 */
#include "http.h"

#include "clock.h"

#include <stdlib.h>
#include <string.h>

/* One exchange under way; what libcurl's callbacks are given. */
struct transfer {
    const struct http_request *request;
    struct http_response *response;
    CURL *easy;
    size_t header_bytes;
    int head_is_whole; /* the empty line behind it has come */
    unsigned sent;     /* times that libcurl set out to send the request */
    int32_t code;      /* why a callback ended the transfer; 0: it did not */
    char detail[CURL_ERROR_SIZE];
};

static int32_t lane_borrow(struct http_client *client, const char *what,
                           struct http_lane **ret_lane, struct enclave_error *err)
{
    struct http_lane *lane = NULL;

    pthread_mutex_lock(&client->lock);
    if (client->idle_count > 0) {
        lane = client->idle[--client->idle_count];
    }
    pthread_mutex_unlock(&client->lock);
    if (!lane) {
        return http_lane_new(client, what, ret_lane, err);
    }
    *ret_lane = lane;
    return 0;
}

static void lane_return(struct http_client *client, struct http_lane *lane)
{
    pthread_mutex_lock(&client->lock);
    if (client->idle_count < HTTP_MAX_IDLE) {
        client->idle[client->idle_count++] = lane;
        lane = NULL;
    }
    pthread_mutex_unlock(&client->lock);
    http_lane_free(lane);
}

/*
 * libcurl sends a request again when a reused connection turns out to be closed. That is right for
 * what can be repeated; a POST may have been carried out before the engine went away.
 */
static int on_prerequest(void *ctx, char *ip, char *local_ip, int port, int local_port)
{
    struct transfer *transfer = ctx;
    int repeatable = strcmp(transfer->request->method, "POST") != 0;

    (void)ip, (void)local_ip, (void)port, (void)local_port;
    transfer->sent++;
    return transfer->sent > 1 && !repeatable ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

static void take_header(struct transfer *transfer, const char *line, size_t length)
{
    static const char name[] = "api-version:", podmans[] = "libpod-api-version:";
    const size_t skip = sizeof name - 1;
    size_t n = 0;

    if (length >= sizeof podmans - 1 && strncasecmp(line, podmans, sizeof podmans - 1) == 0) {
        transfer->response->podman = 1;
    }
    if (length < skip || strncasecmp(line, name, skip) != 0) {
        return;
    }
    for (size_t i = skip; i < length && n + 1 < sizeof transfer->response->api_version; i++) {
        if ((unsigned char)line[i] > 0x20) {
            transfer->response->api_version[n++] = line[i];
        }
    }
    transfer->response->api_version[n] = '\0';
}

static size_t on_header(char *data, size_t size, size_t count, void *ctx)
{
    struct transfer *transfer = ctx;
    size_t length = size * count;

    transfer->header_bytes += length;
    if (transfer->header_bytes > HTTP_MAX_HEADERS) {
        transfer->code = ENCLAVE_ETOOBIG;
        return 0;
    }
    /* Each head has its own: of an interim answer (100), and of the last one. */
    transfer->head_is_whole = length > 0 && (data[0] == '\r' || data[0] == '\n');
    take_header(transfer, data, length);
    return length;
}

static size_t on_body(char *data, size_t size, size_t count, void *ctx)
{
    struct transfer *transfer = ctx;
    size_t length = size * count;
    long status = 0;

    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    if (transfer->request->take && status < 400) {
        transfer->code = transfer->request->take(transfer->request->take_ctx, data, length);
    } else {
        transfer->code = buffer_append(&transfer->response->body, data, length);
    }
    return transfer->code ? 0 : length;
}

static int32_t set_headers(const struct http_request *request, struct curl_slist **headers)
{
    char type[128];
    const char *lines[3] = {"Expect:", request->header, NULL};

    snprintf(type, sizeof type, "Content-Type: %s",
             request->content_type ? request->content_type : "");
    lines[2] = type; /* without a value libcurl leaves the header out */
    for (size_t i = 0; i < 3; i++) {
        struct curl_slist *longer = lines[i] ? curl_slist_append(*headers, lines[i]) : *headers;
        if (!longer) {
            return ENCLAVE_ENOMEM;
        }
        *headers = longer;
    }
    return 0;
}

static int32_t set_request(CURL *easy, const struct http_client *client,
                           const struct http_request *request, struct transfer *transfer)
{
    struct buffer url = BUFFER_INIT(64 * 1024);
    int32_t code = buffer_append_text(&url, client->address.base);
    CURLcode result = CURLE_OK;

    if (!code) {
        code = buffer_append_text(&url, request->path);
    }
    if (!code) {
        result = curl_easy_setopt(easy, CURLOPT_URL, url.data);
    }
    buffer_free(&url);
    if (code || result) {
        return code ? code : ENCLAVE_ENOMEM;
    }
    if (request->body || strcmp(request->method, "POST") == 0) {
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->length);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body ? request->body : "");
    } else if (strcmp(request->method, "HEAD") == 0) {
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    }
    if (!request->take) {
        curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)HTTP_MAX_BODY);
    }
    if (request->silence_s > 0) {
        curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
        curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, request->silence_s);
    }
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_prerequest);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->detail);
    return curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method) ? ENCLAVE_ENOMEM : 0;
}

/* What the request is called in messages: without its query, which is long and seldom matters. */
static void request_label(const struct http_request *request, char *label, size_t size)
{
    snprintf(label, size, "%s %.*s", request->method, (int)strcspn(request->path, "?"),
             request->path);
}

static int32_t transfer_error(const struct http_client *client, struct transfer *transfer,
                              CURLcode result, struct enclave_error *err)
{
    char what[160];

    request_label(transfer->request, what, sizeof what);
    if (transfer->code == ENCLAVE_ETOOBIG || result == CURLE_FILESIZE_EXCEEDED) {
        return enclave_error_set(err, ENCLAVE_EPROTOCOL,
                                 "%s at %s answered more than %zu MiB to %s", client->name,
                                 client->address.text, HTTP_MAX_BODY >> 20, what);
    }
    if (transfer->code == ENCLAVE_ENOMEM) {
        return http_error_stopped(client, what, ENCLAVE_ENOMEM, err);
    }
    if (transfer->code) {
        return transfer->code;
    }
    /* libcurl takes an answer whose head was cut off for one without a body. */
    if (result == CURLE_ABORTED_BY_CALLBACK || result == CURLE_OK) {
        return http_error_closed(client, what, err);
    }
    return http_error_result(client, what, transfer->easy, result, transfer->detail, err);
}

static int32_t lane_exchange(struct http_client *client, struct http_lane *lane,
                             struct transfer *transfer, struct curl_slist **headers,
                             CURLcode *ret_result)
{
    int32_t code = http_lane_prepare(client, lane);

    if (!code) {
        code = set_request(lane->easy, client, transfer->request, transfer);
    }
    if (!code) {
        code = set_headers(transfer->request, headers);
    }
    if (!code) {
        curl_easy_setopt(lane->easy, CURLOPT_HTTPHEADER, *headers);
        code = http_lane_run(lane, transfer->request->deadline, transfer->request->cancel_fd,
                             ret_result);
    }
    return code;
}

static int path_is_valid(const char *path)
{
    for (const char *p = path; *p; p++) {
        if ((unsigned char)*p <= 0x20 || *p == 0x7f) {
            return 0;
        }
    }
    return *path == '/';
}

int32_t http_exchange(struct http_client *client, const struct http_request *request,
                      struct http_response *ret_response, struct enclave_error *err)
{
    struct transfer transfer = {.request = request, .response = ret_response};
    struct curl_slist *headers = NULL;
    CURLcode result = CURLE_OK;
    struct http_lane *lane;
    char what[160];
    int32_t code;

    *ret_response = (struct http_response){.body = BUFFER_INIT(HTTP_MAX_BODY)};
    request_label(request, what, sizeof what);
    if (!path_is_valid(request->path)) {
        return enclave_error_set(err, ENCLAVE_EINVALID,
                                 "the path of '%s' has white space or control characters", what);
    }
    code = lane_borrow(client, what, &lane, err);
    if (code) {
        return code;
    }
    transfer.easy = lane->easy;
    code = lane_exchange(client, lane, &transfer, &headers, &result);
    if (code) {
        code = http_error_stopped(client, what, code, err);
    } else if (result != CURLE_OK || transfer.code || !transfer.head_is_whole) {
        code = transfer_error(client, &transfer, result, err);
    } else {
        curl_easy_getinfo(lane->easy, CURLINFO_RESPONSE_CODE, &ret_response->status);
    }
    curl_multi_remove_handle(lane->multi, lane->easy);
    curl_easy_reset(lane->easy); /* it pointed to what is on our stack */
    curl_slist_free_all(headers);
    lane_return(client, lane);
    return code;
}
