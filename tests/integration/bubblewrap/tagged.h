/*
 * tagged.h - bubblewrap's sandboxes with a tag on them: the launcher and bwrap run from copies in a folder
 * whose name is the tag, so that a test finds its own processes among all of the machine.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TEST_BUBBLEWRAP_TAGGED_H
#define TEST_BUBBLEWRAP_TAGGED_H

#include "support.h"

/* For main(): 0, or the exit code to end with at once, because there is no bwrap (77, or 1 when
 * ENCLAVE_TEST_REQUIRE wants bubblewrap). */
int tagged_setup(void);
void tagged_clear(void);

/* Part of the command line of each process of ours; start payloads with it, too. */
const char *tagged_name(void);

/* A manager of the backend with further options of it ("key=value"), or NULL. */
struct enclave_manager *tagged_manager(const char *const *options);

/* Processes whose command line has the tag and `word` ("" for any), but this one. */
int tagged_processes(const char *word);
/* One of them, or 0. */
int tagged_process(const char *word);
/* Send a signal to each of them. */
void tagged_signal(const char *word, int signal);
/* Stop the agent of the one sandbox that there is, as nobody inside could. */
void tagged_stop_agent(void);
/* Until there are none; the milliseconds it took, or -1 after `limit_ms`. */
int64_t tagged_wait_gone(int64_t limit_ms);

/* Start a payload that stays, and tell the folders of its cgroups, one on a line; "" when it has none of
 * its own. Freed with free(). */
char *tagged_start_payload(struct enclave_manager *manager, const char *id);
/* How many of such folders are there. */
int tagged_count_folders(const char *folders);

#endif
