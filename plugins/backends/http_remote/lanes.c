/* SPDX-License-Identifier: Apache-2.0 */
#include "lanes.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define RECEIVE_BUFFER (64L * 1024)

static void initialize_curl(void)
{
    /* What it initializes lives as long as the process: another part of the program may use libcurl
     * too, so it is never undone. */
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

void lanes_init(struct lanes *lanes, struct address *address, char *ca_file, size_t keep,
                long connect_timeout_ms)
{
    *lanes = (struct lanes){.address = *address,
                            .ca_file = ca_file,
                            .connect_timeout_ms = connect_timeout_ms,
                            .keep = keep < LANES_MAX ? keep : LANES_MAX};
    *address = (struct address){0};
    pthread_mutex_init(&lanes->lock, NULL);
}

static void lane_free(struct lane *lane)
{
    if (lane) {
        curl_easy_cleanup(lane->easy);
        curl_multi_cleanup(lane->multi);
        curl_url_cleanup(lane->url);
        free(lane);
    }
}

void lanes_destroy(struct lanes *lanes)
{
    while (lanes->idle_count > 0) {
        lane_free(lanes->idle[--lanes->idle_count]);
    }
    address_free(&lanes->address);
    free(lanes->ca_file);
    pthread_mutex_destroy(&lanes->lock);
}

static struct lane *lane_new(const char *base)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct lane *lane = calloc(1, sizeof *lane);

    pthread_once(&once, initialize_curl);
    if (!lane) {
        return NULL;
    }
    lane->multi = curl_multi_init();
    lane->easy = curl_easy_init();
    lane->url = curl_url();
    if (!lane->multi || !lane->easy || !lane->url ||
        curl_url_set(lane->url, CURLUPART_URL, base, CURLU_PATH_AS_IS) != CURLUE_OK) {
        lane_free(lane);
        return NULL;
    }
    curl_multi_setopt(lane->multi, CURLMOPT_MAXCONNECTS, 1L);
    return lane;
}

/* libcurl's own sockets are inherited by programs that the process starts. */
static curl_socket_t open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
    (void)ctx, (void)purpose;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
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

static CURLcode set_tls(CURL *easy, const char *ca_file)
{
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (!ca_file) {
        return CURLE_OK;
    }
    /* Who names an authority trusts that one, and not those of the system too. */
    curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    return curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file);
}

static CURLcode set_options(const struct lanes *lanes, const struct lane *lane)
{
    CURL *easy = lane->easy;
    CURLcode result;

    curl_easy_setopt(easy, CURLOPT_CURLU, lane->url); /* read once, and not for each request */
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L); /* the key goes to no other host */
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, lanes->connect_timeout_ms);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, RECEIVE_BUFFER);
    curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    result = restrict_protocols(easy);
    if (!result) { /* an address names the server itself; http_proxy and its kin are for the web */
        result = curl_easy_setopt(easy, CURLOPT_PROXY, "");
    }
    if (!result) {
        result = curl_easy_setopt(easy, CURLOPT_USERAGENT, "enclave");
    }
    if (!result && lanes->address.tls) {
        result = set_tls(easy, lanes->ca_file);
    }
    if (!result && lanes->address.socket) {
        result = curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, lanes->address.socket);
    }
    return result;
}

struct lane *lanes_borrow(struct lanes *lanes, long idle_s)
{
    struct lane *lane = NULL;

    pthread_mutex_lock(&lanes->lock);
    if (lanes->idle_count > 0) {
        lane = lanes->idle[--lanes->idle_count];
    }
    pthread_mutex_unlock(&lanes->lock);
    if (!lane) {
        lane = lane_new(lanes->address.base);
    }
    if (lane && !lane->has_options) {
        lane->has_options = set_options(lanes, lane) == CURLE_OK;
        if (!lane->has_options) {
            lane_free(lane);
            return NULL;
        }
    }
    if (lane) {
        curl_easy_setopt(lane->easy, CURLOPT_MAXAGE_CONN, idle_s);
    }
    return lane;
}

void lanes_return(struct lanes *lanes, struct lane *lane)
{
    pthread_mutex_lock(&lanes->lock);
    if (lanes->idle_count < lanes->keep) {
        lanes->idle[lanes->idle_count++] = lane;
        lane = NULL;
    }
    pthread_mutex_unlock(&lanes->lock);
    lane_free(lane);
}
