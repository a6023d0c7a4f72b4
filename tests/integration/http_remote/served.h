/*
 * served.h - an `enclave serve` for a test, on a Unix socket or a port of its own, and managers that use it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_TEST_SERVED_H
#define ENCLAVE_TEST_SERVED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <enclave/enclave.h>

#include <sys/types.h>

struct served {
    char folder[64]; /* its INI file, socket and log, and what else a test puts there */
    char url[128];   /* base_url */
    pid_t pid;
};

/* For main(): 0, or the exit code to end with because `backend` does not work here (77, or 1 when ENCLAVE_TEST_REQUIRE wants
 * it). */
int served_setup(const char *backend);

/* A folder for one; `ini` is all of its INI file. `port`: listen on the loopback, else on a socket. */
struct served *served_new(const char *ini, int port);
/* Wait until it answers. */
void served_start(struct served *served);
void served_signal(struct served *served, int signal); /* and wait for its end */
void served_free(struct served *served);
void served_write(const struct served *served, const char *name, mode_t mode, const char *text);

/* A manager on it; `more`: further overrides, NULL-terminated, or NULL. */
struct enclave_manager *served_manager(const struct served *served, const char *const *more);
/* One whose backend is here. */
struct enclave_manager *served_local(const char *backend);

/* A sandbox with all tools; `config` is the rest of the object (", \"x\": 1") or "". */
void served_sandbox(struct enclave_manager *manager, const char *config,
                    char ret_id[ENCLAVE_ID_SIZE]);
/* A shell command that has to end with 0 and print exactly `output`. */
void served_shell(struct enclave_manager *manager, const char *id, const char *command,
                  const char *output);

#endif
