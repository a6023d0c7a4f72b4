/*
 * http.h - the HTTP library: its daemon, and what it calls.
 *
 * Owns: the way of a request through headers, key, route, body, handler and answer. Does not own: what handlers do.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_SERVE_HTTP_H
#define ENCLAVE_SERVE_HTTP_H

#include "server.h"

/* Serve what comes to the listening socket, which is the daemon's from then on. `cert`, `key`: PEM texts that live as long
 * as the daemon, or NULL. Errors: CONFIG (TLS), IO. */
int32_t http_start(struct server *server, int listen_fd, const char *cert, const char *key,
                   struct enclave_error *err);

/* Take no more connections, and no more requests on those that are there. */
void http_quiesce(struct server *server);

/* No request waits any more: close what is left. */
void http_stop(struct server *server);
/* After that, and when no thread is left that might have resumed one. */
void http_free(struct server *server);

#endif
