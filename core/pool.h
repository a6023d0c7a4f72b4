/*
 * pool.h - sandboxes that wait ready-made: making them, lending them in turn, taking them back, replacing
 * those that are gone.
 *
 * A member is idle (waits here), busy (lent), or being made by one of a few threads that run while one is
 * missing. It is a sandbox of the manager's like any other: whoever deletes it tells the pool.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CORE_POOL_H
#define CORE_POOL_H

#include "background.h"
#include "sandbox.h"
#include "turn.h"

#include <stdatomic.h>

enum { POOL_SIZE_MAX = 1024, POOLS_MAX = 64 };

struct enclave_manager;

/* What a pool is to be, as the INI file or a caller says. */
struct pool_spec {
    int64_t size;   /* 0: not given */
    uint32_t reuse; /* ENCLAVE_POOL_...; 0: not given */
    char *type;     /* NULL: the manager's */
    char *config;   /* JSON; NULL: defaults */
};

void pool_spec_clear(struct pool_spec *spec);

struct pool {
    struct enclave_manager *manager;
    char name[ENCLAVE_ID_SIZE];
    struct pool_spec spec;
    struct enclave_cancel *cancel; /* of creates under way; triggered when the pool ends */
    struct turns turns;            /* one is free for each idle member */
    atomic_uint references;
    struct pool *next; /* guarded by the lock of the manager's pools */

    pthread_mutex_t lock;   /* guards all below; before a sandbox's lock and the turns' */
    pthread_cond_t changed; /* a member was made, or not; the pool has ended */
    struct sandbox
        *first; /* idle members, the one that waits longest first; with a reference each */
    struct sandbox **last;
    size_t idle;
    size_t busy;
    size_t making;
    size_t makers; /* threads */
    int made;      /* all were there at some time */
    int ended;
    uint32_t way;      /* how members are given back, ENCLAVE_POOL_...; 0: no member was made yet */
    char why[160];     /* the way is not the one that was asked for because */
    unsigned failures; /* creates that failed, since one did not */
    int64_t retry_us;  /* not before, on the monotonic clock */
    struct enclave_error failed; /* the last failure of those */
};

/* With one reference. Takes over the spec. NULL without memory. */
struct pool *pool_new(struct enclave_manager *manager, const char *name, struct pool_spec *spec);
/* Begin to make its members, in the background. */
void pool_start(struct pool *pool);
struct pool *pool_ref(struct pool *pool);
/* Accepts NULL. */
void pool_unref(struct pool *pool);

/* End it: nothing is lent any more. Its idle members go; those lent do when they come back. Idempotent. */
void pool_end(struct pool *pool);

/* Blocks until all members are there. The failure of one is its own, and leaves the pool to the caller.
 * CANCELLED. */
int32_t pool_wait_made(struct pool *pool, struct enclave_cancel *cancel, struct enclave_error *err);

/* Blocks until a member that runs can be lent, those that wait longest first; it is entered. TIMEOUT after
 * `wait_ms`, CANCELLED, STATE (the pool has ended). */
int32_t pool_borrow(struct pool *pool, int64_t wait_ms, struct enclave_cancel *cancel,
                    struct sandbox **ret_sandbox, struct enclave_error *err);
/* Leave it, make it as it was, and hand it to the next; or have it replaced. */
void pool_give_back(struct pool *pool, struct sandbox *sandbox);

/* A sandbox has been taken out of the manager's map. */
void pool_forget(struct sandbox *sandbox);

/* --------------------------------------------------------------------------------------- pools.c */

/* The pools of a manager. */
struct pools {
    pthread_mutex_t lock; /* guards the list; the first in the order of locks */
    struct pool *first;
    int closed; /* the manager is ending: no more of them */
    struct background makers;
};

int32_t pools_init(struct pools *pools);
/* After pools_end(). */
void pools_destroy(struct pools *pools);
/* End all pools: whoever waits is told so, and creates under way are cancelled. Blocks for those. `closed`: for
 * good. */
void pools_end(struct enclave_manager *manager, int closed);

/*
 * The pool of a name, with a reference. When there is none one is made after `spec`, which is taken over, and
 * its members in the background. `*ret_new` tells which. STATE (closed), BUSY (too many pools), NOMEM.
 */
int32_t pool_open(struct enclave_manager *manager, const char *name, struct pool_spec *spec,
                  struct pool **ret_pool, int *ret_new, struct enclave_error *err);
/* NULL: there is none. With a reference. */
struct pool *pool_find(struct enclave_manager *manager, const char *name);
/* 1: it was there, and the list's reference is the caller's. */
int pools_remove(struct pool *pool);

/* ---------------------------------------------------------------------------------- pool_calls.c */

/* What get_stats tells of all pools. */
int32_t pools_describe(struct enclave_manager *manager, json_object *stats);

/* ---------------------------------------------------------------------------------- pool_reuse.c */

/* ENCLAVE_POOL_... by its name; 0: there is none. */
uint32_t pool_reuse_by_name(const char *name);
const char *pool_reuse_name(uint32_t reuse);

/* How a member can be given back, where `wanted` is asked for; if otherwise, `why` says for what reason. */
uint32_t pool_choose_way(const struct sandbox *sandbox, uint32_t wanted, char *why, size_t size);

#endif
