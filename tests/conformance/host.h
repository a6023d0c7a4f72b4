/*
 * host.h - what a case has on the host beside the sandboxes: files and listeners that must not be reached from
 * inside, and processes as the host sees them. What is made here is gone when the case has ended.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CONFORMANCE_HOST_H
#define CONFORMANCE_HOST_H

#include "tap.h"

#include <sys/types.h>

/* A new folder with this mode, below `parent`. */
char *host_folder(struct test *t, const char *parent, mode_t mode);
void host_write(struct test *t, const char *path, const char *text);
/* Its text; "" when it cannot be read. */
char *host_read(struct test *t, const char *path);

/* A listening TCP socket on all addresses, and its port. */
int host_listen(struct test *t, int *ret_port);
/* A listening socket with this name in the abstract space of Unix sockets. */
void host_listen_abstract(struct test *t, const char *name);
/* A port that nobody uses now. */
int host_free_port(struct test *t);
/* What a server on a port of 127.0.0.1 says first; "" when there is none. */
char *host_ask(struct test *t, int port);

/* A process on this host with `mark` in its command line, and how many; 0 when none is to be seen. */
pid_t host_process(const char *mark, int *ret_count);
/* Wait until there is none: 1, or 0 when there still is one after `limit_ms`. */
int host_wait_gone(const char *mark, int64_t limit_ms);
/* The first process of the PID namespace that a process is in, or 0. */
pid_t host_first_of_namespace(pid_t pid);

#endif
