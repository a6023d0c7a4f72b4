/*
 * memory.h - bytes of bodies, and of files on their way out, that are in memory at once: [server] max_buffered.
 *
 * No caller holds more than it leaves to the others: alone half, the next one half of what is left. So one that does not
 * read its answers, or end its bodies, is refused itself, and the others go on.
 *
 * Owns: the count, of each caller. Does not own: the bytes. [any-thread]
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_SERVE_MEMORY_H
#define ENCLAVE_SERVE_MEMORY_H

#include <stddef.h>

struct memory;

/* NULL: out of memory. */
struct memory *memory_new(size_t max);
void memory_free(struct memory *memory);

/* Count `bytes` more. `caller` is told from others by its address, and outlives this; NULL: there is one only, who may have
 * all. NULL, or why it may not be: text for the caller. */
const char *memory_take(struct memory *memory, const char *caller, size_t bytes);
void memory_give(struct memory *memory, const char *caller, size_t bytes);

size_t memory_held(struct memory *memory);

#endif
