/*
 * signals.h - Ctrl-C and its relatives while there is a sandbox to delete.
 *
 * Owns: SIGINT, SIGTERM and SIGHUP of the process. The first cancels what is under way, so that
 * the sandbox is deleted; one more changes nothing, since that is being done; the last of
 * `patience` exits at once. SIGPIPE is ignored, and seen as EPIPE. Does not own: the deleting.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_APP_SIGNALS_H
#define ENCLAVE_APP_SIGNALS_H

#include <enclave/enclave.h>

struct signals;

/* Signals for which the user waits: with a sandbox of ours to delete, and without. */
enum { SIGNALS_WITH_SANDBOX = 3, SIGNALS_ALONE = 2 };

/* Block the signals and start the thread that waits for them. Call it before any other thread is
 * started: threads inherit what is blocked. NULL after reporting an error. */
struct signals *signals_start(unsigned patience);

/* Triggered by the first signal; pass it to what blocks. */
struct enclave_cancel *signals_cancel(struct signals *signals);

/* Readable once a signal came. */
int signals_fd(struct signals *signals);

/* The first signal that came, 0 when none did. */
int signals_caught(struct signals *signals);

/* End the thread. The signals stay blocked: what is left is to exit. Accepts NULL. */
void signals_stop(struct signals *signals);

#endif
