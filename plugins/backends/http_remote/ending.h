/*
 * ending.h - the end of the manager: how long the server is still waited for.
 *
 * Owns: the word that the manager ends, which wakes what waits for the server; how much time is left for all of that; and when
 * the server was last heard. Who waits (exchange.c, call.c) looks here.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HTTP_REMOTE_ENDING_H
#define HTTP_REMOTE_ENDING_H

#include <stdint.h>

/* A server from which nothing came for so long has been given up. */
#define ENDING_SILENCE_MS 10000

struct ending {
    int fd;             /* stays readable once the manager ends; only wait on it */
    int64_t timeout_ms; /* for all that is still asked */
    int64_t silence_ms;
    int64_t until; /* clock.h; 0: the manager does not end; atomic, as is what follows */
    int64_t heard_ms;
};

/* `silence_ms`, at most ENDING_SILENCE_MS, is of a server that is given up. 0 or a negative errno. */
int ending_init(struct ending *ending, int64_t timeout_ms, int64_t silence_ms);
void ending_destroy(struct ending *ending);

/* The manager ends. [any-thread], once. */
void ending_begin(struct ending *ending);
int ending_has_begun(const struct ending *ending);
/* Something came from the server, at that time. */
void ending_hear(struct ending *ending, int64_t now_ms);

/* Each CLOCK_NEVER as long as the manager does not end. When all has to be done; */
int64_t ending_until(const struct ending *ending);
/* when the server, unless it is heard before, is given up: for what is under way and for what comes after; */
int64_t ending_silent_until(const struct ending *ending);
/* and the sooner one of these. */
int64_t ending_limit(const struct ending *ending);

#endif
