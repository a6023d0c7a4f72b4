/*
 * record.h - entries and tree records (../README.md) as they come out of a stream: a fixed part and
 * two strings.
 *
 * Owns: putting one together from pieces, the bounds, names that are names. Nothing is trusted.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_AGENT_RECORD_H
#define ENCLAVE_AGENT_RECORD_H

#include <stddef.h>
#include <stdint.h>

#define RECORD_ENTRY_SIZE 36 /* fixed part of an entry: 5 u32, 2 u64 */
#define RECORD_TREE_SIZE 24  /* fixed part of a tree record: 2 u32, 2 u64 */
#define RECORD_FIXED_MAX 36
#define RECORD_STRING_MAX 4095

struct record {
    size_t fixed;
    size_t have;
    uint8_t data[RECORD_FIXED_MAX + 2 * (4 + RECORD_STRING_MAX) + 1];
    /* Once complete. */
    const char *name;
    const char *target;
};

void record_init(struct record *record, size_t fixed);
/* Take from `*data`: 1 complete (the next call begins anew), 0 more is needed, -1 not a record. */
int record_feed(struct record *record, const uint8_t **data, size_t *length);
/* Nothing of a next record has come. */
int record_is_empty(const struct record *record);

/* A relative path of proper parts: none empty, `.` or `..`, none above 255 bytes. */
int record_path_ok(const char *path);

#endif
