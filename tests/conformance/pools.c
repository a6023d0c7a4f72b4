/*
 * pools.c - sandboxes that are lent to one caller after the other.
 *
 * A backend without `reset`, or one that cannot do it in a sandbox, has another sandbox for each execution instead:
 * then the same is demanded of that.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "box.h"
#include "groups.h"

#include <string.h>

/* Of one sandbox, in a manager of the case's own: pools have no end of their own. */
static struct enclave_manager *pool_new(struct test *t, uint32_t reuse)
{
    struct enclave_pool_options options = ENCLAVE_POOL_OPTIONS_INIT;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_manager *manager = manager_new(t);

    options.reuse = reuse;
    expect_ok(t,
              enclave_manager_initialize_pool(manager, NULL, 1, NULL, box_config(t, ""), &options,
                                              NULL, &err),
              &err);
    return manager;
}

static const char *shell(struct test *t, struct enclave_manager *manager, const char *command)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_result *result = NULL;

    expect_ok(t,
              enclave_manager_execute_tool_in_pool(manager, NULL, "shell_executor",
                                                   params_of(t, "command", command), NULL, 60000,
                                                   &result, &err),
              &err);
    (void)keep_result(t, result);
    expect_exit(t, result, 0);
    return result->output;
}

static const char leave[] =
    "echo a >here; echo b >/tmp/.there; mkdir -p deep/er; chmod 0 deep; exec >/dev/null 2>&1; "
    "sleep 1000 & (setsid sleep 1000 &); nohup sleep 1000 &";

/* As text; it stays as long as its sandboxes do. */
static char *ids_of(struct test *t, struct enclave_manager *manager)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char *text = NULL;

    expect_ok(t, enclave_manager_initialize_pool(manager, NULL, 0, NULL, NULL, NULL, &text, &err),
              &err);
    char *ids = test_text(t, "%s", text);
    enclave_free(text);
    return ids;
}

static int is_reset(struct test *t, struct enclave_manager *manager)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char *text = NULL;

    expect_ok(t, enclave_manager_get_stats(manager, &text, &err), &err);
    const char *not_reset = strstr(text, "\"not_reset\"");
    if (not_reset) {
        test_note(t, "%.120s", not_reset);
    }
    enclave_free(text);
    return !not_reset;
}

static void reset(struct test *t)
{
    struct enclave_manager *manager = pool_new(t, ENCLAVE_POOL_RESET);
    const char *ids = ids_of(t, manager);
    static const char look[] = "ls -A . /tmp; for p in /proc/[0-9]*; do "
                               "grep -q sleep $p/comm && cat $p/comm; done; true";
    const char *before = shell(t, manager, look);

    for (int i = 0; i < 3; i++) {
        (void)shell(t, manager, leave);
        expect_text(t, shell(t, manager, look), before);
    }
    if (is_reset(t, manager)) {
        expect_text(t, ids_of(t, manager), ids);
    }
}

static void dirty(struct test *t)
{
    struct enclave_manager *manager = pool_new(t, ENCLAVE_POOL_DIRTY);

    (void)shell(t, manager, "echo a >here");
    expect_text(t, shell(t, manager, "cat here"), "a\n");
}

static const struct tap_case cases[] = {
    {"reset", "of what one caller has left the next finds no file and no process", reset},
    {"dirty", "as is, the next finds it all", dirty},
};
TAP_GROUP(pools, cases);
