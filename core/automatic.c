/*
 * automatic.c - see automatic.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "automatic.h"

#include <stdlib.h>

#define CANDIDATES_MAX 32

static int by_rank(const void *a, const void *b)
{
    const struct plugin *x = *(struct plugin *const *)a, *y = *(struct plugin *const *)b;
    int32_t rx = x->loaded.ops.backend.auto_rank, ry = y->loaded.ops.backend.auto_rank;
    return rx < ry ? -1 : rx > ry;
}

static size_t list_candidates(struct enclave_manager *manager,
                              struct plugin *ret_list[CANDIDATES_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < manager->registry.count && n < CANDIDATES_MAX; i++) {
        struct plugin *p = manager->registry.plugins[i];
        if (p->kind == ENCLAVE_PLUGIN_BACKEND && p->state == PLUGIN_LOADED &&
            p->loaded.ops.backend.auto_rank > 0) {
            ret_list[n++] = p;
        }
    }
    qsort(ret_list, n, sizeof *ret_list, by_rank);
    return n;
}

/* 1 when it was asked, and works. */
static int first_that_works(struct enclave_manager *manager, struct plugin *const *list,
                            size_t count, struct plugin **ret_backend)
{
    struct enclave_error why = ENCLAVE_ERROR_INIT;

    for (size_t i = 0; i + 1 < count; i++) {
        if (list[i]->loaded.ops.backend.probe(list[i]->backend, NULL, &why) == 0) {
            *ret_backend = list[i];
            return 1;
        }
        manager_log(manager, ENCLAVE_LOG_INFO, "backend auto: not %s: %s", list[i]->name,
                    why.message);
    }
    *ret_backend = list[count - 1];
    return 0;
}

/* The first decision stays. */
static struct plugin *decide(struct enclave_manager *manager, struct plugin *backend)
{
    pthread_mutex_lock(&manager->lock);
    if (!manager->automatic) {
        manager->automatic = backend;
        manager_log(manager, ENCLAVE_LOG_DEBUG, "backend auto: %s", backend->name);
    }
    backend = manager->automatic;
    pthread_mutex_unlock(&manager->lock);
    return backend;
}

static struct plugin *decided(struct enclave_manager *manager)
{
    pthread_mutex_lock(&manager->lock);
    struct plugin *backend = manager->automatic;
    pthread_mutex_unlock(&manager->lock);
    return backend;
}

int32_t automatic_backend(struct enclave_manager *manager, struct plugin **ret_backend,
                          struct enclave_error *err)
{
    struct plugin *list[CANDIDATES_MAX];
    struct plugin *chosen = decided(manager);

    if (!chosen) {
        size_t count = list_candidates(manager, list);

        if (count == 0) {
            return enclave_error_set(err, ENCLAVE_ENOTFOUND,
                                     "no backend is loaded; 'enclave plugins' tells why");
        }
        if (first_that_works(manager, list, count, &chosen)) {
            chosen = decide(manager, chosen);
        }
    }
    *ret_backend = chosen;
    return 0;
}

int32_t automatic_tried(struct enclave_manager *manager, struct plugin *backend, int32_t r,
                        struct enclave_error *err)
{
    if (r == 0) {
        (void)decide(manager, backend);
    } else if (r == ENCLAVE_EUNREACHABLE && !decided(manager)) {
        return enclave_error_prefix(
            err, r, "no backend works here; 'enclave doctor' tells why, and what to do; %s: ",
            backend->name);
    }
    return r;
}
