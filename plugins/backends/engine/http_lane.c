/*
 * http_lane.c - the options that every connection to the engine has, and the loop that drives one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "clock.h"
#include "http.h"
#include "late.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* For connecting, TLS included; a request that may take long still fails early without an engine.
 */
#define CONNECT_TIMEOUT_MS 10000L

static void initialize_curl(void)
{
    /* What it initializes lives as long as the process: another part of the program may use libcurl
     * too, so it is never undone. */
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

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
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct http_lane *lane;
    int32_t code = check_socket(client, err);

    if (code || (code = late_curl(err))) {
        return code;
    }
    pthread_once(&once, initialize_curl);
    lane = calloc(1, sizeof *lane);
    if (lane) {
        lane->multi = curl_multi_init();
        lane->easy = curl_easy_init();
    }
    if (!lane || !lane->multi || !lane->easy) {
        http_lane_free(lane);
        return http_error_stopped(client, what, ENCLAVE_ENOMEM, err);
    }
    curl_multi_setopt(lane->multi, CURLMOPT_MAXCONNECTS, 1L);
    *ret_lane = lane;
    return 0;
}

void http_lane_free(struct http_lane *lane)
{
    if (!lane) {
        return;
    }
    if (lane->multi && lane->easy) {
        curl_multi_remove_handle(lane->multi, lane->easy);
    }
    curl_easy_cleanup(lane->easy);
    curl_multi_cleanup(lane->multi);
    free(lane);
}

/* libcurl's own sockets are inherited by programs that the process starts. */
static curl_socket_t open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
    (void)ctx, (void)purpose;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static CURLcode set_address(CURL *easy, const struct address *address)
{
    CURLcode result = CURLE_OK;

    if (address->socket) {
        return curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, address->socket);
    }
    curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    if (address->ca) {
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
        curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
        /* Only the engine's own authority is trusted, not those of the system. */
        curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
        result = curl_easy_setopt(easy, CURLOPT_CAINFO, address->ca);
        if (!result) {
            result = curl_easy_setopt(easy, CURLOPT_SSLCERT, address->cert);
        }
        if (!result) {
            result = curl_easy_setopt(easy, CURLOPT_SSLKEY, address->key);
        }
    }
    return result;
}

/* libcurl before 7.85 has only the form of this option that later ones call deprecated. */
static CURLcode restrict_protocols(CURL *easy)
{
#if LIBCURL_VERSION_NUM >= 0x075500
    return curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    return curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
}

int32_t http_lane_prepare(const struct http_client *client, struct http_lane *lane)
{
    CURL *easy = lane->easy;

    curl_easy_reset(easy);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    /* An address names the engine itself; http_proxy and its kin are for the web. */
    if (curl_easy_setopt(easy, CURLOPT_PROXY, "") || restrict_protocols(easy) ||
        curl_easy_setopt(easy, CURLOPT_USERAGENT, "enclave") ||
        set_address(easy, &client->address)) {
        return ENCLAVE_ENOMEM;
    }
    return 0;
}

int http_is_cancelled(int cancel_fd)
{
    struct pollfd wait = {.fd = cancel_fd, .events = POLLIN};

    /* Whatever poll reports: the other end of a pipe closed is a POLLHUP without POLLIN. */
    return cancel_fd >= 0 && poll(&wait, 1, 0) > 0;
}

static int find_result(CURLM *multi, CURLcode *ret_result)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(multi, &left))) {
        if (message->msg == CURLMSG_DONE) {
            *ret_result = message->data.result;
            return 1;
        }
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
        if (http_is_cancelled(cancel_fd)) {
            return ENCLAVE_ECANCELLED;
        }
        if (curl_multi_perform(lane->multi, &running) != CURLM_OK) {
            return ENCLAVE_ENOMEM;
        }
        if (find_result(lane->multi, ret_result)) {
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
