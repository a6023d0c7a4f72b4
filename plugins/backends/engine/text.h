/*
 * text.h - texts of the engine made fit to be shown: bounded, printable, UTF-8.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_ENGINE_TEXT_H
#define ENCLAVE_ENGINE_TEXT_H

#include <stddef.h>

/* Room for a sentence of the engine inside one of our messages. */
#define TEXT_SIZE 320

/*
 * Copy `length` bytes of `from` into `to` of `size` (at least 8) bytes. Control characters become
 * spaces, bytes that are not UTF-8 question marks, white space at the ends is dropped, and what
 * does not fit is cut at a character and marked with "...". Returns `to`.
 */
char *engine_text_clean(char *to, size_t size, const char *from, size_t length);

/* The sentence in the body of an error answer: its "message" when it is such a JSON object, else
 * the body itself; "no reason given" when it is empty. Returns `to`. */
char *text_from_body(char *to, size_t size, const char *body, size_t length);

#endif
