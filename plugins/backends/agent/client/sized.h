/*
 * sized.h - taking structs of the ABI whose members may be fewer or more than the ones known here.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_AGENT_SIZED_H
#define ENCLAVE_AGENT_SIZED_H

#include <string.h>

/* Copy what both sides know of `*from` into the zeroed `to`. */
#define SIZED_COPY(to, from)                                                                       \
    memcpy(&(to), (from), (from)->size < sizeof(to) ? (from)->size : sizeof(to))

#endif
