/*
 * delegate_support.h - two managers: `inner` has the sandboxes (backend null), `outer` asks it for everything (backend
 * elsewhere).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CORE_TEST_DELEGATE_SUPPORT_H
#define CORE_TEST_DELEGATE_SUPPORT_H

#include "../../fixtures/elsewhere.h"
#include "support.h"

/* Parameters of the tool `run`. */
#define SAY_A "{\"argv\": [\"out\", \"a\"]}"
#define HANG "{\"argv\": [\"out\", \"begun\", \"hang\"]}"

extern struct enclave_manager *inner, *outer;
extern struct elsewhere there;

/* For each test. */
int delegate_set_up(void **state);
int delegate_tear_down(void **state);
#define DELEGATE_TEST(test)                                                                        \
    cmocka_unit_test_setup_teardown(test, delegate_set_up, delegate_tear_down)
/* Put another in place of `outer`, which is freed; `more` are settings, or NULL. */
void delegate_outer(const char *const *more);
int32_t delegate_try_outer(const char *const *more, struct enclave_manager **ret_manager,
                           struct enclave_error *err);

/* Create, with the tools `run` and `plain`. */
void delegate_sandbox(struct enclave_manager *manager, const char *wanted_id,
                      char ret_id[ENCLAVE_ID_SIZE]);
int delegate_has_sandbox(struct enclave_manager *manager, const char *id);
json_object *delegate_info_of(struct enclave_manager *manager, const char *id);
/* How many entries the outer manager has. */
int64_t delegate_entries(void);
/* How many it lists in a state, or all for 0. */
int64_t delegate_list_length(struct enclave_manager *manager, uint32_t status);

#endif
