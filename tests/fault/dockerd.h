/*
 * dockerd.h - a throwaway Docker engine that a test may kill.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_TEST_DOCKERD_H
#define ENCLAVE_TEST_DOCKERD_H

#include <sys/types.h>

struct dockerd {
    char dir[64];     /* everything of it is below */
    char socket[96];  /* path */
    char address[32]; /* tcp://..., with TLS by the certificates in DIR/server */
    pid_t pid;        /* 0: does not run */
};

/* Give this process a network of its own, with nothing but a loopback interface. An engine without a
 * bridge deletes the other engine's bridge, so it must not share a network with one. Before there
 * are threads. 0, or -1: not allowed. */
int dockerd_own_network(void);

/* Choose a folder. 0, or -1. */
int dockerd_prepare(struct dockerd *dockerd);
/* Start it, again after an end, and wait until it answers. 0, or -1: its log has been printed. */
int dockerd_start(struct dockerd *dockerd);
/* SIGKILL, and nothing else: its containerd and its containers are left to themselves. */
void dockerd_kill(struct dockerd *dockerd);
/* End it in order and remove all of it. */
void dockerd_remove(struct dockerd *dockerd);

#endif
