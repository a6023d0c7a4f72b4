/*
 * owners.c - whose a sandbox is, and a pool, when calls of several keys meet. The manager is played here.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "owners.h"

#include <enclave/enclave.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct owners *owners;
static void (*meanwhile)(void); /* while the manager is asked */

int32_t enclave_manager_get_sandbox_info(struct enclave_manager *manager, const char *id,
                                         char **ret_json, struct enclave_error *err)
{
    (void)manager;
    (void)id;
    (void)err;
    *ret_json = strdup("{\"metadata\": {\"owner\": \"alice\"}}");
    if (meanwhile) {
        meanwhile();
    }
    return 0;
}

int32_t enclave_manager_list_sandboxes(struct enclave_manager *manager, uint32_t status,
                                       char **ret_json, struct enclave_error *err)
{
    (void)manager;
    (void)status;
    (void)err;
    *ret_json = strdup("[]");
    return 0;
}

int32_t enclave_manager_get_config(struct enclave_manager *manager, char **ret_json,
                                   struct enclave_error *err)
{
    (void)manager;
    (void)err;
    *ret_json =
        strdup("[{\"section\": \"pool shared\", \"key\": \"size\", \"value\": \"2\"},"
               " {\"section\": \"pool none\", \"key\": \"size\", \"value\": \"0\"},"
               " {\"section\": \"pool template\", \"key\": \"type\", \"value\": \"null\"}]");
    return 0;
}

void enclave_free(void *memory)
{
    free(memory);
}

static int start(void **state)
{
    static char some; /* there are keys */
    static struct server server;

    server = (struct server){.keys = (struct keys *)(void *)&some};
    meanwhile = NULL;
    owners = owners_new(&server);
    *state = owners;
    return owners && owners_fill(owners, NULL) == 0 ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    owners_free(owners);
    return 0;
}

static void test_a_declared_pool_is_nobodys(void **state)
{
    (void)state;
    assert_false(owners_take_pool(owners, "shared", "alice"));
    assert_true(owners_is_declared_pool(owners, "shared"));
    assert_true(owners_may_use_pool(owners, "shared", "alice"));
    assert_true(owners_may_use_pool(owners, "shared", "bob"));
    assert_false(owners_is_declared_pool(owners, "none"));
    assert_true(owners_take_pool(owners, "none", "alice"));
    assert_true(owners_take_pool(owners, "template", "bob"));
}

static void test_a_claim_lasts_as_long_as_its_pool(void **state)
{
    (void)state;
    assert_true(owners_take_pool(owners, "p", "alice"));
    assert_false(owners_take_pool(owners, "p", "bob"));
    owners_settle_pool(owners, "p", false);
    assert_true(owners_take_pool(owners, "p", "bob"));
    owners_settle_pool(owners, "p", true);
    assert_true(owners_take_pool(owners, "p", "bob")); /* there is one already, says the manager */
    owners_settle_pool(owners, "p", false);
    assert_false(owners_take_pool(owners, "p", "alice"));
    assert_false(owners_may_use_pool(owners, "p", "alice"));
}

static void test_of_two_calls_the_one_that_fails_takes_nothing_away(void **state)
{
    (void)state;
    for (int first = 0; first < 2; first++) {
        const char *pool = first ? "p" : "q";
        assert_true(owners_take_pool(owners, pool, "alice"));
        assert_true(owners_take_pool(owners, pool, "alice"));
        owners_settle_pool(owners, pool, first);
        assert_false(owners_take_pool(owners, pool, "bob"));
        owners_settle_pool(owners, pool, !first);
        assert_false(owners_take_pool(owners, pool, "bob"));
    }
}

static void pass_on(void)
{
    owners_forget(owners, "id");
    owners_set(owners, "id", "bob");
}

static void test_an_id_that_changes_hands_while_it_is_asked_for(void **state)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    (void)state;

    assert_int_equal(owners_check(owners, "other", "alice", &err), 0);
    meanwhile = pass_on;
    assert_int_equal(owners_check(owners, "id", "alice", &err), ENCLAVE_ENOTFOUND);
    assert_int_equal(owners_check(owners, "id", "alice", &err), ENCLAVE_ENOTFOUND);
    assert_int_equal(owners_check(owners, "id", "bob", &err), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_declared_pool_is_nobodys, start, end),
        cmocka_unit_test_setup_teardown(test_a_claim_lasts_as_long_as_its_pool, start, end),
        cmocka_unit_test_setup_teardown(test_of_two_calls_the_one_that_fails_takes_nothing_away,
                                        start, end),
        cmocka_unit_test_setup_teardown(test_an_id_that_changes_hands_while_it_is_asked_for, start,
                                        end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
