/*
 * delegate.h - sandboxes that are another manager's: those of a backend that has execute_tool (backend.h).
 *
 * Owns: what is asked of the other manager, and how its answers become ours. The other one counts ages, starts
 * commands, checks tools and capabilities. Here such a sandbox has an entry as others have, with a handle, so that
 * calls, pools and the end of the manager find it; an entry is also made for one that is looked up.
 *
 * What the other manager says of a failure is passed on as it is.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CORE_DELEGATE_H
#define CORE_DELEGATE_H

#include "manager.h"

/* The configured backend when it delegates, else NULL. */
struct plugin *delegate_configured(const struct enclave_manager *manager);

/* --------------------------------------------------------------------------------- delegate.c */

/*
 * Make the sandbox that `*sandbox` is the entry of, which is in the map. The other manager may give it another id:
 * then `*sandbox` is another entry, and the first one gone, with the caller's reference.
 */
int32_t delegate_make(struct enclave_manager *manager, struct sandbox **sandbox, const char *type,
                      const char *config_json, const struct enclave_create_options *options,
                      struct enclave_error *err);

/* enclave_manager_execute_tool() in one that is entered. */
int32_t delegate_execute(struct enclave_manager *manager, struct sandbox *sandbox, const char *tool,
                         const char *params_json, const struct enclave_execute_options *options,
                         struct enclave_result **ret_result, struct enclave_error *err);

int32_t delegate_stop(struct enclave_manager *manager, struct sandbox *sandbox,
                      struct enclave_error *err);
int32_t delegate_keep_alive(struct enclave_manager *manager, struct sandbox *sandbox,
                            int64_t seconds, struct enclave_error *err);

/* ---------------------------------------------------------------------------- delegate_info.c */

/* 1: the sandbox is another manager's, and made. */
int delegate_has(struct sandbox *sandbox);

/* Its info, its tools: an object, the caller's. */
int32_t delegate_info(struct enclave_manager *manager, struct sandbox *sandbox,
                      json_object **ret_object, struct enclave_error *err);
int32_t delegate_tools(struct enclave_manager *manager, struct sandbox *sandbox,
                       json_object **ret_object, struct enclave_error *err);

/* An array of what the other manager of the configured backend shows in a state, or all for 0. */
int32_t delegate_list(struct enclave_manager *manager, uint32_t wanted, json_object **ret_rows,
                      struct enclave_error *err);
/* Add the rows of its sweep to `rows`. */
int32_t delegate_sweep(struct enclave_manager *manager, json_object *rows,
                       struct enclave_error *err);
/* Its stats. NULL: not to be had. */
json_object *delegate_stats(struct enclave_manager *manager);

/* -------------------------------------------------------------------------- delegate_lookup.c */

/* A sandbox with no entry here. As manager_find(). */
int32_t delegate_lookup(struct enclave_manager *manager, const char *id, const char *what,
                        struct sandbox **ret_sandbox, struct enclave_error *err);

/* A call on this sandbox came to `r`: if that may be because it is gone, ask, and drop its entry. 1: it is gone. For
 * all sandboxes. */
int delegate_notice(struct enclave_manager *manager, struct sandbox *sandbox, int32_t r);
/* It is gone: drop its entry. */
void delegate_drop(struct enclave_manager *manager, struct sandbox *sandbox);

/* At each sweep: drop, in the background, the entries of what the other manager has no more. */
void delegate_compare(struct enclave_manager *manager);

#endif
