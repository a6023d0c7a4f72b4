/*
 * watch.c - see watch.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "watch.h"

#include "footprint.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LOOKS = 600, LOOK_MS = 50, ALIKE = 4 };

static int number(json_object *object, const char *key)
{
    json_object *value = NULL;

    return json_object_object_get_ex(object, key, &value) ? json_object_get_int(value) : -1;
}

static int is_at_rest(struct enclave_manager *manager, const char *pool, int size)
{
    json_object *stats, *pools = NULL, *row = NULL;
    char *text = NULL;

    if (enclave_manager_get_stats(manager, &text, NULL) != 0) {
        return 0;
    }
    stats = json_tokener_parse(text);
    enclave_free(text);
    int rests = number(stats, "total_sandboxes") == size &&
                json_object_object_get_ex(stats, "pools", &pools) &&
                json_object_object_get_ex(pools, pool, &row) && number(row, "idle") == size &&
                number(row, "making") == 0;
    json_object_put(stats);
    return rests;
}

/* Threads that have done their work take a moment to end: until it stays the same for some looks. */
int watch_take(struct enclave_manager *manager, const char *pool, int size,
               struct sample *ret_sample)
{
    const struct timespec step = {0, LOOK_MS * 1000000L};
    struct footprint last = {0};

    for (int i = 0, alike = 0; i < LOOKS; i++) {
        int rests = is_at_rest(manager, pool, size);
        struct footprint now = footprint_now();

        alike = rests && now.fds == last.fds && now.threads == last.threads ? alike + 1 : 0;
        last = now;
        if (alike == ALIKE) {
            ret_sample->resident_kib = now.rss_kib;
            ret_sample->descriptors = now.fds;
            ret_sample->threads = now.threads;
            return 0;
        }
        (void)nanosleep(&step, NULL);
    }
    return -1;
}

static long average_kib(const struct sample *samples, size_t count)
{
    long sum = 0;

    for (size_t i = 0; i < count; i++) {
        sum += samples[i].resident_kib;
    }
    return count ? sum / (long)count : 0;
}

long watch_drift_kib(const struct sample *samples, size_t count)
{
    size_t third = (count + 2) / 3;

    return count < 2 ? 0
                     : average_kib(samples + count - third, third) - average_kib(samples, third);
}
