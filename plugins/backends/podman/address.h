/*
 * address.h - where Podman is looked for, as its own client does: $CONTAINER_HOST, else the socket of
 * root's or of the user's own service.
 *
 * Owns: the choice. Does not connect, nor judge what $CONTAINER_HOST says.
 *
 * Source: podman-system-service(1), podman-remote(1).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_PODMAN_ADDRESS_H
#define ENCLAVE_PODMAN_ADDRESS_H

#include <sys/types.h>

/* For a user: the address of the first place that has a socket, else of the first place. free(); NULL
 * without memory. */
char *podman_address(uid_t uid);

#endif
