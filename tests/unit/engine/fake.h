/*
 * fake.h - a scripted engine on a Unix socket, for answers that a real one cannot be made to give.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_TEST_FAKE_H
#define ENCLAVE_TEST_FAKE_H

#include "engine.h"
#include "fake_server.h"

struct fake;

/* It answers /_ping and /version by itself, with `api` ("1.41") and `min`; either may be NULL: no
 * such header, no such member. */
struct fake *fake_new(const char *api, const char *min, fake_answer_fn answer, void *ctx);
void fake_free(struct fake *fake);

/* Close all connections and the socket, as an engine that stops; and be there again. */
void fake_stop(struct fake *fake);
void fake_start(struct fake *fake);
void fake_set_api(struct fake *fake, const char *api, const char *min);
/* Its answers to /_ping say that it is Podman. */
void fake_set_podman(struct fake *fake);

const char *fake_address(const struct fake *fake); /* "unix:///tmp/..." */
const char *fake_folder(const struct fake *fake);  /* where it lives; files of the test go there */
unsigned fake_connections(struct fake *fake);      /* accepted so far */
/* Requests so far whose text has `part`, those for /_ping and /version included. */
unsigned fake_requests(struct fake *fake, const char *part);

/* An engine for it. Fails the test when that does not work. */
struct engine *fake_engine(const struct fake *fake);

/* A whole answer with Content-Length. */
void fake_send_answer(int fd, int status, const char *body);
long fake_now_ms(void);

#endif
