/*
 * ending.c - stopping a sandbox, deleting it, letting go of it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "delegate.h"
#include "manager.h"
#include "plugin_call.h"
#include "request.h"

static int32_t refuse_unfinished(struct sandbox *sandbox, const char *what,
                                 struct enclave_error *err)
{
    pthread_mutex_lock(&sandbox->lock);
    int unfinished = sandbox->status == ENCLAVE_STATUS_INITIALIZING;
    pthread_mutex_unlock(&sandbox->lock);
    return unfinished
               ? enclave_error_set(err, ENCLAVE_ESTATE,
                                   "%s: sandbox '%s' is still being created; cancel its creation",
                                   what, sandbox->id)
               : 0;
}

static int32_t stop(struct enclave_manager *manager, struct sandbox *sandbox,
                    struct enclave_error *err)
{
    pthread_mutex_lock(&sandbox->lock);
    void *handle = sandbox->handle;
    if (sandbox->status == ENCLAVE_STATUS_STOPPED || !handle) {
        pthread_mutex_unlock(&sandbox->lock);
        return 0;
    }
    sandbox->users++; /* a delete must not take the handle away meanwhile */
    sandbox_set_status(sandbox, ENCLAVE_STATUS_STOPPING, manager_now_s(manager));
    pthread_mutex_unlock(&sandbox->lock);

    struct enclave_error why = ENCLAVE_ERROR_INIT;
    int32_t r = sandbox->backend->loaded.ops.backend.stop(handle, &why);
    r = plugin_result(r, &why, sandbox->backend->name, "stop", &why);

    pthread_mutex_lock(&sandbox->lock);
    sandbox_set_status(sandbox, r < 0 ? ENCLAVE_STATUS_ERROR : ENCLAVE_STATUS_STOPPED,
                       manager_now_s(manager));
    (void)snprintf(sandbox->reason, sizeof sandbox->reason, "%s", r < 0 ? why.message : "");
    if (--sandbox->users == 0) {
        pthread_cond_broadcast(&sandbox->left);
    }
    pthread_mutex_unlock(&sandbox->lock);
    return r < 0 ? enclave_error_set(err, r, "stop sandbox '%s': %s", sandbox->id, why.message) : 0;
}

int32_t enclave_manager_stop_sandbox(struct enclave_manager *manager, const char *id,
                                     struct enclave_error *err)
{
    struct sandbox *sandbox = NULL;
    int32_t r = manager_find(manager, id, "stop a sandbox", &sandbox, err);
    if (r < 0) {
        return r;
    }
    r = refuse_unfinished(sandbox, "stop", err);
    if (r == 0) {
        r = backend_delegates(sandbox->backend) ? delegate_stop(manager, sandbox, err)
                                                : stop(manager, sandbox, err);
    }
    sandbox_unref(sandbox);
    return r;
}

/* What the backend has of it. */
struct handles {
    void *sandbox, *process;
};

/* Nobody can use it from now on, and nobody does; the lock is held. */
static struct handles take_handles(struct sandbox *sandbox)
{
    struct handles handles = {sandbox->handle, sandbox->command.process};
    sandbox->handle = sandbox->command.process = NULL;
    return handles;
}

/* It is stopped or detached: wait until nobody uses it any more. */
static struct handles take_when_left(struct sandbox *sandbox)
{
    pthread_mutex_lock(&sandbox->lock);
    struct startup_command *command = &sandbox->command;
    while (sandbox->users > 0 || (command->process && !command->exited)) {
        pthread_cond_wait(&sandbox->left, &sandbox->lock);
    }
    struct handles handles = take_handles(sandbox);
    pthread_mutex_unlock(&sandbox->lock);
    return handles;
}

/* Another manager stops what it deletes: to ask for that first is a round trip that only what is under way is worth. */
static int take_unused(struct enclave_manager *manager, struct sandbox *sandbox,
                       struct handles *ret_handles)
{
    pthread_mutex_lock(&sandbox->lock);
    int unused = backend_delegates(sandbox->backend) && sandbox->users == 0;
    if (unused) {
        sandbox_set_status(sandbox, ENCLAVE_STATUS_STOPPED, manager_now_s(manager));
        *ret_handles = take_handles(sandbox);
    }
    pthread_mutex_unlock(&sandbox->lock);
    return unused;
}

/* The handles go, and the caller's reference. */
static int32_t release(struct enclave_manager *manager, struct sandbox *sandbox,
                       struct handles handles, struct enclave_error *err)
{
    const struct enclave_backend_ops *ops = &sandbox->backend->loaded.ops.backend;
    struct enclave_error why = ENCLAVE_ERROR_INIT;
    int32_t r = 0;

    if (handles.process) {
        ops->process_release(handles.process);
    }
    if (handles.sandbox) {
        r = ops->destroy(handles.sandbox, &why);
        r = plugin_result(r, &why, sandbox->backend->name, "destroy", &why);
        stats_deleted(manager->stats);
    }
    if (r < 0 && backend_delegates(sandbox->backend)) { /* says by itself what was attempted */
        enclave_error_set(err, r, "%s", why.message);
    } else if (r < 0) {
        enclave_error_set(err, r, "delete sandbox '%s': %s", sandbox->id, why.message);
    }
    request_retire(&manager->requests, sandbox->request);
    sandbox_unref(sandbox);
    return r;
}

int32_t manager_destroy(struct enclave_manager *manager, struct sandbox *sandbox,
                        struct enclave_error *err)
{
    struct handles handles;

    pool_forget(sandbox);
    if (!take_unused(manager, sandbox, &handles)) {
        (void)stop(manager, sandbox, NULL); /* what it cannot end, destroy reports */
        handles = take_when_left(sandbox);
    }
    return release(manager, sandbox, handles, err);
}

void manager_detach(struct enclave_manager *manager, struct sandbox *sandbox)
{
    struct enclave_error why = ENCLAVE_ERROR_INIT;
    const struct enclave_backend_ops *ops = &sandbox->backend->loaded.ops.backend;

    pthread_mutex_lock(&sandbox->lock);
    void *handle = sandbox->handle; /* which only release() takes away */
    sandbox_set_status(sandbox, ENCLAVE_STATUS_STOPPING, manager_now_s(manager));
    pthread_mutex_unlock(&sandbox->lock);
    if (ops->detach(handle, &why) < 0 && !backend_delegates(sandbox->backend)) {
        (void)stop(manager, sandbox, NULL);
    }
    (void)release(manager, sandbox, take_when_left(sandbox), NULL);
}

int32_t manager_give_up(struct enclave_manager *manager, struct sandbox *sandbox,
                        struct enclave_error *err)
{
    pthread_mutex_lock(&sandbox->lock);
    int borrowed = sandbox->borrowed;
    pthread_mutex_unlock(&sandbox->lock);
    if (!borrowed) {
        return manager_destroy(manager, sandbox, err);
    }
    pool_forget(sandbox);
    manager_detach(manager, sandbox);
    return 0;
}

/* `end` has the reference of the map. */
static int32_t end_unless_unfinished(struct enclave_manager *manager, struct sandbox *sandbox,
                                     int32_t (*end)(struct enclave_manager *manager,
                                                    struct sandbox *sandbox,
                                                    struct enclave_error *err),
                                     struct enclave_error *err)
{
    int32_t r = refuse_unfinished(sandbox, "delete", err);
    if (r == 0 && sandbox_map_remove(&manager->sandboxes, sandbox)) {
        return end(manager, sandbox, err);
    }
    return r == 0 ? enclave_error_set(err, ENCLAVE_ENOTFOUND, "delete a sandbox: no sandbox '%s'",
                                      sandbox->id)
                  : r;
}

int32_t manager_end_own(struct enclave_manager *manager, struct sandbox *sandbox,
                        struct enclave_error *err)
{
    return end_unless_unfinished(manager, sandbox, manager_give_up, err);
}

int32_t enclave_manager_delete_sandbox(struct enclave_manager *manager, const char *id,
                                       struct enclave_error *err)
{
    struct sandbox *sandbox = NULL;
    int32_t r = manager_find(manager, id, "delete a sandbox", &sandbox, err);
    if (r == 0) {
        r = end_unless_unfinished(manager, sandbox, manager_destroy, err);
        sandbox_unref(sandbox);
    }
    return r;
}
