/*
 * curl_handle.h - what every use of libcurl has in common: handles, the options that make a connection safe, how it ended.
 *
 * Does not know what is sent, and to whom.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_ENGINE_CURL_HANDLE_H
#define ENCLAVE_ENGINE_CURL_HANDLE_H

#include <curl/curl.h>

#include <stdint.h>

/* An easy handle, and a multi handle that drives it and keeps its one connection; after late_curl(). 0 or NOMEM, with both
 * NULL then. */
int32_t curl_handle_new(CURLM **ret_multi, CURL **ret_easy);
/* Accepts NULL. */
void curl_handle_free(CURLM *multi, CURL *easy);

/*
 * On a handle without options: http and https only, version 1.1, no redirects, no proxy (an address names the server
 * itself; http_proxy and its kin are for the web), no signals, sockets that programs do not inherit. `connect_timeout_ms`:
 * with TLS.
 */
CURLcode curl_handle_set_options(CURL *easy, long connect_timeout_ms);

/* Certificate and name of the other side are verified, by the authorities in `ca_file` alone; NULL: by the system's. */
CURLcode curl_handle_set_tls(CURL *easy, const char *ca_file);

/* 1: the transfer has ended, and `*ret_result` says how. */
int curl_handle_has_ended(CURLM *multi, CURLcode *ret_result);

/* 1 when the caller's descriptor says that it does not want the answer any more. -1: it has none. */
int curl_handle_is_cancelled(int cancel_fd);

#endif
