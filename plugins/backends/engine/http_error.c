/*
 * http_error.c - how an exchange failed, in words and codes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http.h"

#include "text.h"

#include <errno.h>
#include <string.h>

int32_t http_error_stopped(const struct http_client *client, const char *what, int32_t code,
                           struct enclave_error *err)
{
    if (code == ENCLAVE_ETIMEOUT) {
        return enclave_error_set(err, code, "%s: %s at %s did not answer in time", what,
                                 client->name, client->address.text);
    }
    if (code == ENCLAVE_ECANCELLED) {
        return enclave_error_set(err, code, "%s: cancelled", what);
    }
    if (code == ENCLAVE_ETOOBIG) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "%s: the request is too large", what);
    }
    return enclave_error_set(err, code, "%s: out of memory", what);
}

int32_t http_error_closed(const struct http_client *client, const char *what,
                          struct enclave_error *err)
{
    return enclave_error_set(err, ENCLAVE_EUNREACHABLE,
                             "%s: %s at %s closed the connection before it had answered", what,
                             client->name, client->address.text);
}

static int32_t unreachable(const struct http_client *client, const char *reason,
                           const char *instead_of_hint, struct enclave_error *err)
{
    const char *hint = instead_of_hint ? instead_of_hint : client->hint;

    return enclave_error_set(err, ENCLAVE_EUNREACHABLE, "cannot reach %s at %s: %s%s%s",
                             client->name, client->address.text, reason, *hint ? "; " : "", hint);
}

int32_t http_error_socket(const struct http_client *client, int number, struct enclave_error *err)
{
    char text[TEXT_SIZE];

    if (number == EACCES && client->address.socket) {
        return unreachable(client, "Permission denied", client->access_hint, err);
    }
    /* The GNU form, thread-safe; it may or may not use the buffer. */
    return unreachable(client, strerror_r(number, text, sizeof text), NULL, err);
}

static int32_t connect_error(const struct http_client *client, CURL *easy, const char *detail,
                             struct enclave_error *err)
{
    long number = 0;
    char text[TEXT_SIZE];

    curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &number);
    if (number) {
        return http_error_socket(client, (int)number, err);
    }
    return unreachable(client, engine_text_clean(text, sizeof text, detail, strlen(detail)), NULL,
                       err);
}

static int32_t tls_error(const struct http_client *client, const char *detail,
                         struct enclave_error *err)
{
    char text[TEXT_SIZE - 64];

    engine_text_clean(text, sizeof text, detail, strlen(detail));
    return unreachable(
        client, text, "its certificate is checked against ca.pem and the host in the address", err);
}

/* With TLS 1.3 the engine looks at our certificate when we have long taken the connection for made
 * (RFC 8446, section 4.4.2): its refusal is an alert in place of the first answer, or, when we are
 * still writing, the end of the connection. */
static const char *tls_hint(const struct http_client *client)
{
    return client->address.ca ? "; the engine may have refused our certificate: is cert.pem signed "
                                "by an authority "
                                "that it trusts?"
                              : "";
}

static int32_t lost(const struct http_client *client, const char *what, const char *text,
                    struct enclave_error *err)
{
    return enclave_error_set(err, ENCLAVE_EUNREACHABLE, "%s: lost the connection to %s at %s: %s%s",
                             what, client->name, client->address.text, text, tls_hint(client));
}

/* The connection was there, and then was not; or what came was not HTTP. */
static int32_t broken(const struct http_client *client, const char *what, CURL *easy,
                      CURLcode result, const char *detail, struct enclave_error *err)
{
    char text[TEXT_SIZE];
    long number = 0;

    curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &number);
    engine_text_clean(text, sizeof text, detail, strlen(detail));
    if (result == CURLE_GOT_NOTHING) {
        return http_error_closed(client, what, err);
    }
    if (result == CURLE_PARTIAL_FILE) {
        return enclave_error_set(err, ENCLAVE_EUNREACHABLE,
                                 "%s: %s at %s closed the connection in the middle of its answer",
                                 what, client->name, client->address.text);
    }
    if (result == CURLE_SEND_ERROR || (result == CURLE_RECV_ERROR && number) ||
        (client->address.ca && strstr(text, "alert"))) {
        return lost(client, what, text, err);
    }
    return enclave_error_set(err, ENCLAVE_EPROTOCOL,
                             "%s: what answers at %s does not speak HTTP as %s does: %s", what,
                             client->address.text, client->name, text);
}

int32_t http_error_result(const struct http_client *client, const char *what, CURL *easy,
                          CURLcode result, const char *detail, struct enclave_error *err)
{
    const char *text = detail && *detail ? detail : curl_easy_strerror(result);

    if (result == CURLE_OUT_OF_MEMORY) {
        return http_error_stopped(client, what, ENCLAVE_ENOMEM, err);
    }
    if (result == CURLE_COULDNT_CONNECT || result == CURLE_COULDNT_RESOLVE_HOST) {
        return connect_error(client, easy, text, err);
    }
    if (result == CURLE_OPERATION_TIMEDOUT) { /* whole requests have deadlines of our own */
        curl_off_t begun = 0;

        curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &begun);
        if (begun > 0) {
            return http_error_stopped(client, what, ENCLAVE_ETIMEOUT, err);
        }
        return unreachable(client, "no connection within 10 seconds", NULL, err);
    }
    if (result == CURLE_PEER_FAILED_VERIFICATION || result == CURLE_SSL_CONNECT_ERROR ||
        result == CURLE_SSL_CERTPROBLEM || result == CURLE_SSL_CACERT_BADFILE ||
        result == CURLE_SSL_ISSUER_ERROR) {
        return tls_error(client, text, err);
    }
    return broken(client, what, easy, result, text, err);
}
