/*
 * demux.h - the attach framing of the Engine API, taken apart as it comes (API: ContainerAttach,
 * "Stream format"), and the end of what came on the diagnosis stream.
 *
 * Owns: the framing's state and 4 KiB of diagnosis. Does not own: the agent's bytes, which stay in
 * the caller's buffer. A length is only counted down, so none is too large.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_AGENT_DEMUX_H
#define ENCLAVE_AGENT_DEMUX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define DEMUX_HEADER_SIZE 8
#define DEMUX_DIAGNOSIS_SIZE 4096

struct demux {
    uint8_t header[DEMUX_HEADER_SIZE];
    uint32_t header_length;
    uint32_t left; /* of the present frame */
    size_t diagnosis_total;
    char diagnosis[DEMUX_DIAGNOSIS_SIZE]; /* a ring: the last bytes */
};

/* Keep the agent's bytes of `buffer`, moved to its beginning; returns how many, or -1: not this
 * framing. */
ssize_t demux_feed(struct demux *demux, uint8_t *buffer, size_t length);

/* The diagnosis as one clean line, perhaps empty. Returns its length. */
size_t demux_diagnosis(const struct demux *demux, char *to, size_t size);

#endif
