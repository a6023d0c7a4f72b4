/*
 * thread.c - see thread.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "thread.h"

#include <signal.h>

int thread_start(pthread_t *ret_thread, size_t stack, void *(*run)(void *), void *arg)
{
    sigset_t all, before;
    pthread_attr_t attributes;
    int r = pthread_attr_init(&attributes);

    if (r != 0) {
        return r;
    }
    r = stack ? pthread_attr_setstacksize(&attributes, stack) : 0;
    if (r == 0) {
        (void)sigfillset(&all);
        (void)pthread_sigmask(SIG_SETMASK, &all, &before);
        r = pthread_create(ret_thread, &attributes, run, arg);
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    (void)pthread_attr_destroy(&attributes);
    return r;
}
