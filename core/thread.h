/*
 * thread.h - threads of the library's own.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CORE_THREAD_H
#define CORE_THREAD_H

#include <pthread.h>
#include <stddef.h>

/* A joinable thread that takes no signal: those are the embedding program's. `stack` is its size in bytes,
 * 0: the default. 0 or an errno. */
int thread_start(pthread_t *ret_thread, size_t stack, void *(*run)(void *), void *arg);

#endif
