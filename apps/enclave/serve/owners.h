/*
 * owners.h - whose a sandbox is, and a pool: a key sees its own only.
 *
 * Owns: a cache of what the manager knows (metadata.owner), and who made which pool. Without keys all are everybody's.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_SERVE_OWNERS_H
#define ENCLAVE_SERVE_OWNERS_H

#include "server.h"

struct owners;

/* NULL: out of memory. */
struct owners *owners_new(struct server *server);
void owners_free(struct owners *owners);

/* What the manager has already, at the start: sandboxes, and the pools that the configuration declares. */
int32_t owners_fill(struct owners *owners, struct enclave_error *err);

/* Known without asking: true, and whether it is the key's. */
bool owners_recall(struct owners *owners, const char *sandbox, const char *key, bool *ret_own);

/* Whether a sandbox is the key's (which may be NULL), by asking the manager if need be. NOTFOUND, the same for those of
 * others as for those that there are not. */
int32_t owners_check(struct owners *owners, const char *sandbox, const char *key,
                     struct enclave_error *err);

void owners_set(struct owners *owners, const char *sandbox, const char *key);
void owners_forget(struct owners *owners, const char *sandbox);

/* Whether an info of the manager's is of a sandbox of the key's. */
struct json_object;
bool owners_own(struct owners *owners, struct json_object *info, const char *key);

/* A pool is the key's that makes it, from the first call that tries to until the last of them has failed. What the
 * configuration declares is nobody's: every key may use it, and none may take it. False: it is not the key's to make. After
 * true, and whatever came of it, owners_settle_pool() says whether there is one now. */
bool owners_take_pool(struct owners *owners, const char *pool, const char *key);
void owners_settle_pool(struct owners *owners, const char *pool, bool made);
bool owners_may_use_pool(struct owners *owners, const char *pool, const char *key);
/* Where there are keys. */
bool owners_is_declared_pool(struct owners *owners, const char *pool);

#endif
