/*
 * fake_server.h - a scripted HTTP server, for answers that a real one cannot be made to give.
 *
 * Owns: the socket, a thread for each connection, and the record of requests. Does not own: what is answered, which engines
 * (../engine/fake.h) and managers (../http_remote/fake_remote.h) do differently.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_TEST_FAKE_SERVER_H
#define ENCLAVE_TEST_FAKE_SERVER_H

#include <stddef.h>

struct fake_server;

/*
 * Answer one request on `fd`; `request` is its head and body, NUL-terminated. Returns 1 to keep the
 * connection, 0 to close it. Called by the connection's own thread.
 */
typedef int (*fake_answer_fn)(void *ctx, int fd, const char *request);

/* On a Unix socket at `path`; NULL: on a port of the loopback. */
struct fake_server *fake_server_new(const char *path, fake_answer_fn answer, void *ctx);
void fake_server_free(struct fake_server *server);
/* Close all connections and the port, as a server that is killed; and be there again. */
void fake_server_stop(struct fake_server *server);
void fake_server_start(struct fake_server *server);
/* From an answer, too: no connection is taken any more. */
void fake_server_refuse(struct fake_server *server);

int fake_server_port(const struct fake_server *server);       /* 0: it has none */
unsigned fake_server_connections(struct fake_server *server); /* accepted so far */
/* Requests so far whose text has `part`. */
unsigned fake_server_requests(struct fake_server *server, const char *part);
/* Wait until there were so many; fails the test after half a minute. */
void fake_server_wait(struct fake_server *server, const char *part, unsigned count);

void fake_send(int fd, const char *text);
void fake_send_bytes(int fd, const void *data, size_t length);
/* Wait until the other side has closed. */
void fake_wait_for_close(int fd);

/* An fd that becomes readable after `ms`, for cancelling; close it. */
int fake_cancel_after(int ms);

#endif
