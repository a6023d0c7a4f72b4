/*
 * owners.c - see owners.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "owners.h"

#include "../session.h"
#include "strmap.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define POOLS_MAX 4096

/* Whose a pool is. It lasts as long as the pool, or the calls that try to make it. */
struct claim {
    const char *key; /* "": nobody's, which the configuration declares */
    unsigned making; /* calls of its key that are under way */
    bool made;
};

struct owners {
    struct server *server;
    struct strmap *sandboxes; /* id to the name of a key, "" for nobody's; of `names` */
    struct strmap *names;     /* of keys, each once */
    pthread_mutex_t lock;     /* guards the pools, and their claims */
    struct strmap *pools;     /* name to its claim */
};

struct owners *owners_new(struct server *server)
{
    struct owners *owners = calloc(1, sizeof *owners);

    if (owners) {
        owners->server = server;
        (void)pthread_mutex_init(&owners->lock, NULL);
        owners->sandboxes = strmap_new((size_t)server->settings.max_sandboxes * 2 + 1024);
        owners->pools = strmap_new(POOLS_MAX);
        owners->names = strmap_new(4096);
    }
    if (owners && (!owners->sandboxes || !owners->pools || !owners->names)) {
        owners_free(owners);
        return NULL;
    }
    return owners;
}

static void free_value(void *ctx, void *value)
{
    (void)ctx;
    free(value);
}

void owners_free(struct owners *owners)
{
    if (owners) {
        if (owners->names) {
            strmap_each(owners->names, free_value, NULL);
        }
        if (owners->pools) {
            strmap_each(owners->pools, free_value, NULL);
        }
        strmap_free(owners->sandboxes);
        strmap_free(owners->pools);
        strmap_free(owners->names);
        (void)pthread_mutex_destroy(&owners->lock);
        free(owners);
    }
}

/* One text for each name, so that the maps can hold it; NULL: no memory. */
static const char *intern(struct owners *owners, const char *name)
{
    void *known = NULL;
    char *copy;

    if (strmap_get(owners->names, name, &known)) {
        return known;
    }
    copy = strdup(name);
    if (copy && !strmap_add(owners->names, name, copy)) {
        free(copy); /* somebody was faster, or there are too many */
        return strmap_get(owners->names, name, &known) ? known : NULL;
    }
    return copy;
}

void owners_set(struct owners *owners, const char *sandbox, const char *key)
{
    const char *name = owners->server->keys ? intern(owners, key ? key : "") : NULL;

    if (name && !strmap_set(owners->sandboxes, sandbox, (void *)(uintptr_t)name)) {
        strmap_clear(owners->sandboxes); /* a cache: what is forgotten is asked for again */
        (void)strmap_set(owners->sandboxes, sandbox, (void *)(uintptr_t)name);
    }
}

void owners_forget(struct owners *owners, const char *sandbox)
{
    strmap_remove(owners->sandboxes, sandbox);
}

/* NULL: nobody claims it. */
static const char *pool_owner(struct owners *owners, const char *pool)
{
    void *claim = NULL;
    const char *key;

    pthread_mutex_lock(&owners->lock);
    key = strmap_get(owners->pools, pool, &claim) ? ((struct claim *)claim)->key : NULL;
    pthread_mutex_unlock(&owners->lock);
    return key;
}

static const char *owner_of(struct owners *owners, struct json_object *info)
{
    struct json_object *metadata = NULL;
    const char *pool, *owner;

    (void)json_object_object_get_ex(info, "metadata", &metadata);
    pool = json_text(metadata, "pool", NULL);
    owner = pool ? pool_owner(owners, pool) : json_text(metadata, "owner", "");
    return owner ? owner : "";
}

bool owners_own(struct owners *owners, struct json_object *info, const char *key)
{
    return !owners->server->keys || (key && strcmp(owner_of(owners, info), key) == 0);
}

bool owners_recall(struct owners *owners, const char *sandbox, const char *key, bool *ret_own)
{
    void *owner = NULL;

    *ret_own = true;
    if (!owners->server->keys) {
        return true;
    }
    if (!strmap_get(owners->sandboxes, sandbox, &owner)) {
        return false;
    }
    *ret_own = key && strcmp(owner, key) == 0;
    return true;
}

static int32_t ask(struct owners *owners, const char *sandbox, const char *key, bool *ret_own,
                   struct enclave_error *err)
{
    AUTO_TEXT char *text = NULL;
    AUTO_JSON struct json_object *info = NULL;
    const char *owner;
    int32_t r = enclave_manager_get_sandbox_info(owners->server->manager, sandbox, &text, err);

    if (r != 0) {
        return r;
    }
    info = json_tokener_parse(text);
    owner = intern(owners, owner_of(owners, info));
    if (owner) {
        (void)strmap_add(owners->sandboxes, sandbox, (void *)(uintptr_t)owner);
    }
    /* Since it was asked for, the id may have become another's, who is known then. */
    if (!owners_recall(owners, sandbox, key, ret_own)) {
        *ret_own = owners_own(owners, info, key);
    }
    return 0;
}

int32_t owners_check(struct owners *owners, const char *sandbox, const char *key,
                     struct enclave_error *err)
{
    bool own = false;
    int32_t r = 0;

    if (!owners_recall(owners, sandbox, key, &own)) {
        struct enclave_error why = ENCLAVE_ERROR_INIT;
        r = ask(owners, sandbox, key, &own, &why);
        if (r != 0 && r != ENCLAVE_ENOTFOUND) {
            return enclave_error_set(err, r, "%s", why.message);
        }
    }
    return own && r == 0 ? 0
                         : enclave_error_set(err, ENCLAVE_ENOTFOUND, "no sandbox '%s'", sandbox);
}

static void fill_sandboxes(struct owners *owners)
{
    AUTO_TEXT char *text = NULL;
    AUTO_JSON struct json_object *list = NULL;

    if (enclave_manager_list_sandboxes(owners->server->manager, 0, &text, NULL) != 0) {
        return; /* they are asked for one by one */
    }
    list = json_tokener_parse(text);
    for (size_t i = 0; list && i < json_object_array_length(list); i++) {
        struct json_object *info = json_object_array_get_idx(list, i);
        owners_set(owners, json_text(info, "id", ""), owner_of(owners, info));
    }
}

/* --------------------------------------------------------------------------------------- pools */

/* NULL: no memory, or too many. The lock is held. */
static struct claim *add_claim(struct owners *owners, const char *pool, const char *key)
{
    const char *name = intern(owners, key);
    struct claim *claim = name ? calloc(1, sizeof *claim) : NULL;

    if (claim) {
        claim->key = name;
    }
    if (claim && !strmap_add(owners->pools, pool, claim)) {
        free(claim);
        return NULL;
    }
    return claim;
}

/* A section that sets no size declares no pool, and is only where one that is made takes the rest from. */
static int32_t fill_pools(struct owners *owners, struct enclave_error *err)
{
    AUTO_TEXT char *text = NULL;
    AUTO_JSON struct json_object *rows = NULL;
    int32_t r = enclave_manager_get_config(owners->server->manager, &text, err);

    rows = r == 0 ? json_tokener_parse(text) : NULL;
    pthread_mutex_lock(&owners->lock);
    for (size_t i = 0; rows && r == 0 && i < json_object_array_length(rows); i++) {
        struct json_object *row = json_object_array_get_idx(rows, i), *size = NULL;
        const char *section = json_text(row, "section", "");
        struct claim *claim;
        if (strncmp(section, "pool ", 5) != 0 || strcmp(json_text(row, "key", ""), "size") != 0 ||
            !json_object_object_get_ex(row, "value", &size) || json_object_get_int64(size) <= 0) {
            continue;
        }
        claim = add_claim(owners, section + 5, "");
        if (claim) {
            claim->made = true;
        } else {
            r = enclave_error_set(err, ENCLAVE_ENOMEM, "[%s]: out of memory, or too many pools",
                                  section);
        }
    }
    pthread_mutex_unlock(&owners->lock);
    return r;
}

int32_t owners_fill(struct owners *owners, struct enclave_error *err)
{
    int32_t r = owners->server->keys ? fill_pools(owners, err) : 0;

    if (r == 0 && owners->server->keys) {
        fill_sandboxes(owners);
    }
    return r;
}

bool owners_take_pool(struct owners *owners, const char *pool, const char *key)
{
    void *known = NULL;
    struct claim *claim;

    if (!owners->server->keys) {
        return true;
    }
    pthread_mutex_lock(&owners->lock);
    claim = strmap_get(owners->pools, pool, &known) ? known
            : key                                   ? add_claim(owners, pool, key)
                                                    : NULL;
    if (claim && key && strcmp(claim->key, key) == 0) {
        claim->making++;
    } else {
        claim = NULL;
    }
    pthread_mutex_unlock(&owners->lock);
    return claim != NULL;
}

void owners_settle_pool(struct owners *owners, const char *pool, bool made)
{
    void *known = NULL;

    pthread_mutex_lock(&owners->lock);
    if (strmap_get(owners->pools, pool, &known)) {
        struct claim *claim = known;
        claim->making--;
        claim->made = claim->made || made;
        if (!claim->made && claim->making == 0) {
            strmap_remove(owners->pools, pool);
            free(claim);
        }
    }
    pthread_mutex_unlock(&owners->lock);
}

bool owners_may_use_pool(struct owners *owners, const char *pool, const char *key)
{
    const char *owner = owners->server->keys ? pool_owner(owners, pool) : NULL;

    return !owner || !*owner || (key && strcmp(owner, key) == 0);
}

bool owners_is_declared_pool(struct owners *owners, const char *pool)
{
    const char *owner = owners->server->keys ? pool_owner(owners, pool) : NULL;

    return owner && !*owner;
}
