/*
 * cancel.c - cancel handles.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cancel.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct enclave_cancel {
    pthread_mutex_t lock; /* guards all below; taken before the lock of an execution */
    int triggered;
    int fd; /* eventfd, or -1: made on demand, since most executions never need one */
    struct cancel_watch *watches;
};

int32_t enclave_cancel_new(struct enclave_cancel **ret_cancel, struct enclave_error *err)
{
    if (!ret_cancel) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "make a cancel handle: ret_cancel is NULL");
    }
    struct enclave_cancel *cancel = calloc(1, sizeof *cancel);
    if (!cancel) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "make a cancel handle: out of memory");
    }
    (void)pthread_mutex_init(&cancel->lock, NULL);
    cancel->fd = -1;
    *ret_cancel = cancel;
    return 0;
}

void enclave_cancel_trigger(struct enclave_cancel *cancel)
{
    if (!cancel) {
        return;
    }
    pthread_mutex_lock(&cancel->lock);
    if (!cancel->triggered) {
        cancel->triggered = 1;
        if (cancel->fd >= 0) {
            (void)eventfd_write(cancel->fd, 1);
        }
        for (struct cancel_watch *watch = cancel->watches; watch; watch = watch->next) {
            watch->fire(watch->ctx);
        }
    }
    pthread_mutex_unlock(&cancel->lock);
}

void enclave_cancel_free(struct enclave_cancel *cancel)
{
    if (!cancel) {
        return;
    }
    if (cancel->fd >= 0) {
        (void)close(cancel->fd);
    }
    (void)pthread_mutex_destroy(&cancel->lock);
    free(cancel);
}

void cancel_add(struct enclave_cancel *cancel, struct cancel_watch *watch)
{
    if (!cancel) {
        return;
    }
    pthread_mutex_lock(&cancel->lock);
    watch->next = cancel->watches;
    cancel->watches = watch;
    if (cancel->triggered) {
        watch->fire(watch->ctx);
    }
    pthread_mutex_unlock(&cancel->lock);
}

void cancel_remove(struct enclave_cancel *cancel, struct cancel_watch *watch)
{
    if (!cancel) {
        return;
    }
    pthread_mutex_lock(&cancel->lock);
    for (struct cancel_watch **at = &cancel->watches; *at; at = &(*at)->next) {
        if (*at == watch) {
            *at = watch->next;
            break;
        }
    }
    pthread_mutex_unlock(&cancel->lock);
}

int cancel_triggered(struct enclave_cancel *cancel)
{
    if (!cancel) {
        return 0;
    }
    pthread_mutex_lock(&cancel->lock);
    int triggered = cancel->triggered;
    pthread_mutex_unlock(&cancel->lock);
    return triggered;
}

int cancel_descriptor(struct enclave_cancel *cancel)
{
    if (!cancel) {
        return -1;
    }
    pthread_mutex_lock(&cancel->lock);
    if (cancel->fd < 0) {
        cancel->fd = eventfd(cancel->triggered ? 1 : 0, EFD_CLOEXEC | EFD_NONBLOCK);
    }
    int fd = cancel->fd;
    pthread_mutex_unlock(&cancel->lock);
    return fd;
}
