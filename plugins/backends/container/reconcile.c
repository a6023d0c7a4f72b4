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
#include <sys/eventfd.h>
#include <unistd.h>

/* So long an engine may go on with a request to create that nobody waits for any more. */
#define APPEAR_MS 60000

/* {"label":["io.enclave.version"]}, escaped. Not by status: engines refuse each other's names for it. */
#define LIST_PATH "/containers/json?all=1&filters=%7B%22label%22%3A%5B%22" LABEL_VERSION "%22%5D%7D"

static int does_not_run(json_object *container)
{
    /* Docker lists as "removing" what it has failed to remove, for ever. */
    static const char *const states[] = {"created", "exited", "stopped", "dead", "removing"};
    const char *state = json_text(container, "State", "");

    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        if (strcmp(state, states[i]) == 0) {
            return 1;
        }
    }
    return 0;
}

/* It is not asked about the others then. */
static int is_mute(int32_t rc)
{
    return rc == ENCLAVE_ETIMEOUT || rc == ENCLAVE_EUNREACHABLE;
}

static int is_stale(json_object *container)
{
    json_object *labels = json_member(container, "Labels");
    int64_t created = json_object_get_int64(json_member(container, "Created"));

    return does_not_run(container) && labels_owner(labels, created) == LABELS_OWNER_DEAD &&
           strcmp(json_text(labels, LABEL_KEEP, ""), "true") != 0;
}

static int is_id(const char *text)
{
    return *text && strspn(text, "0123456789abcdef") == strlen(text) &&
           strlen(text) < CONTAINER_ID_SIZE;
}

static void tell(const struct reconcile *reconcile, json_object *container)
{
    const struct enclave_host *host = reconcile->host;
    const struct enclave_reclaimed *reclaimed = host->extension(host->ctx, ENCLAVE_RECLAIMED);

    if (reclaimed) {
        reclaimed->owner_gone(host->ctx,
                              json_text(json_member(container, "Labels"), LABEL_SANDBOX, ""));
    }
}

/* Ends when the engine does not answer, or when the worker is to end: nobody waits for this. */
static int remove_stale(const struct reconcile *reconcile)
{
    const struct container_api *api = &reconcile->api;
    int32_t rc = 0;
    int failed = 0;
    json_object *list JSON_CLEANUP = NULL;

    if (engine_request(api->engine, "GET", LIST_PATH, NULL, api->timeout_ms, reconcile->stop_fd,
                       NULL, &list, NULL) != 0 ||
        !json_object_is_type(list, json_type_array)) {
        return -1;
    }
    for (size_t i = 0; !is_mute(rc) && i < json_object_array_length(list); i++) {
        json_object *container = json_object_array_get_idx(list, i);
        const char *id = json_text(container, "Id", "");
        int removed = 0;

        if (is_id(id) && is_stale(container)) {
            rc = worker_is_stopping(reconcile->worker) ? ENCLAVE_ETIMEOUT
                                                       : container_tidy(api, id, &removed, NULL);
            failed |= rc != 0;
        }
        if (removed) {
            tell(reconcile, container);
        }
    }
    return failed ? -1 : 0;
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

        rc = is_mute(rc) ? rc : container_remove(&reconcile->api, graves[i].name, NULL);
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
    reconcile->listed = 1; /* from now on whoever wants it wants it once more */
    reconcile->wanted = 0;
    pthread_mutex_unlock(&reconcile->lock);
    remove_graves(reconcile);
    if (!listed && remove_stale(reconcile) != 0) {
        pthread_mutex_lock(&reconcile->lock);
        reconcile->listed = 0;
        reconcile->wanted = 1;
        pthread_mutex_unlock(&reconcile->lock);
    }
}

void reconcile_init(struct reconcile *reconcile, const struct enclave_host *host,
                    struct worker *worker)
{
    *reconcile = (struct reconcile){
        .host = host, .worker = worker, .lock = PTHREAD_MUTEX_INITIALIZER, .wanted = 1};
    reconcile->job = (struct worker_job){.run = run, .ctx = reconcile};
    reconcile->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

void reconcile_stop(struct reconcile *reconcile)
{
    uint64_t one = 1;

    (void)!write(reconcile->stop_fd, &one, sizeof one);
}

void reconcile_clear(struct reconcile *reconcile)
{
    if (reconcile->grave_count) {
        remove_graves(reconcile);
    }
    free(reconcile->graves);
    if (reconcile->stop_fd >= 0) {
        close(reconcile->stop_fd);
    }
    pthread_mutex_destroy(&reconcile->lock);
}

void reconcile_bury(struct reconcile *reconcile, const char *name, int uncertain)
{
    struct grave grave = {.may_appear_until_ms = uncertain ? monotonic_ms() + APPEAR_MS : 0};

    (void)snprintf(grave.name, sizeof grave.name, "%s", name);
    bury(reconcile, &grave);
}

void reconcile_look_again(struct reconcile *reconcile)
{
    pthread_mutex_lock(&reconcile->lock);
    reconcile->listed = 0;
    reconcile->wanted = 1;
    pthread_mutex_unlock(&reconcile->lock);
    worker_post(reconcile->worker, &reconcile->job);
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
