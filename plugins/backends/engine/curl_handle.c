/* SPDX-License-Identifier: Apache-2.0 */
#include "curl_handle.h"

#include <enclave/error.h>

#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

static void initialize_curl(void)
{
    /* What it initializes lives as long as the process: another part of the program may use libcurl
     * too, so it is never undone. */
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

int32_t curl_handle_new(CURLM **ret_multi, CURL **ret_easy)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, initialize_curl);
    *ret_multi = curl_multi_init();
    *ret_easy = curl_easy_init();
    if (!*ret_multi || !*ret_easy) {
        curl_handle_free(*ret_multi, *ret_easy);
        *ret_multi = NULL;
        *ret_easy = NULL;
        return ENCLAVE_ENOMEM;
    }
    curl_multi_setopt(*ret_multi, CURLMOPT_MAXCONNECTS, 1L);
    return 0;
}

void curl_handle_free(CURLM *multi, CURL *easy)
{
    if (multi && easy) {
        curl_multi_remove_handle(multi, easy);
    }
    curl_easy_cleanup(easy);
    curl_multi_cleanup(multi);
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

CURLcode curl_handle_set_options(CURL *easy, long connect_timeout_ms)
{
    CURLcode result = restrict_protocols(easy);

    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L); /* keys go to no other host */
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connect_timeout_ms);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    result = result ? result : curl_easy_setopt(easy, CURLOPT_PROXY, "");
    return result ? result : curl_easy_setopt(easy, CURLOPT_USERAGENT, "enclave");
}

CURLcode curl_handle_set_tls(CURL *easy, const char *ca_file)
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

int curl_handle_has_ended(CURLM *multi, CURLcode *ret_result)
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

int curl_handle_is_cancelled(int cancel_fd)
{
    struct pollfd wait = {.fd = cancel_fd, .events = POLLIN};

    /* Whatever poll reports: the other end of a pipe closed is a POLLHUP without POLLIN. */
    return cancel_fd >= 0 && poll(&wait, 1, 0) > 0;
}
