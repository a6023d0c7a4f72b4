/*
 * reaper.h - the end of sandboxes for which nobody waits, in the background.
 *
 * Each backend has a few threads of its own, while there is something to end: one whose engine hangs
 * holds up neither those who bury nor the sandboxes of other backends.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CORE_REAPER_H
#define CORE_REAPER_H

#include "background.h"

struct enclave_manager;
struct sandbox;

struct reaper {
    /* Guards `buried`, `buried_last` and `reapers` of plugins, and `next` of those that are buried. */
    pthread_mutex_t lock;
    struct background threads;
};

int32_t reaper_init(struct reaper *reaper);
/* After reaper_finish(). */
void reaper_destroy(struct reaper *reaper);

/* End a sandbox that was taken out of the map, and the caller's reference with it. `reason`, a constant, is
 * for the log. Does not block on its backend. */
void reaper_bury(struct enclave_manager *manager, struct sandbox *sandbox, const char *reason);

/* Blocks until all that was buried is gone. */
void reaper_finish(struct enclave_manager *manager);

#endif
