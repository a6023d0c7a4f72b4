/*
 * cut.h - ending exchanges from another thread: what is under way in a sandbox that is let go of.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HTTP_REMOTE_CUT_H
#define HTTP_REMOTE_CUT_H

#include <curl/curl.h>
#include <pthread.h>

/* An exchange that can be cut short. */
struct cut {
    struct cuts *among;
    struct cut *next;
    CURLM *multi; /* what waits for the answer; NULL: nothing does */
    int made;
};

/* Those of one sandbox. */
struct cuts {
    pthread_mutex_t lock; /* guards all below, and their members */
    struct cut *first;
    int for_ever;
};

void cuts_init(struct cuts *cuts);
void cuts_destroy(struct cuts *cuts); /* none is left */
/* End those that are there, and with `for_ever` those that come. Does not wait for their end. */
void cuts_make(struct cuts *cuts, int for_ever);

void cut_add(struct cuts *cuts, struct cut *cut);
void cut_remove(struct cut *cut);
/* From now on `multi` waits for the answer, or with NULL not any more. */
void cut_wait_on(struct cut *cut, CURLM *multi);
int cut_is_made(struct cut *cut);

#endif
