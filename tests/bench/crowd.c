/*
 * crowd.c - see crowd.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "crowd.h"

#include "bench.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct crowd {
    const struct crowd_plan *plan;
    pthread_mutex_t gate; /* held until all callers are there */
    pthread_mutex_t lock; /* guards what follows, and plan->took */
    double start;
    uint64_t next; /* number of the next call */
    uint64_t done;
    int32_t code; /* the first failure */
    struct enclave_error err;
};

/* Takes the number of the next call; false when there is none. */
static int next_call(struct crowd *crowd, uint64_t *ret_number)
{
    const struct crowd_plan *plan = crowd->plan;

    pthread_mutex_lock(&crowd->lock);
    int goes_on =
        crowd->code == 0 && !bench_interrupted() &&
        (plan->total ? crowd->next < plan->total : now_ms() - crowd->start < plan->for_ms);
    *ret_number = crowd->next;
    crowd->next += (uint64_t)goes_on;
    pthread_mutex_unlock(&crowd->lock);
    return goes_on;
}

static void call_done(struct crowd *crowd, double took, int32_t code,
                      const struct enclave_error *err)
{
    pthread_mutex_lock(&crowd->lock);
    if (code == 0) {
        crowd->done++;
        if (crowd->plan->took) {
            series_add(crowd->plan->took, took);
        }
    } else if (crowd->code == 0) {
        crowd->code = code;
        crowd->err = *err;
    }
    pthread_mutex_unlock(&crowd->lock);
}

static void *caller_main(void *ctx)
{
    struct crowd *crowd = ctx;
    uint64_t number;

    pthread_mutex_lock(&crowd->gate);
    pthread_mutex_unlock(&crowd->gate);
    while (next_call(crowd, &number)) {
        struct enclave_error err = ENCLAVE_ERROR_INIT;
        double start = now_ms();
        int32_t code = crowd->plan->call(crowd->plan->ctx, number, &err);

        call_done(crowd, now_ms() - start, code, &err);
    }
    return NULL;
}

int32_t crowd_run(const struct crowd_plan *plan, double *ret_per_second, struct enclave_error *err)
{
    struct crowd crowd = {.plan = plan,
                          .gate = PTHREAD_MUTEX_INITIALIZER,
                          .lock = PTHREAD_MUTEX_INITIALIZER,
                          .err = ENCLAVE_ERROR_INIT};
    pthread_t *threads = calloc((size_t)plan->callers, sizeof *threads);
    int started = 0;

    if (!threads) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
    }
    pthread_mutex_lock(&crowd.gate);
    for (int r = 0; started < plan->callers && crowd.code == 0; started += r == 0) {
        r = pthread_create(&threads[started], NULL, caller_main, &crowd);
        if (r != 0) {
            crowd.code = enclave_error_set(&crowd.err, ENCLAVE_EIO, "start caller %d: %s", started,
                                           strerror(r));
        }
    }
    crowd.start = now_ms();
    pthread_mutex_unlock(&crowd.gate);
    for (int i = 0; i < started; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    double took = now_ms() - crowd.start;
    free(threads);
    if (crowd.code != 0) {
        return enclave_error_set(err, crowd.code, "%s", crowd.err.message);
    }
    *ret_per_second = (double)crowd.done * 1000 / took;
    return 0;
}
