/*
 * pool_support.h - what the tests of pools share: a manager for a whole program, pools made and used in one line.
 *
 * The backend `other` can reset a sandbox; one of `null` has a root that can be written.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CORE_TEST_POOL_SUPPORT_H
#define CORE_TEST_POOL_SUPPORT_H

#include "support.h"

#define POOL_SAY_A "{\"argv\": [\"out\", \"a\"]}"

/* Set up for the group. */
extern struct enclave_manager *manager;
int pool_set_up(void **state);
int pool_tear_down(void **state);

int32_t make_pool(const char *name, uint32_t size, const char *type, uint32_t reuse, char **ret_ids,
                  struct enclave_error *err);
/* The ids of the pool that is made. */
json_object *made(const char *name, uint32_t size, const char *type, uint32_t reuse);
const char *id_at(json_object *ids, size_t index);

int32_t run_in(const char *name, const char *params, int64_t wait_ms, struct enclave_error *err);
/* It must. */
void runs_in(const char *name);

/* A number of get_stats' about a pool; -999: there is none. */
int64_t stat_of(const char *pool, const char *key);
void wait_stat(const char *pool, const char *key, int64_t expected);
/* "WAY REASON" */
char *reuse_of(const char *pool);
/* Its info says so. */
void info_of(const char *id, const char *status, const char *pool);
int exists(const char *id);

/* A file is what an execution leaves behind. */
void leave_file(const char *id);
int has_file(const char *id);

#endif
