/*
 * address.h - where the server listens: parsing, binding, and whether strangers can reach it.
 *
 * Owns: the listening socket until it is handed over, and the file of a Unix socket. Does not own: what is served.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_SERVE_ADDRESS_H
#define ENCLAVE_SERVE_ADDRESS_H

#include <enclave/error.h>

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

struct address {
    struct sockaddr_storage bytes;
    socklen_t length;
    bool loopback; /* only this machine can connect */
};

/* "127.0.0.1:8000", "[::1]:8000", "localhost:8000" (loopback), ":8000" (all addresses), "unix:PATH". INVALID. */
int32_t address_parse(const char *text, struct address *ret, struct enclave_error *err);

/* Bind and listen. `given` is what it was parsed from, for messages. A Unix socket that nobody serves any more is replaced.
 * Errors: EXISTS (something listens there, or the path is that of something else), IO. */
int32_t address_listen(const struct address *address, const char *given, int *ret_fd,
                       struct enclave_error *err);

/* As a client would write it, with the port that was bound: "http://127.0.0.1:8000", "unix:/run/enclave.sock". */
void address_text(int fd, bool tls, char *ret, size_t size);

/* Remove the file of a Unix socket. */
void address_remove(const struct address *address);

#endif
