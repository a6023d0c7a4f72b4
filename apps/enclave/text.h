/*
 * text.h - text that comes from outside, made fit to be shown or passed on.
 *
 * Owns: what is printable, what is UTF-8, which known word a mistyped one was meant to be. Does not
 * own: where text goes (report.h, table.h).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_APP_TEXT_H
#define ENCLAVE_APP_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* A pointer that owns memory of malloc(). */
#define AUTO_FREE __attribute__((cleanup(text_free)))
void text_free(void *pointer);

/* Write `text` so that it can neither end the line nor steer a terminal: control characters,
 * direction overrides and bytes that are not UTF-8 show as \xNN. Returns the columns used. */
size_t text_print(FILE *file, const char *text);

/* Write JSON text, and the end of its line, so that it cannot steer a terminal either: what text_print() would show as \xNN
 * is escaped as \uNNNN, which is the same value, and a byte that is not UTF-8 is U+FFFD. */
void text_print_json(FILE *file, const char *json);

/* Columns that text_print() would use, one for each character. */
size_t text_width(const char *text);

/* Length of the longest prefix that is UTF-8: `length` when all of it is. */
size_t text_utf8_prefix(const char *text, size_t length);

/* The word of the NULL-terminated `words` that is closest to `word`, NULL when none is close. */
const char *text_closest(const char *word, const char *const *words);

/* A number, or false: not finite, below `lowest`, above `highest`, or something behind it. */
bool text_number(const char *text, double lowest, double highest, double *ret_number);

#endif
