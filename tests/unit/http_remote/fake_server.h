/*
 * fake_server.h - a scripted server on a port of the loopback, for answers that a real one cannot be made to give.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_TEST_FAKE_SERVER_H
#define ENCLAVE_TEST_FAKE_SERVER_H

#include "backend.h"

#include <stddef.h>

struct fake_server;

/*
 * Answer one request on `fd`; `request` is its head and body, NUL-terminated. Returns 1 to keep the
 * connection, 0 to close it. Called by the connection's own thread.
 */
typedef int (*fake_answer_fn)(void *ctx, int fd, const char *request);

struct fake_server *fake_server_new(fake_answer_fn answer, void *ctx);
void fake_server_free(struct fake_server *server);
/* Close all connections and the port, as a server that is killed; and be there again. */
void fake_server_stop(struct fake_server *server);
void fake_server_start(struct fake_server *server);
/* From an answer, too: no connection is taken any more. */
void fake_server_refuse(struct fake_server *server);

int fake_server_port(const struct fake_server *server);
unsigned fake_server_connections(struct fake_server *server); /* accepted so far */
/* Requests so far whose text has `part`. */
unsigned fake_server_requests(struct fake_server *server, const char *part);
/* Wait until there were so many; fails the test after half a minute. */
void fake_server_wait(struct fake_server *server, const char *part, unsigned count);

void fake_send(int fd, const char *text);
/* A whole answer, of one of Enclave's servers; `headers` are more lines, each with its CR LF, or "". */
void fake_answer(int fd, int status, const char *headers, const char *body);
/* The same of another server. */
void fake_answer_foreign(int fd, int status, const char *body);
/* The head of a stream of lines, whose end is that of the connection. */
void fake_stream(int fd);
/* Wait until the other side has closed. */
void fake_wait_for_close(int fd);

/* The backend for a server at that address. `more`: further options, as ",\"retry_timeout\":0"; later members win.
 * Fails the test when it cannot be opened. */
struct remote *fake_remote(const char *base_url, const char *more);
struct remote *fake_server_remote(const struct fake_server *server, const char *more);

/* An fd that becomes readable after `ms`, for cancelling; close it. */
int fake_cancel_after(int ms);

/* A sink of text. */
struct text {
    char data[65536];
    size_t length;
};
struct enclave_sink text_sink(struct text *text);

#endif
