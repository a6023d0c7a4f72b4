/*
 * address.h - where the server is: "http://HOST[:PORT][/PREFIX]", "https://...", "unix:PATH".
 *
 * Owns: reading and judging `base_url`. Does not connect.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HTTP_REMOTE_ADDRESS_H
#define HTTP_REMOTE_ADDRESS_H

#include <enclave/error.h>

#define ADDRESS_DEFAULT "http://127.0.0.1:8000"

struct address {
    char *text;   /* as given, for messages */
    char *socket; /* path of the Unix socket; NULL for TCP */
    char *base;   /* "http://localhost", "https://host:8443/prefix": no slash at the end */
    char *prefix; /* "/prefix" of `base`; "" */
    int tls;
    int here; /* what is sent does not leave this machine */
};

/* Errors: INVALID (says what is wrong and what to write instead), NOTSUP (no libcurl), NOMEM. Free with address_free() on failure too. */
int32_t address_parse(const char *base_url, struct address *ret_address, struct enclave_error *err);
void address_free(struct address *address);

#endif
