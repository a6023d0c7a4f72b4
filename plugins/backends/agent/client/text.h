/*
 * text.h - text of the other side made fit for a message. Owns the rule; nothing is trusted.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_AGENT_TEXT_H
#define ENCLAVE_AGENT_TEXT_H

#include <stddef.h>

#define TEXT_LINES 1u /* '\n' stays */

/*
 * Copy `length` bytes of anything into `to` (`size` bytes, NUL-terminated) as valid UTF-8: what is
 * not becomes '?', control characters become spaces, and what does not fit is cut between
 * characters. Returns the length of the result.
 */
size_t agent_text_clean(char *to, size_t size, const void *from, size_t length, unsigned flags);

#endif
