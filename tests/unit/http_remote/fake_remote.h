/*
 * fake_remote.h - what a scripted server answers as a manager's, and the backend for it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_TEST_FAKE_REMOTE_H
#define ENCLAVE_TEST_FAKE_REMOTE_H

#include "backend.h"
#include "fake_server.h"

/* A whole answer, of one of Enclave's servers; `headers` are more lines, each with its CR LF, or "". */
void fake_answer(int fd, int status, const char *headers, const char *body);
/* The same of another server. */
void fake_answer_foreign(int fd, int status, const char *body);
/* The head of a stream of lines, whose end is that of the connection. */
void fake_stream(int fd);

/* The backend for a server at that address. `more`: further options, as ",\"retry_timeout\":0"; later members win.
 * Fails the test when it cannot be opened. */
struct remote *fake_remote(const char *base_url, const char *more);
struct remote *fake_server_remote(const struct fake_server *server, const char *more);

/* A sink of text. */
struct text {
    char data[65536];
    size_t length;
};
struct enclave_sink text_sink(struct text *text);

#endif
