/*
 * report.h - what the command says on stderr: errors, warnings, notes, the status line.
 *
 * Owns: stderr's layout. Each message is one line, printable whatever it quotes; a status line
 * that is redrawn in place (progress) gives way to messages. Does not own: what programs in
 * sandboxes write (stream.h).
 *
 * Messages may come from any thread, since the library logs from its own.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_APP_REPORT_H
#define ENCLAVE_APP_REPORT_H

#include <stdbool.h>
#include <stdint.h>

/* How much is said; errors always are. */
enum report_level {
    REPORT_QUIET = -1,  /* -q */
    REPORT_NORMAL = 0,  /* and warnings, progress */
    REPORT_VERBOSE = 1, /* -v: and notes */
    REPORT_DEBUG = 2    /* -vv: and what the library tells developers */
};

void report_set_level(int level);
int report_level(void);

#define REPORT_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* "enclave: MESSAGE" */
void report_error(const char *format, ...) REPORT_PRINTF(1, 2);
/* "enclave: warning: MESSAGE", unless quiet */
void report_warning(const char *format, ...) REPORT_PRINTF(1, 2);
/* "enclave: MESSAGE", when verbose */
void report_note(const char *format, ...) REPORT_PRINTF(1, 2);

/* Draw the status line anew, cut to the terminal's width; report_status_clear() takes it away. */
bool report_has_status(void); /* stderr is a terminal, and we are not quiet */
void report_status(const char *format, ...) REPORT_PRINTF(1, 2);
void report_status_clear(void);

/* The `log` of struct enclave_manager_options. */
void report_log(void *ctx, uint32_t level, const char *message);

#endif
