/*
 * crowd.c - see crowd.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "crowd.h"

#include <pthread.h>
#include <stdlib.h>

struct place {
    struct member *member;
    pthread_barrier_t *begin;
    int32_t (*work)(struct member *member);
    pthread_t thread;
};

static void *take_part(void *ctx)
{
    struct place *place = ctx;

    (void)pthread_barrier_wait(place->begin);
    place->member->answer = place->work(place->member);
    return NULL;
}

void crowd(int count, const struct box *box, void *ctx, int32_t (*work)(struct member *member),
           struct member members[CROWD_MAX])
{
    struct place places[CROWD_MAX];
    pthread_barrier_t begin;

    (void)pthread_barrier_init(&begin, NULL, (unsigned)count);
    for (int i = 0; i < count; i++) {
        members[i] = (struct member){.box = box, .index = i, .ctx = ctx, .err = ENCLAVE_ERROR_INIT};
        places[i] = (struct place){.member = &members[i], .begin = &begin, .work = work};
        if (pthread_create(&places[i].thread, NULL, take_part, &places[i]) != 0) {
            (void)fprintf(stderr, "no thread for a crowd of %d\n", count);
            abort(); /* those that were started would wait for the others for ever */
        }
    }
    for (int i = 0; i < count; i++) {
        (void)pthread_join(places[i].thread, NULL);
    }
    (void)pthread_barrier_destroy(&begin);
}

void crowd_well(struct test *t, int count, const struct box *box, void *ctx,
                int32_t (*work)(struct member *member))
{
    struct member members[CROWD_MAX];

    crowd(count, box, ctx, work, members);
    for (int i = 0; i < count; i++) {
        if (members[i].answer != 0) {
            fail(t, "thread %d: %s: %s", i, enclave_error_name(members[i].answer),
                 members[i].err.message);
        }
    }
}
