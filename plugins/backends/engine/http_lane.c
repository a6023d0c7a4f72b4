/*
 * http_lane.c - the options that every connection to the engine has, and the loop that drives one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "clock.h"
#include "curl_handle.h"
#include "http.h"
#include "late.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* For connecting, TLS included; a request that may take long still fails early without an engine.
 */
#define CONNECT_TIMEOUT_MS 10000L

/* What can be known of a socket without connecting to it, and without libcurl: where no engine runs,
 * which `backend = auto` asks each engine, libcurl would be loaded only to say so. */
static int32_t check_socket(const struct http_client *client, struct enclave_error *err)
{
    const char *path = client->address.socket;

    return !path || faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0
               ? 0
               : http_error_socket(client, errno, err);
}

int32_t http_lane_new(const struct http_client *client, const char *what,
                      struct http_lane **ret_lane, struct enclave_error *err)
{
    struct http_lane *lane;
    int32_t code = check_socket(client, err);

    if (code || (code = late_curl(err))) {
        return code;
    }
    lane = calloc(1, sizeof *lane);
    if (!lane || curl_handle_new(&lane->multi, &lane->easy) < 0) {
        free(lane);
        return http_error_stopped(client, what, ENCLAVE_ENOMEM, err);
    }
    *ret_lane = lane;
    return 0;
}

void http_lane_free(struct http_lane *lane)
{
    if (lane) {
        curl_handle_free(lane->multi, lane->easy);
        free(lane);
    }
}

static CURLcode set_address(CURL *easy, const struct address *address)
{
    CURLcode result = CURLE_OK;

    if (address->socket) {
        return curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, address->socket);
    }
    if (address->ca) {
        result = curl_handle_set_tls(easy, address->ca);
        if (!result) {
            result = curl_easy_setopt(easy, CURLOPT_SSLCERT, address->cert);
        }
        if (!result) {
            result = curl_easy_setopt(easy, CURLOPT_SSLKEY, address->key);
        }
    }
    return result;
}

int32_t http_lane_prepare(const struct http_client *client, struct http_lane *lane)
{
    CURL *easy = lane->easy;

    curl_easy_reset(easy);
    if (curl_handle_set_options(easy, CONNECT_TIMEOUT_MS) || set_address(easy, &client->address)) {
        return ENCLAVE_ENOMEM;
    }
    return 0;
}

int32_t http_lane_run(struct http_lane *lane, int64_t deadline, int cancel_fd, CURLcode *ret_result)
{
    struct curl_waitfd cancel = {.fd = cancel_fd, .events = CURL_WAIT_POLLIN};
    int running = 0;

    if (curl_multi_add_handle(lane->multi, lane->easy) != CURLM_OK) {
        return ENCLAVE_ENOMEM;
    }
    for (;;) {
        if (curl_handle_is_cancelled(cancel_fd)) {
            return ENCLAVE_ECANCELLED;
        }
        if (curl_multi_perform(lane->multi, &running) != CURLM_OK) {
            return ENCLAVE_ENOMEM;
        }
        if (curl_handle_has_ended(lane->multi, ret_result)) {
            return 0;
        }
        if (clock_is_over(deadline)) {
            return ENCLAVE_ETIMEOUT;
        }
        if (curl_multi_poll(lane->multi, &cancel, cancel_fd >= 0 ? 1 : 0, clock_wait_ms(deadline),
                            NULL) != CURLM_OK) {
            return ENCLAVE_ENOMEM;
        }
    }
}
