/*
 * reconcile.c - see reconcile.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "reconcile.h"

#include "json_build.h"
#include "labels.h"
#include "monotonic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* So long an engine may go on with a request to create that nobody waits for any more. */
#define APPEAR_MS 60000

/* {"label":["io.enclave.version"],"status":["created","exited","dead"]}, escaped */
#define LIST_PATH                                                                                  \
    "/containers/json?all=1&filters=%7B%22label%22%3A%5B%22" LABEL_VERSION "%22%5D%2C"             \
    "%22status%22%3A%5B%22created%22%2C%22exited%22%2C%22dead%22%5D%7D"

static int is_stale(json_object *container)
{
    json_object *labels = json_member(container, "Labels");

    int64_t created = json_object_get_int64(json_member(container, "Created"));

    return labels_owner(labels, created) == LABELS_OWNER_DEAD &&
           strcmp(json_text(labels, LABEL_KEEP, ""), "true") != 0;
}

static int is_id(const char *text)
{
    return *text && strspn(text, "0123456789abcdef") == strlen(text) &&
           strlen(text) < CONTAINER_ID_SIZE;
}

/* Ends at the first failure, or when the worker is to end: nobody waits for this. */
static int remove_stale(const struct reconcile *reconcile)
{
    const struct container_api *api = &reconcile->api;
    int32_t rc = 0;
    json_object *list JSON_CLEANUP = NULL;

    if (engine_request(api->engine, "GET", LIST_PATH, NULL, api->timeout_ms, -1, NULL, &list,
                       NULL) != 0 ||
        !json_object_is_type(list, json_type_array)) {
        return -1;
    }
    for (size_t i = 0; !rc && i < json_object_array_length(list); i++) {
        json_object *container = json_object_array_get_idx(list, i);
        const char *id = json_text(container, "Id", "");

        if (is_id(id) && is_stale(container)) {
            rc = worker_is_stopping(reconcile->worker) ? -1 : container_tidy(api, id, NULL);
        }
    }
    return rc ? -1 : 0;
}

static void bury(struct reconcile *reconcile, const struct grave *grave)
{
    pthread_mutex_lock(&reconcile->lock);
    if (!reconcile->graves) {
        reconcile->graves = calloc(RECONCILE_MAX_GRAVES, sizeof *reconcile->graves);
    }
    if (reconcile->graves && reconcile->grave_count < RECONCILE_MAX_GRAVES) {
        reconcile->graves[reconcile->grave_count++] = *grave;
        reconcile->wanted = 1;
    }
    pthread_mutex_unlock(&reconcile->lock);
}

static void remove_graves(struct reconcile *reconcile)
{
    struct grave *graves;
    size_t count;
    int32_t rc = 0;

    pthread_mutex_lock(&reconcile->lock);
    graves = reconcile->graves;
    count = reconcile->grave_count;
    reconcile->graves = NULL;
    reconcile->grave_count = 0;
    pthread_mutex_unlock(&reconcile->lock);
    for (size_t i = 0; i < count; i++) {
        int early = monotonic_ms() < graves[i].may_appear_until_ms;

        /* When the engine does not answer for one, it is not asked about the others. */
        rc = rc ? rc : container_remove(&reconcile->api, graves[i].name, NULL);
        if (rc || early) {
            bury(reconcile, &graves[i]);
        }
    }
    free(graves);
}

static void run(void *ctx)
{
    struct reconcile *reconcile = ctx;
    int listed;

    pthread_mutex_lock(&reconcile->lock);
    listed = reconcile->listed;
    reconcile->wanted = 0;
    pthread_mutex_unlock(&reconcile->lock);
    remove_graves(reconcile);
    if (!listed) {
        listed = remove_stale(reconcile) == 0;
        pthread_mutex_lock(&reconcile->lock);
        reconcile->listed = listed;
        reconcile->wanted |= !listed;
        pthread_mutex_unlock(&reconcile->lock);
    }
}

void reconcile_init(struct reconcile *reconcile, struct worker *worker)
{
    *reconcile =
        (struct reconcile){.worker = worker, .lock = PTHREAD_MUTEX_INITIALIZER, .wanted = 1};
    reconcile->job = (struct worker_job){.run = run, .ctx = reconcile};
}

void reconcile_clear(struct reconcile *reconcile)
{
    if (reconcile->grave_count) {
        remove_graves(reconcile);
    }
    free(reconcile->graves);
    pthread_mutex_destroy(&reconcile->lock);
}

void reconcile_bury(struct reconcile *reconcile, const char *name, int uncertain)
{
    struct grave grave = {.may_appear_until_ms = uncertain ? monotonic_ms() + APPEAR_MS : 0};

    (void)snprintf(grave.name, sizeof grave.name, "%s", name);
    bury(reconcile, &grave);
}

void reconcile_kick(struct reconcile *reconcile)
{
    int wanted;

    pthread_mutex_lock(&reconcile->lock);
    wanted = reconcile->wanted;
    pthread_mutex_unlock(&reconcile->lock);
    if (wanted) {
        worker_post(reconcile->worker, &reconcile->job);
    }
}
