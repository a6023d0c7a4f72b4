/*
 * late.h - libraries that are loaded when they are first needed; README.md tells how and why.
 *
 * Who makes a library's object (archive_read_new(), curl_easy_init(), MHD_start_daemon(), ...) asks
 * first whether the library is there, for the sake of the message. Everything else of the library is
 * called as ever, by its own headers.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_LATE_H
#define ENCLAVE_LATE_H

#include <enclave/error.h>

/* Loads the library unless it is loaded. Any thread. Errors: NOTSUP, which library is missing and
 * what to install. Tried again at the next call, so that it may be installed meanwhile. */
int32_t late_archive(struct enclave_error *err);
int32_t late_curl(struct enclave_error *err);
int32_t late_microhttpd(struct enclave_error *err);

#endif
