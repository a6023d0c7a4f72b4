/*
 * cancel.h - what calls that can be cancelled see of a cancel handle.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CORE_CANCEL_H
#define CORE_CANCEL_H

#include <enclave/enclave.h>

/* A caller that waits. Lives on the waiting thread's stack. */
struct cancel_watch {
    void (*fire)(void *ctx); /* called once at most, under the handle's lock: keep it short */
    void *ctx;
    struct cancel_watch *next;
};

/* From now on the trigger fires `watch`; at once when it has been. `cancel` may be NULL. */
void cancel_add(struct enclave_cancel *cancel, struct cancel_watch *watch);
/* When it returns, `fire` is not running and will not. */
void cancel_remove(struct enclave_cancel *cancel, struct cancel_watch *watch);

/* 1 when it has been triggered; 0 for NULL. */
int cancel_triggered(struct enclave_cancel *cancel);

/* A descriptor that is readable once it has been triggered, the handle's own; -1 for NULL, and when no
 * descriptor is to be had (then only the watch works). Made when first asked for. */
int cancel_descriptor(struct enclave_cancel *cancel);

#endif
