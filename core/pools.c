/*
 * pools.c - the pools of a manager, by name.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "manager.h"
#include "pool.h"

#include <string.h>

int32_t pools_init(struct pools *pools)
{
    *pools = (struct pools){0};
    if (background_init(&pools->makers) < 0) {
        return ENCLAVE_ENOMEM;
    }
    (void)pthread_mutex_init(&pools->lock, NULL);
    return 0;
}

void pools_destroy(struct pools *pools)
{
    background_destroy(&pools->makers);
    (void)pthread_mutex_destroy(&pools->lock);
}

/* The lock of the pools is held. */
static struct pool *find(struct pools *pools, const char *name, size_t *ret_count)
{
    *ret_count = 0;
    for (struct pool *pool = pools->first; pool; pool = pool->next) {
        ++*ret_count;
        if (strcmp(pool->name, name) == 0) {
            return pool_ref(pool);
        }
    }
    return NULL;
}

struct pool *pool_find(struct enclave_manager *manager, const char *name)
{
    size_t count;
    pthread_mutex_lock(&manager->pools.lock);
    struct pool *pool = find(&manager->pools, name, &count);
    pthread_mutex_unlock(&manager->pools.lock);
    return pool;
}

/* The lock of the pools is held. */
static int32_t add(struct enclave_manager *manager, const char *name, struct pool_spec *spec,
                   size_t count, struct pool **ret_pool, struct enclave_error *err)
{
    struct pools *pools = &manager->pools;
    if (pools->closed) {
        return enclave_error_set(err, ENCLAVE_ESTATE, "pool '%s': the manager is ending", name);
    }
    if (count >= POOLS_MAX) {
        return enclave_error_set(err, ENCLAVE_EBUSY, "pool '%s': there are %d pools already", name,
                                 POOLS_MAX);
    }
    struct pool *pool = pool_new(manager, name, spec);
    if (!pool) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "pool '%s': out of memory", name);
    }
    pool->next = pools->first;
    pools->first = pool_ref(pool);
    pool_start(pool);
    *ret_pool = pool;
    return 0;
}

int32_t pool_open(struct enclave_manager *manager, const char *name, struct pool_spec *spec,
                  struct pool **ret_pool, int *ret_new, struct enclave_error *err)
{
    size_t count;
    int32_t r = 0;

    pthread_mutex_lock(&manager->pools.lock);
    *ret_pool = find(&manager->pools, name, &count);
    *ret_new = !*ret_pool;
    if (*ret_new) {
        r = add(manager, name, spec, count, ret_pool, err);
    }
    pthread_mutex_unlock(&manager->pools.lock);
    return r;
}

int pools_remove(struct pool *pool)
{
    struct pools *pools = &pool->manager->pools;
    pthread_mutex_lock(&pools->lock);
    struct pool **at = &pools->first;
    while (*at && *at != pool) {
        at = &(*at)->next;
    }
    int listed = *at == pool;
    if (listed) {
        *at = pool->next;
    }
    pthread_mutex_unlock(&pools->lock);
    return listed;
}

void pools_end(struct enclave_manager *manager, int closed)
{
    struct pools *pools = &manager->pools;
    struct pool *pool;

    do {
        pthread_mutex_lock(&pools->lock);
        pools->closed |= closed;
        pool = pools->first ? pool_ref(pools->first) : NULL;
        pthread_mutex_unlock(&pools->lock);
        if (pool) {
            pool_end(pool);
            pool_unref(pool);
        }
    } while (pool);
    background_wait(&pools->makers, INT64_MAX);
}
