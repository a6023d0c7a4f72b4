/*
 * reaper.c - see reaper.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "reaper.h"

#include "manager.h"

#include <stdlib.h>
#include <string.h>

/* Ending one is mostly waiting for its engine, so several are ended at a time. */
enum { THREADS_PER_BACKEND = 4 };

/* What a thread works for. */
struct reaping {
    struct enclave_manager *manager;
    struct plugin *backend;
};

int32_t reaper_init(struct reaper *reaper)
{
    if (background_init(&reaper->threads) < 0) {
        return ENCLAVE_ENOMEM;
    }
    (void)pthread_mutex_init(&reaper->lock, NULL);
    return 0;
}

void reaper_destroy(struct reaper *reaper)
{
    background_destroy(&reaper->threads);
    (void)pthread_mutex_destroy(&reaper->lock);
}

/* The next of this backend. With none left the thread is no longer one of its threads. */
static struct sandbox *take(struct reaper *reaper, struct plugin *backend)
{
    pthread_mutex_lock(&reaper->lock);
    struct sandbox *taken = backend->buried;
    if (taken) {
        backend->buried = taken->next;
    } else {
        backend->reapers--;
    }
    pthread_mutex_unlock(&reaper->lock);
    return taken;
}

static void reap_all_of(struct enclave_manager *manager, struct plugin *backend)
{
    struct sandbox *sandbox;

    while ((sandbox = take(&manager->reaper, backend))) {
        struct enclave_error why = ENCLAVE_ERROR_INIT;
        const char *reason = sandbox->buried_for;
        char id[ENCLAVE_ID_SIZE];
        memcpy(id, sandbox->id, sizeof id);
        int32_t r = manager_give_up(manager, sandbox, &why);
        if (r == 0) {
            stats_reclaimed(manager->stats, reason);
        }
        manager_log(manager, r < 0 ? ENCLAVE_LOG_ERROR : ENCLAVE_LOG_INFO,
                    "sandbox '%s' reclaimed: %s%s%s", id, reason, r < 0 ? ": " : "",
                    r < 0 ? why.message : "");
    }
}

static void run_reaper(void *arg)
{
    struct reaping reaping = *(struct reaping *)arg;
    free(arg);
    reap_all_of(reaping.manager, reaping.backend);
}

static int32_t start_thread(struct enclave_manager *manager, struct plugin *backend)
{
    struct reaping *reaping = malloc(sizeof *reaping);
    if (!reaping) {
        return ENCLAVE_ENOMEM;
    }
    *reaping = (struct reaping){manager, backend};
    int32_t r = background_start(&manager->reaper.threads, run_reaper, reaping);
    if (r < 0) {
        free(reaping);
    }
    return r;
}

void reaper_bury(struct enclave_manager *manager, struct sandbox *sandbox, const char *reason)
{
    struct reaper *reaper = &manager->reaper;
    struct plugin *backend = sandbox->backend;

    pool_forget(sandbox); /* now: its turn here may be long in coming */
    pthread_mutex_lock(&reaper->lock);
    sandbox->buried_for = reason;
    sandbox->next = NULL;
    *(backend->buried ? &backend->buried_last->next : &backend->buried) = sandbox;
    backend->buried_last = sandbox;
    int more = backend->reapers < THREADS_PER_BACKEND;
    backend->reapers += more ? 1 : 0;
    pthread_mutex_unlock(&reaper->lock);
    /* Where no thread is to be had, one that runs does it, or the next burial's, or the manager's end. */
    if (more && start_thread(manager, backend) < 0) {
        pthread_mutex_lock(&reaper->lock);
        backend->reapers--;
        pthread_mutex_unlock(&reaper->lock);
    }
}

void reaper_finish(struct enclave_manager *manager)
{
    background_wait(&manager->reaper.threads, INT64_MAX);
    for (size_t i = 0; i < manager->registry.count; i++) { /* for which there was no thread */
        struct plugin *plugin = manager->registry.plugins[i];
        pthread_mutex_lock(&manager->reaper.lock);
        plugin->reapers++;
        pthread_mutex_unlock(&manager->reaper.lock);
        reap_all_of(manager, plugin);
    }
}
